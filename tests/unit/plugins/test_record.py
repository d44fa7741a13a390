"""The record of a host through Ansible itself: what comes back holds no secret of the host, and no log of the run does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.paths import PLAYBOOKS_DIR
from tests.unit.plugins.conftest import Play, outcome

SECRET = "oNlyTheHostMayKnowThis42"


@pytest.fixture(scope="module")
def folder(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of `info --bundle` on a host whose secret got into the log of a step; on `closed` sudo refuses."""
    sudo = tmp_path_factory.mktemp("bin") / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n", encoding="utf-8")
    sudo.chmod(0o755)
    root = "{{ lookup('ansible.builtin.env', 'GPUHOST_ROOT') }}"
    files = {
        "etc/gpuhost/secrets/jupyter/token": SECRET,
        "var/lib/gpuhost/steps/python/output.log": f"serving at http://127.0.0.1/?x={SECRET} from now on",
    }
    plant: list[dict[str, Any]] = []
    for path, text in files.items():
        plant.append({"ansible.builtin.file": {"path": f"{root}/{Path(path).parent}", "state": "directory", "mode": "0700"}})
        # What is planted is not to be what the run itself logs.
        copy = {"dest": f"{root}/{path}", "content": text, "mode": "0600"}
        plant.append({"ansible.builtin.copy": copy, "no_log": True})
    planting = {"hosts": "gpu01", "gather_facts": False, "tasks": plant}
    info = yaml.safe_load((PLAYBOOKS_DIR / "info.yml").read_text(encoding="utf-8"))
    closed = {"ansible_become": True, "ansible_become_exe": str(sudo)}
    return play([planting, *info], {"gpu01": {"gpuhost_bundle": True}, "closed": closed})


def test_the_host_ends_well_and_changed_by_nothing_of_ours(folder: Path) -> None:
    assert outcome(folder)["gpu01"]["status"] == "done"
    assert (folder / "records" / "gpu01.json").is_file()


def test_where_sudo_refuses_the_tools_are_asked_as_whoever_logs_in(folder: Path) -> None:
    assert outcome(folder)["closed"]["status"] == "done"
    assert "tools" in json.loads((folder / "records" / "closed.json").read_text(encoding="utf-8"))
    assert not (folder / "bundle" / "closed").exists()


def test_the_steps_log_came_and_its_secret_did_not(folder: Path) -> None:
    text = (folder / "bundle/gpu01/host/var/lib/gpuhost/steps/python/output.log").read_text(encoding="utf-8")
    assert text == "serving at http://127.0.0.1/?x=<removed> from now on"


def test_no_file_of_the_run_has_the_secret(folder: Path) -> None:
    own = [
        path
        for path in folder.rglob("*")
        if path.is_file() and folder / "root" not in path.parents and path.name != "play.yml"
    ]
    assert own
    assert [path for path in own if SECRET in path.read_text(encoding="utf-8", errors="replace")] == []
