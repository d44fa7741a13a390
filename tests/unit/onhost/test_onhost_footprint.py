"""Items of a footprint: named, looked at, compared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from onhost import footprint
from onhost.container_values import container_values
from onhost.host import Host, parse_units
from onhost.siblings import Engine
from tests.unit.onhost.fake_engine import FakeEngine, container
from tests.unit.onhost.fake_host import FakeHost


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"kind": "package", "name": "docker.io"}, "package:docker.io"),
        ({"kind": "member", "user": "ada", "group": "render"}, "member:ada/render"),
        ({"kind": "file", "path": "/etc/x"}, "file:/etc/x"),
    ],
)
def test_an_item_is_named_by_kind_and_key(item: dict[str, Any], name: str) -> None:
    assert footprint.item_id(item) == name


@pytest.mark.parametrize("item", [{"kind": "packge", "name": "x"}, {"kind": "member", "user": "ada"}, {}])
def test_a_fault_in_a_footprint_is_named(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="footprint"):
        footprint.item_id(item)


def test_a_package_s_fingerprint_is_its_version(root: Path) -> None:
    host = Host()
    assert footprint.fingerprint({"kind": "package", "name": "rocminfo"}, host) == "5.2.3-2"
    assert footprint.fingerprint({"kind": "package", "name": "old-thing"}, host) == "absent"


def test_membership_counts_as_further_and_as_first_group(root: Path) -> None:
    def has(user: str, group: str) -> bool:
        return footprint.explain({"kind": "member", "user": user, "group": group}, Host()) != {}

    assert has("ada", "render")
    assert has("ada", "ada")
    assert not has("ada", "video")
    assert not has("ada", "nogroup")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.write_text("other"), "content: "),
        (lambda path: path.chmod(0o600), "mode: 0644 → 0600"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
def test_a_file_s_change_is_told(root: Path, change: Any, told: str) -> None:
    path = root / "etc" / "daemon.json"
    path.write_text("{}")
    path.chmod(0o644)
    item = {"kind": "file", "path": "/etc/daemon.json", "content": True}
    before = footprint.explain(item, Host())
    change(path)
    now = footprint.explain(item, Host())
    assert footprint.fingerprint_of(item, before) != footprint.fingerprint_of(item, now)
    assert told in footprint.difference(before, now)


def test_the_content_of_a_file_that_others_write_does_not_count(root: Path) -> None:
    path = root / "etc" / "app.env"
    path.write_text("A=1")
    item = {"kind": "file", "path": "/etc/app.env", "content": False}
    before = footprint.fingerprint(item, Host())
    path.write_text("A=2")
    assert footprint.fingerprint(item, Host()) == before


def test_a_tree_ignores_what_python_writes_as_it_runs(root: Path) -> None:
    top = root / "opt" / "gpuhost" / "verify"
    (top / "checks").mkdir(parents=True)
    (top / "checks" / "a.py").write_text("1")
    item = {"kind": "tree", "path": "/opt/gpuhost/verify"}
    before = footprint.fingerprint(item, Host())
    (top / "__pycache__").mkdir()
    (top / "__pycache__" / "a.cpython-311.pyc").write_text("x")
    assert footprint.fingerprint(item, Host()) == before
    (top / "checks" / "a.py").write_text("2")
    assert footprint.fingerprint(item, Host()) != before


def test_an_environment_s_change_names_the_package(root: Path) -> None:
    site = root / "opt" / "torch" / "lib" / "python3.11" / "site-packages"
    (site / "torch-2.9.1+rocm6.4.dist-info").mkdir(parents=True)
    (site / "typing_extensions-4.15.0.dist-info").mkdir()
    (root / "opt" / "torch" / "pyvenv.cfg").touch()
    item = {"kind": "venv", "path": "/opt/torch"}
    before = footprint.explain(item, Host())
    assert before["package typing-extensions"] == "4.15.0"
    (site / "torch-2.9.1+rocm6.4.dist-info").rename(site / "torch-2.8.0.dist-info")
    assert footprint.difference(before, footprint.explain(item, Host())) == "package torch: 2.9.1+rocm6.4 → 2.8.0"


def test_a_glob_is_there_only_when_something_matches(root: Path) -> None:
    item = {"kind": "glob", "path": "/var/lib/docker/**"}
    assert footprint.explain(item, Host()) == {}
    (root / "var" / "lib" / "docker").mkdir(parents=True)
    assert footprint.explain(item, Host()) == {}
    (root / "var" / "lib" / "docker" / ".x").touch()
    assert footprint.explain(item, Host()) == {"present": True}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The inspection of the usual container with one value changed."""
    inspect = container()
    *folders, last = path.split(".")
    place: Any = inspect
    for folder in folders:
        place = place[folder]
    place[last] = value
    return inspect


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("HostConfig.RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}, "restart policy: unless-stopped → no"),
        ("HostConfig.Memory", 5, "memory limit: 1073741824 → 5"),
        ("HostConfig.Privileged", True, "privileged: no → yes"),
        ("HostConfig.GroupAdd", ["44"], "groups: 109, 44 → 44"),
        ("HostConfig.PortBindings", {}, "ports: 127.0.0.1:11434:11434/tcp → none"),
        ("Config.Env", ["PATH=/bin", "OLLAMA_HOST=x", "SIG_KEY=topsecret"], "env OLLAMA_HOST: 0.0.0.0:11434 → x"),
        ("State.Running", False, "running: yes → no"),
        ("Mounts", [], "mounts: /srv/gpuhost/ollama:/models:rw → none"),
    ],
)
def test_a_container_changed_by_hand_is_told_in_words(path: str, value: Any, told: str) -> None:
    assert footprint.difference(container_values(container()), container_values(changed(path, value))) == told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("State.Pid", 1),
        ("State.StartedAt", "2027-01-01T00:00:00Z"),
        ("NetworkSettings.Networks", {"gpuhost": {"IPAddress": "172.18.0.9"}}),
        ("Id", "99" * 32),
        ("HostConfig.GroupAdd", ["44", "109"]),
    ],
)
def test_a_restart_is_no_drift(path: str, value: Any) -> None:
    assert container_values(changed(path, value)) == container_values(container())


def test_a_secret_in_the_environment_shows_as_changed_and_not_as_itself() -> None:
    before, now = container(), changed("Config.Env", ["PATH=/bin", "OLLAMA_HOST=0.0.0.0:11434", "SIG_KEY=newsecret"])
    told = footprint.difference(container_values(before), container_values(now))
    assert told.startswith("env SIG_KEY: sha256:")
    assert "secret" not in str(container_values(before)) + str(container_values(now))


def test_containers_images_and_networks_are_asked_from_the_engine(root: Path, engine: FakeEngine) -> None:
    engine.answers["GET", "/containers/ollama/json"] = (200, container())
    engine.answers["GET", "/images/ollama/ollama:rocm/json"] = (200, {"Id": "sha256:1"})
    engine.answers["GET", "/networks/gpuhost"] = (200, {"Driver": "bridge", "Internal": True})
    host = Host(Engine(engine.socket))
    assert footprint.explain({"kind": "container", "name": "ollama"}, host)["running"] is True
    assert footprint.explain({"kind": "container", "name": "gone"}, host) == {}
    assert footprint.explain({"kind": "image", "name": "ollama/ollama:rocm"}, host) == {"id": "sha256:1"}
    assert footprint.explain({"kind": "network", "name": "gpuhost"}, host) == {"driver": "bridge", "internal": True}


def test_an_engine_that_is_installed_and_silent_is_not_the_same_as_no_engine(root: Path) -> None:
    item = {"kind": "container", "name": "ollama"}
    host = Host(Engine("/nowhere/docker.sock"))
    assert footprint.explain(item, host) == {}
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "dockerd").touch()
    assert "no engine listens" in footprint.explain(item, host)["error"]


def test_units_come_in_the_order_asked_for_and_missing_ones_are_absent() -> None:
    text = (
        "Id=docker.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=nope.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
    )
    assert parse_units(["docker.service", "nope.service"], text) == {
        "docker.service": {"enabled": "enabled", "active": "active"}
    }


def test_rules_that_somebody_flushed_or_changed_are_drift(root: Path, host: FakeHost) -> None:
    item = {"kind": "nft_table", "family": "inet", "name": "gpuhost"}
    assert footprint.explain(item, Host()) == {}
    host.say("rules", "table inet gpuhost {\n}\n")
    before = footprint.fingerprint(item, Host())
    host.say("rules", "table inet gpuhost {\n\tchain forward {\n\t}\n}\n")
    assert footprint.fingerprint(item, Host()) not in (before, footprint.ABSENT)


def test_names_stand_in_for_numbers_where_the_host_has_them(root: Path) -> None:
    (root / "etc" / "x").touch()
    owner = os.getuid()
    seen = footprint.explain({"kind": "file", "path": "/etc/x"}, Host())
    assert seen["owner"] == {0: "root", 1000: "ada"}.get(owner, str(owner))
