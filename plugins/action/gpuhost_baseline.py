"""Notes what was on a host before the roles that are due change it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions


class ActionModule(ActionBase):
    """Renders the roles' footprints here and hands them to the module of the same name on the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        footprints = {role: actions.footprint(self._templar, task_vars, role) for role in task_vars["gpuhost_due"]}
        result.update(self._execute_module("gpuhost_baseline", {"footprints": footprints}, task_vars=task_vars))
        return result
