"""Looks at a host, plans for it, and tells which roles it needs. Refuses before anything changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, preflight


class ActionModule(ActionBase):
    """Thin door to :mod:`control.preflight`; everything on the host is one call of ``gpu_host_info``."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        host = task_vars["inventory_hostname"]
        wishes = actions.wishes(self._templar, task_vars)

        def look(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return self._execute_module(module, arguments, task_vars=task_vars)

        refuse = self._task.args.get("refuse", True)
        outcome = preflight.examine(host, wishes, look, given=task_vars, acting=refuse)
        actions.record("hosts", host, outcome.as_dict())
        result.update(outcome.as_result(refuse=refuse))
        return result
