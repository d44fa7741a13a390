"""Ansible itself, with this machine in the part of several hosts: for tasks that look, or write below a test's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.paths import COMMON_INVENTORY, ROOT

Variables = Mapping[str, Any]
#: ``play(plays, hosts)``: runs the plays on hosts with these variables, and gives the run folder.
Play = Callable[[list[dict[str, Any]], Mapping[str, Variables]], Path]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Runs plays with this repository's own configuration; what modules write goes to ``<run folder>/root``."""

    def run(plays: list[dict[str, Any]], hosts: Mapping[str, Variables]) -> Path:
        folder = tmp_path_factory.mktemp("run")
        here = {"ansible_connection": "local", "ansible_become": False}
        inventory = {name: {**here, **variables} for name, variables in hosts.items()}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"gpuhost": {"hosts": inventory}}))
        (folder / "play.yml").write_text(yaml.safe_dump(plays))
        ansible = str(Path(sys.executable).with_name("ansible-playbook"))
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACKS_ENABLED": "gpuhost",
            # Tests may run as root, who would else not be asked to become root.
            "ANSIBLE_BECOME_ALLOW_SAME_USER": "1",
            "GPUHOST_RUN_DIR": str(folder),
            "GPUHOST_ROOT": str(folder / "root"),
        }
        command = [ansible, "-i", str(COMMON_INVENTORY), "-i", str(folder / "hosts.yml"), str(folder / "play.yml")]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        (folder / "ansible.log").write_text(done.stdout + done.stderr)
        return folder

    return run


def outcome(folder: Path) -> dict[str, Any]:
    """How each host ended."""
    path = folder / "outcome.json"
    assert path.exists(), (folder / "ansible.log").read_text()
    return dict(json.loads(path.read_text()))
