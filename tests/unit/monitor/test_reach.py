"""Hosts are reached as Ansible would, with a connection of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from control.inventory import BadInputError, Selection
from control.monitor import reach
from control.paths import COMMON_INVENTORY

HOSTS = {
    "gpu01": {
        "ansible_host": "192.0.2.11",
        "ansible_user": "admin",
        "ansible_port": 2222,
        "ansible_ssh_private_key_file": "/k",
    },
    "gpu02": {"ansible_host": "2001:db8::1", "ansible_user": "root", "ansible_ssh_common_args": "-o ProxyJump=ada@jump"},
    "plain": {},
    "here": {"ansible_connection": "local"},
    "boxed": {"ansible_connection": "docker"},
    "closed": {"ansible_password": "hunter2"},
    "doas": {"ansible_become_method": "doas"},
    "python": {"ansible_python_interpreter": "/opt/python3.12/bin/python3"},
    "odd": {"ansible_port": "{{ no_such_variable }}"},
}


def ways(tmp_path: Path, hosts: Sequence[str] = tuple(HOSTS)) -> dict[str, reach.Way]:
    (tmp_path / "hosts.yml").write_text(json.dumps({"gpuhost": {"hosts": HOSTS}}), encoding="utf-8")
    return reach.ways(Selection("", (COMMON_INVENTORY, tmp_path), tuple(hosts), False))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, reach.Way]:
    return ways(tmp_path_factory.mktemp("site"))


def options(way: reach.Way) -> dict[str, str]:
    """Options of ssh; it takes the first of several with the same name."""
    chosen: dict[str, str] = {}
    for word, value in zip(way.prefix, way.prefix[1:], strict=False):
        if word == "-o":
            name, _, text = value.partition("=")
            chosen.setdefault(name, text)
    return chosen


def test_user_port_key_and_address_are_those_of_the_inventory(found: dict[str, reach.Way]) -> None:
    way = found["gpu01"]
    assert (way.prefix[0], way.prefix[-1], way.problem) == ("ssh", "192.0.2.11", "")
    assert {"User": '"admin"', "Port": "2222", "IdentityFile": '"/k"'}.items() <= options(way).items()


def test_further_arguments_of_the_site_are_kept(found: dict[str, reach.Way]) -> None:
    assert options(found["gpu02"])["ProxyJump"] == "ada@jump"
    assert found["gpu02"].prefix[-1] == "2001:db8::1"
    assert found["plain"].prefix[-1] == "plain"


def test_the_connection_is_its_own_asks_nothing_and_knows_soon_that_a_host_is_gone(found: dict[str, reach.Way]) -> None:
    for name in ("gpu01", "gpu02", "plain"):
        assert reach.OPTIONS.items() <= options(found[name]).items()
        # Ansible's configuration of this repository was read: it asks for a connection that is shared.
        assert "ControlMaster=auto" in found[name].prefix


@pytest.mark.parametrize(("host", "sudo"), [("gpu01", True), ("gpu02", False), ("plain", True)])
def test_root_is_asked_for_where_ansible_would(found: dict[str, reach.Way], host: str, sudo: bool) -> None:
    assert found[host].sudo is sudo


def test_this_machine_needs_no_ssh(found: dict[str, reach.Way]) -> None:
    assert (found["here"].prefix, found["here"].problem) == ((), "")


def test_the_python_is_the_one_of_the_inventory(found: dict[str, reach.Way]) -> None:
    assert found["python"].python == "/opt/python3.12/bin/python3"
    assert found["gpu01"].python == "/usr/bin/python3"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("boxed", "ansible_connection is docker"),
        ("closed", "a password is set for ssh"),
        ("doas", "ansible_become_method is doas"),
        ("odd", "no_such_variable"),
    ],
)
def test_what_cannot_be_kept_open_is_said_and_the_others_are_watched(
    found: dict[str, reach.Way], host: str, words: str
) -> None:
    assert words in found[host].problem
    assert "hunter2" not in str(found[host])


def test_an_inventory_that_ansible_cannot_read_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("gpuhost: [", encoding="utf-8")
    with pytest.raises(BadInputError):
        reach.ways(Selection("x", (COMMON_INVENTORY, tmp_path), ("gpu01",), False))
