"""What engine, port and Python probes see in trees made for the case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.verify.builder import Builder
from tests.unit.verify.hosts import container
from tests.unit.verify.parts import DEBIAN12, UBUNTU2204
from verify.probes import containers, ports, pythons
from verify.probes.host import Host


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    return Builder(tmp_path, DEBIAN12)


# -- engine and ports


def test_an_engine_that_does_not_answer_is_present_with_the_reason(made: Builder) -> None:
    made.write("/usr/bin/dockerd", "")
    said = containers.look_engine(made.host)
    assert (said["present"], said["containers"], said["error"]) == (True, [], "permission denied on /var/run/docker.sock")


def test_a_host_without_an_engine_is_not_asked(made: Builder) -> None:
    assert containers.look_engine(made.host)["present"] is False


def test_a_container_that_went_away_while_we_looked_is_left_out(made: Builder) -> None:
    made.docker("29.0.0", [container("ollama", "ollama/ollama", 11434)])
    assert made.host.api is not None
    made.host.api["/containers/json?all=1"].append({"Id": "gone"})
    assert [row["name"] for row in containers.look_engine(made.host)["containers"]] == ["ollama"]


@pytest.mark.parametrize(
    ("part", "change", "same"),
    [
        ("Config", {"Env": ["PATH=/bin", "A=1"]}, False),
        ("HostConfig", {"Devices": [{"PathOnHost": "/dev/kfd"}]}, False),
        ("HostConfig", {"PortBindings": {}}, False),
        ("State", {"Status": "exited"}, True),
        ("HostConfig", {"LogConfig": {"Type": "json-file"}}, True),
    ],
)
def test_the_hash_of_a_container_changes_with_its_configuration_and_not_with_its_state(
    part: str, change: dict[str, Any], same: bool
) -> None:
    before, after = container("ollama", "ollama/ollama", 11434), container("ollama", "ollama/ollama", 11434)
    after[part] = {**after[part], **change}
    assert (containers.config_hash(before) == containers.config_hash(after)) is same


def test_listening_sockets_have_readable_addresses() -> None:
    text = (
        "header\n"
        "   0: 0100007F:2CAA 00000000:0000 0A 0:0 0:0 0 0 0 111 1\n"
        "   1: 0100007F:2CAA 0100007F:9999 01 0:0 0:0 0 0 0 112 1\n"
        "   2: 00000000000000000000000001000000:1F90 0:0 0A 0:0 0:0 0 0 0 113 1\n"
    )
    assert ports.listening(text) == [("127.0.0.1", 11434, "111"), ("::1", 8080, "113")]


def test_a_port_names_its_process_and_the_container_behind_a_proxy(made: Builder) -> None:
    made.listen((22, 700, "sshd"), (11434, 900, "docker-proxy"))
    rows = ports.look_ports(made.host)
    ports.name_containers(
        rows, [{"name": "ollama", "ports": [{"host_port": 11434}]}, {"name": "x", "ports": [{"host_port": 22}]}]
    )
    assert [(r["port"], r["process"], r["container"]) for r in rows] == [
        (22, "sshd", None),
        (11434, "docker-proxy", "ollama"),
    ]


def test_a_service_of_ours_on_the_host_itself_is_known_by_its_unit(made: Builder) -> None:
    made.listen((11434, 900, "ollama"), (22, 700, "sshd"))
    made.write("/proc/900/cgroup", "0::/system.slice/gpuhost-ollama.service\n")
    made.write("/proc/700/cgroup", "0::/system.slice/ssh.service\n")
    rows = {row["port"]: row.get("unit") for row in ports.look_ports(made.host)}
    assert rows == {22: None, 11434: "gpuhost-ollama.service"}


def test_a_host_whose_ports_cannot_be_read_is_not_one_without_ports(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ports.look_ports(Host(str(tmp_path)))


# -- Python


def test_a_python_without_ensurepip_cannot_make_environments(made: Builder) -> None:
    made.installed()
    assert pythons.look_python(made.host) == {
        "version": "3.11.2",
        "executable": "/usr/bin/python3",
        "has_venv": False,
        "has_pip": False,
    }
    made.write("/usr/lib/python3.11/ensurepip/__init__.py", "")
    made.write("/usr/lib/python3/dist-packages/pip/__init__.py", "")
    seen = pythons.look_python(made.host)
    assert (seen["has_venv"], seen["has_pip"]) == (True, True)


def test_a_host_without_python_says_so(made: Builder) -> None:
    (Path(made.host.root) / "usr/bin/python3").unlink()
    assert pythons.look_python(made.host)["version"] is None


def test_environments_show_which_torch_they_hold(tmp_path: Path) -> None:
    made = Builder(tmp_path, UBUNTU2204)
    made.write("/opt/gpuhost/torch/pyvenv.cfg", "version = 3.12.3\n")
    made.write(
        "/opt/gpuhost/torch/lib/python3.12/site-packages/torch/version.py",
        "__version__ = '2.9.1+rocm6.4'\ndebug = False\ncuda: Optional[str] = None\nhip: Optional[str] = '6.4.43482'\n",
    )
    made.write("/home/gpuhost/venv/pyvenv.cfg", "version_info = 3.10.12.final.0\n")
    assert pythons.look_venvs(made.host) == [
        {
            "path": "/opt/gpuhost/torch",
            "python": "3.12.3",
            "torch": {"version": "2.9.1+rocm6.4", "hip": "6.4.43482", "cuda": None},
        },
        {"path": "/home/gpuhost/venv", "python": "3.10.12", "torch": None},
    ]
