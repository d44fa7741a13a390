"""ROCm's streams on one host, one after the other: each comes whole, and nothing of the one before stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from control import support
from control.lab import amd
from control.lab.spec import HostSpec
from tests.lab import state
from tests.lab.conftest import SITE, Done, LabHost, gpuhost, host_variables, make, remove

pytestmark = pytest.mark.lab

SYSTEM = "debian-13"
#: Releases of AMD's older packages that the mirror has, newest first.
NEWEST, OLDER = (row for row in amd.rocms(support.load(), "classic", SYSTEM)[:2])
CORE = amd.rocms(support.load(), "core", SYSTEM)[0]

#: What AMD's guides leave, for a release that this host's mirror never had.
LEFT = {
    "/etc/apt/sources.list.d/rocm.list": "deb [arch=amd64] https://repo.radeon.com/rocm/apt/5.5.1 jammy main\n",
    "/etc/apt/preferences.d/rocm-pin-600": "Package: *\nPin: release o=repo.radeon.com\nPin-Priority: 600\n",
    "/etc/ld.so.conf.d/rocm.conf": "/opt/rocm/lib\n/opt/rocm/lib64\n",
}
GROUPS = "ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS=video\nEXTRA_GROUPS=render\n"
RULE = "/etc/udev/rules.d/70-gpuhost-amdgpu.rules"


@dataclass(frozen=True)
class Streams:
    """A host on which nothing but ROCm and access to the GPU is set up."""

    host: LabHost
    before: dict[str, Any]
    packages_before: dict[str, str]

    def up(self, stream: str, *words: str, **more: Any) -> Done:
        wishes = {"rocm_stream": stream, "services_enabled": [], "pytorch_build": "none", **more}
        host_variables(self.host, "\n".join(f"{name}: {value!r}" for name, value in wishes.items()))
        return gpuhost("up", "--site", SITE, "--host", self.host.name, "--json", *words)

    def converges(self, stream: str, **more: Any) -> Done:
        """``up`` ends well, and a second one finds nothing to do."""
        done = self.up(stream, **more)
        assert done.code == 0, done.text
        again = self.up(stream, **more)
        assert (again.code, again.document["hosts"][self.host.name]["due"]) == (0, {}), again.text
        return done

    def amd_packages(self) -> dict[str, str]:
        """Installed packages that stand in for AMD's."""
        lines = self.host.run("dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\t${Maintainer}\n'").splitlines()
        rows = [line.split("\t") for line in lines if line.startswith("ii") and "AMD" in line]
        return {name: version for _, name, version, _ in rows}

    def exists(self, *paths: str) -> list[str]:
        return [path for path in paths if self.host.run(f"test -e {path} -o -L {path} && echo yes", check=False)]

    def sources(self) -> set[str]:
        return set(self.host.run("ls /etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/preferences.d").split())


@pytest.fixture(scope="module")
def streams() -> Iterator[Streams]:
    (host,) = make(HostSpec(8, 13))
    for path, text in LEFT.items():
        host.run(f"cat > {path} <<'EOF'\n{text}EOF")
    host.run(f"cat >> /etc/adduser.conf <<'EOF'\n{GROUPS}EOF")
    made = Streams(host, state.files(host), state.packages(host))
    yield made
    host_variables(host, "").unlink()
    remove(host)


def test_amd_s_older_packages_come_by_release_and_what_guides_left_goes_into_a_backup(streams: Streams) -> None:
    streams.converges("classic")
    host, found = streams.host, streams.amd_packages()
    assert f".{_digits(NEWEST.version)}-" in found["rocm-core"]
    # The distribution's rocminfo has the higher number; the pin makes AMD's the one.
    assert f".{_digits(NEWEST.version)}-" in found["rocminfo"]
    assert host.run("readlink -f /opt/rocm").strip() == NEWEST.prefix
    assert host.run("bash -lc 'command -v rocminfo'").strip() == f"{NEWEST.prefix}/bin/rocminfo"
    assert f"{NEWEST.prefix}/lib" in host.run("ldconfig -p")
    assert streams.exists(*LEFT) == []
    assert "EXTRA_GROUPS=video" not in host.run("cat /etc/adduser.conf")
    (folder,) = host.run("ls -d /var/lib/gpuhost/backup/*").split()
    assert {path: host.run(f"cat {folder}{path}") for path in LEFT} == LEFT
    assert GROUPS in host.run(f"cat {folder}/etc/adduser.conf")
    assert host.run("stat -c %a:%U /var/lib/gpuhost/backup").strip() == "700:root"


def test_every_change_lies_inside_a_footprint_or_a_package(streams: Streams) -> None:
    host = streams.host
    changed = state.difference(streams.before, state.files(host))
    owned, footprint = state.owned_by_packages(host), state.footprint_paths(host)
    strange = [path for path in changed if path not in owned and not state.made_by_packages(path)]
    cleaned = [*LEFT, "/etc/adduser.conf"]
    assert [path for path in strange if path not in cleaned and not state.covered(path, footprint)] == []


def test_an_older_release_takes_the_place_of_a_newer_one_and_back(streams: Streams) -> None:
    for row, other in ((OLDER, NEWEST), (NEWEST, OLDER)):
        streams.converges("classic", rocm_version=row.version)
        assert {f".{_digits(row.version)}-" in version for version in streams.amd_packages().values()} == {True}
        assert streams.exists(other.prefix, row.prefix, "/opt/rocm/bin") == [row.prefix, "/opt/rocm/bin"]


def test_the_core_sdk_comes_without_anything_of_the_older_packages(streams: Streams) -> None:
    streams.converges("core", gpu_access_method="udev")
    found = streams.amd_packages()
    assert found
    assert {name.startswith("amdrocm") for name in found} == {True}
    assert streams.exists(NEWEST.prefix, CORE.prefix) == [CORE.prefix]
    assert streams.host.run("readlink -f /opt/rocm/bin").strip() == f"{CORE.prefix}/bin"
    assert {"gpuhost-core.sources", "gpuhost-core.gpg"} <= streams.sources()
    assert [name for name in streams.sources() if "gpuhost-rocm" in name or "gpuhost-graphics" in name] == []
    assert streams.exists("/etc/ld.so.conf.d/gpuhost-rocm.conf", "/etc/profile.d/gpuhost-rocm.sh") == []


def test_a_rule_of_ours_gives_the_nodes_to_one_group_and_to_nobody_else(streams: Streams) -> None:
    rule = streams.host.run(f"cat {RULE}")
    assert rule.count('GROUP="render", MODE="0660"') == 2
    assert "0666" not in rule
    assert streams.host.run("id -nG gpuhost").split() == ["gpuhost", "render"]


def test_the_distribution_s_tools_come_without_anything_of_amd_s(streams: Streams) -> None:
    streams.converges("distro")
    assert streams.amd_packages() == {}
    assert [name for name in streams.sources() if name.startswith("gpuhost-")] == []
    assert streams.exists("/opt/rocm", RULE) == []
    assert streams.host.run("command -v rocminfo").strip() == "/usr/bin/rocminfo"
    assert sorted(streams.host.run("id -nG gpuhost").split()) == ["gpuhost", "render", "video"]


def test_none_leaves_none(streams: Streams) -> None:
    streams.converges("none")
    assert "rocminfo" not in state.packages(streams.host)


def test_a_repository_that_is_signed_with_another_key_is_refused_before_anything_changes(streams: Streams) -> None:
    before = state.files(streams.host)
    debian = {"sources_amd_key": "{{ sources_apt_key }}", "sources_amd_key_fingerprint": "{{ sources_apt_key_fingerprint }}"}
    done = streams.up("classic", **debian)
    assert done.code == 17, done.text
    assert [one["id"] for one in done.document["hosts"][streams.host.name]["findings"]][-1] == "GH-APT-SIGNATURE"
    assert state.difference(before, state.files(streams.host)) == {}


def test_remove_leaves_the_host_as_it_was_and_says_where_the_backup_is(streams: Streams) -> None:
    streams.converges("classic")
    (folder,) = streams.host.run("ls -d /var/lib/gpuhost/backup/*").split()
    done = gpuhost("remove", "--site", SITE, "--host", streams.host.name, "--json")
    assert done.code == 0, done.text
    assert f"backup:{folder}" in done.document["hosts"][streams.host.name]["kept"]
    assert state.difference(streams.packages_before, state.packages(streams.host)) == {}
    left = state.difference(streams.before, state.files(streams.host))
    expected = {*LEFT, "/etc/adduser.conf"}
    strange = [path for path in left if path not in expected and not state.made_by_packages(path)]
    assert [path for path in strange if not path.startswith("/var/lib/gpuhost")] == []
    assert streams.exists(folder, "/var/lib/gpuhost/seals", "/var/lib/gpuhost/steps") == [folder]


def _digits(version: str) -> str:
    """As AMD writes a release in its packages' versions: 70204."""
    major, minor, micro = version.split(".")
    return f"{major}{minor:0>2}{micro:0>2}"
