"""One question each, to the running host, by other means than gpuhost's own checks."""

from __future__ import annotations

import json
import socket

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.lab

LOOPBACK = ("127.0.0.1", "::1")


def main_process(host: Host, service: str) -> str:
    """What the kernel says of a container's first process."""
    return host.file(f"/proc/{host.docker(f'gpuhost-{service}').inspect()['State']['Pid']}/status").content_string


@pytest.mark.parametrize("group", ["render", "video"])
def test_the_user_is_in_the_group(host: Host, login: str, group: str) -> None:
    assert group in host.user(login).groups


@pytest.mark.parametrize("group", ["render", "video"])
def test_a_new_login_has_the_group(as_user: Host, group: str) -> None:
    assert group in as_user.check_output("id -Gn").split()


def test_the_user_is_not_in_the_engine_s_group_which_is_root(host: Host, login: str) -> None:
    assert "docker" not in host.user(login).groups


@pytest.mark.parametrize("device", ["/dev/kfd", "/dev/dri/renderD128"])
def test_the_device_belongs_to_render_and_to_nobody_else(host: Host, device: str) -> None:
    node = host.file(device)
    assert (node.group, node.mode & 0o777) == ("render", 0o660)


def test_the_user_may_read_and_write_the_device(as_user: Host) -> None:
    assert as_user.run("test -r /dev/kfd -a -w /dev/kfd").rc == 0


def test_the_container_runs(host: Host, service: str) -> None:
    assert host.docker(f"gpuhost-{service}").is_running


def test_the_container_is_healthy(host: Host, service: str) -> None:
    assert host.docker(f"gpuhost-{service}").inspect()["State"]["Health"]["Status"] == "healthy"


def test_the_container_has_no_capability(host: Host, service: str) -> None:
    status = main_process(host, service)
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    assert int(effective.split()[1], 16) == 0


def test_the_container_cannot_gain_rights(host: Host, service: str) -> None:
    status = main_process(host, service)
    assert "NoNewPrivs:\t1" in status


def test_the_container_does_not_run_as_root(host: Host, service: str) -> None:
    status = main_process(host, service)
    uids = next(line for line in status.splitlines() if line.startswith("Uid")).split()[1:]
    assert "0" not in uids


def test_the_service_listens_on_loopback(host: Host, service: str, port: int) -> None:
    assert host.socket(f"tcp://127.0.0.1:{port}").is_listening


def test_nothing_but_ssh_listens_beyond_loopback(host: Host) -> None:
    sockets = [line.removeprefix("tcp://") for line in host.socket.get_listening_sockets() if line.startswith("tcp://")]
    beyond = [one for one in sockets if not one.startswith(("127.", "::1:", "[::1]:"))]
    assert {one.rpartition(":")[2] for one in beyond} <= {"22"}


def test_from_another_machine_the_service_cannot_be_reached(address: str, service: str, port: int) -> None:
    assert address not in LOOPBACK
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((address, port), timeout=3).close()


def test_from_another_machine_the_secured_port_is_the_only_one_that_answers(address: str) -> None:
    with socket.create_connection((address, 22), timeout=5) as ssh:
        assert ssh.recv(4) == b"SSH-"


def test_docker_starts_at_boot(host: Host) -> None:
    docker = host.service("docker")
    assert docker.is_enabled
    assert docker.is_running


@pytest.mark.parametrize("package", ["rocminfo", "rocm-smi"])
def test_the_rocm_tool_comes_from_a_package(host: Host, package: str) -> None:
    assert host.package(package).is_installed


def test_no_secret_can_be_read_by_group_or_others(host: Host) -> None:
    assert host.check_output("find /etc/gpuhost/secrets -type f -perm /077") == ""
    assert host.check_output("find /etc/gpuhost/secrets -type f | wc -l") != "0"


def test_the_user_that_logs_in_cannot_read_a_secret(as_user: Host) -> None:
    assert as_user.run("cat /etc/gpuhost/secrets/jupyter/token").rc != 0


def test_a_secret_is_in_no_command_line_and_no_inspection(host: Host) -> None:
    token = host.check_output("cat /etc/gpuhost/secrets/jupyter/token")
    assert len(token) >= 32
    assert token not in host.check_output("ps axwwe")
    assert token not in host.check_output("docker inspect gpuhost-jupyter")
    assert token not in host.check_output("docker logs gpuhost-jupyter 2>&1")


def test_anythingllm_keeps_its_settings_to_itself(host: Host) -> None:
    settings = host.file("/srv/gpuhost/anythingllm/.env")
    assert settings.is_file
    assert (settings.uid, settings.mode & 0o777) == (1000, 0o600)


@pytest.mark.parametrize("folder", ["/opt/gpuhost", "/etc/gpuhost", "/var/lib/gpuhost"])
def test_nobody_else_can_write_what_root_runs_or_reads(host: Host, folder: str) -> None:
    assert host.check_output("find %s -xdev ! -type l -perm /022", folder) == ""


def test_what_is_expected_of_the_host_is_there_for_everybody(as_user: Host) -> None:
    expected = json.loads(as_user.file("/etc/gpuhost/expected.json").content_string)
    assert expected["schema"] == 1


def test_pytorch_can_be_imported_by_the_user(as_user: Host) -> None:
    assert as_user.run("/opt/gpuhost/torch/bin/python -c 'import torch'").rc == 0


def test_the_checks_say_the_same_from_inside(host: Host) -> None:
    done = host.run("cd /opt/gpuhost && python3 -m verify run --json")
    results = json.loads(done.stdout)["results"]
    assert [row["id"] for row in results if row["status"] == "fail"] == []
    assert done.rc == 0
    assert len(results) >= 35


def test_a_user_without_root_can_run_the_checks_too(as_user: Host) -> None:
    done = as_user.run("cd /opt/gpuhost && python3 -m verify run --json access system")
    assert done.rc in (0, 1), done.stderr
    assert json.loads(done.stdout)["results"]


def test_no_unit_of_ours_has_failed(host: Host) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend 'gpuhost-*' docker.service") == ""
