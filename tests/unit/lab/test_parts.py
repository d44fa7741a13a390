"""Networks, keys, files and the words of the lab."""

from __future__ import annotations

import io
import ssl
import stat
import tarfile
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from control.lab import engine, hosts, keys, network, simulate, site
from control.lab.errors import LabError
from control.lab.files import File, archive
from control.lab.simulate import Link
from control.lab.spec import HostSpec

ROUTES = """\
default via 192.0.2.1 dev eth0
10.213.77.0/25 dev tun0 scope link
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown
unreachable 10.9.0.0/16
"""


def test_routes_are_read_without_the_default() -> None:
    assert network.routes(ROUTES) == [IPv4Network("10.213.77.0/25"), IPv4Network("172.17.0.0/16")]


def test_the_subnet_overlaps_nothing_that_is_in_use() -> None:
    assert network.free_subnet([]) == IPv4Network("10.213.77.0/24")
    assert network.free_subnet(network.routes(ROUTES)) == IPv4Network("10.213.78.0/24")


def test_no_free_subnet_is_said() -> None:
    with pytest.raises(LabError, match="no free network"):
        network.free_subnet([IPv4Network("10.0.0.0/8")])


def test_no_host_gets_the_address_of_the_mirror_or_the_gateway() -> None:
    subnet = network.CANDIDATES[0]
    addresses = [network.host_address(subnet, n) for n in range(1, 201)]
    assert len({*addresses, network.mirror_address(subnet), subnet[1]}) == 202


def test_every_subnet_has_an_ipv6_network_of_its_own_with_the_hosts_in_it() -> None:
    beside = [network.companion(subnet) for subnet in network.CANDIDATES]
    assert len(set(beside)) == len(beside)
    assert all(one.is_private for one in beside)
    assert network.host_address6(network.CANDIDATES[0], 1) in beside[0]


def test_an_ssh_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "ssh" / "id_ed25519"
    first = keys.ssh_key(path)
    assert keys.ssh_key(path) == first
    assert first.public.startswith("ssh-ed25519 ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_server_certificate_is_good_for_its_names_and_its_addresses(tmp_path: Path) -> None:
    authority = keys.Authority(tmp_path)
    authority.ensure()
    before = authority.certificate.read_text()
    authority.ensure()
    assert authority.certificate.read_text() == before
    certificate, key = authority.server(["gpuhost-lab-mirror", "10.213.77.2"])
    mine = x509.load_pem_x509_certificate(certificate.encode())
    names = mine.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gpuhost-lab-mirror"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.213.77.2"]
    issuer = x509.load_pem_x509_certificate(before.encode())
    mine.verify_directly_issued_by(issuer)
    assert isinstance(mine.public_key(), ec.EllipticCurvePublicKey)
    assert key.startswith("-----BEGIN PRIVATE KEY-----")
    ssl.create_default_context(cadata=before)


def test_folders_in_an_archive_are_roots_but_a_home_is_left_as_it_is() -> None:
    made = archive({"etc/a/b": File("x", mode=0o600), "home/gpuhost/.ssh/k": File("y", uid=7), "opt/l": Link("../x")})
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        found = {one.name: one for one in tar.getmembers()}
    assert {name for name, one in found.items() if one.isdir()} == {"etc", "etc/a", "opt"}
    assert found["etc/a"].mode == 0o755
    assert found["etc/a/b"].mode == 0o600
    assert found["home/gpuhost/.ssh/k"].uid == 7
    assert found["opt/l"].linkname == "../x"


@pytest.mark.parametrize(
    ("tools", "engine_up", "keyring", "wanted"),
    [
        ({"dockerd", "mmdebstrap", "ssh", "ip"}, False, True, []),
        ({"mmdebstrap", "ssh", "ip"}, True, True, []),
        ({"ssh", "ip"}, False, True, ["docker.io", "mmdebstrap"]),
        ({"dockerd", "mmdebstrap", "ssh", "ip"}, True, False, ["debian-archive-keyring"]),
    ],
)
def test_only_what_the_machine_lacks_is_asked_for(
    tools: set[str], engine_up: bool, keyring: bool, wanted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = tmp_path / "keyring"
    if keyring:
        ring.touch()
    monkeypatch.setattr(engine, "KEYRING", ring)
    monkeypatch.setattr(engine, "which", lambda tool: tool if tool in tools else None)
    assert engine.missing_packages(engine_up) == wanted


def test_without_root_the_one_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(LabError) as failure:
        engine.install(["docker.io", "mmdebstrap"], print)
    command = "apt-get install --yes --no-install-recommends docker.io mmdebstrap"
    assert failure.value.next == f"run once: sudo {command}"


def test_an_engine_that_the_lab_did_not_start_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "dockerd.pid"
    monkeypatch.setattr(engine, "_PID_FILE", pid_file)
    killed: list[int] = []
    monkeypatch.setattr(engine.os, "kill", lambda pid, _: killed.append(pid))
    assert engine.stop() is False
    pid_file.write_text("1\n")  # a number that is another program's by now
    assert engine.stop() is False
    assert killed == []


def test_what_down_removed_and_kept_is_said() -> None:
    removed = site.Removed(["gpuhost-lab-1"], ["gpuhost-lab-vm1"], ["gpuhost-lab-1-docker"], [], [], 2_500_000_000)
    assert removed.lines() == [
        "removed 1 containers: gpuhost-lab-1",
        "removed 1 virtual machines: gpuhost-lab-vm1",
        "removed 1 volumes: gpuhost-lab-1-docker",
        "kept 2.5 GB of images for the next lab.up; lab.down --images removes them",
    ]
    assert site.Removed([], [], [], [], [], 0).lines() == ["there was no lab"]


@pytest.mark.parametrize(
    ("gpu", "wanted"),
    [("rx6600", "SIMULATED RX 6600"), (None, "no GPU")],
)
def test_a_simulated_gpu_is_never_called_a_gpu_alone(gpu: str | None, wanted: str) -> None:
    assert simulate.describe(gpu) == wanted


def test_a_host_gets_no_more_of_the_machine_than_systemd_and_docker_need() -> None:
    place = hosts.Place("image", network.CANDIDATES[0][11], network.CANDIDATES[0][2])
    options = hosts.host_options(HostSpec(1), place)
    assert "privileged" not in options
    assert "SYS_RESOURCE" in options["cap_drop"]
    assert set(options["binds"]) == {"/sys/fs/cgroup", "gpuhost-lab-1-docker"}
    assert options["network_mode"] == "gpuhost-lab-net"
