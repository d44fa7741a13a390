"""Takes or gives back a host for this run, so that two controllers never work on it at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import lease


class ActionModule(ActionBase):
    """Adds who we are, and whether the last holder still lives on this machine, to the module's arguments."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        arguments = {
            "state": self._task.args["state"],
            "owner": lease.owner(),
            "dead_owner": lease.dead_holder(task_vars.get("gpuhost_lease")),
        }
        result.update(self._execute_module("gpuhost_lease", arguments, task_vars=task_vars))
        return result
