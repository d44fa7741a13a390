"""Takes away what a role brought to a host: all of it, or what it wants no more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions


class ActionModule(ActionBase):
    """Renders what the role wants now, where only the rest is to go, and hands it to the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if self._task.args.get("outdated"):
            arguments["keep"] = actions.footprint(self._templar, task_vars, self._task.args["role"])
        result.update(self._execute_module("gpuhost_removed", arguments, task_vars=task_vars))
        return result
