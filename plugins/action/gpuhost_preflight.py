"""Looks at a host, plans for it, and tells which roles it needs. Refuses before anything changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, preflight
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Thin door to :mod:`control.preflight`; everything on the host is one call of ``gpu_host_info``."""

    def act(self, task_vars: Variables) -> Result:
        host = task_vars["inventory_hostname"]
        wishes = actions.wishes(self._templar, task_vars)

        def look(module: str, arguments: dict[str, Any]) -> Result:
            return self.module(module, arguments, task_vars)

        refuse = self._task.args.get("refuse", True)
        outcome = preflight.examine(host, wishes, look, given=task_vars, acting=refuse)
        actions.record("hosts", host, outcome.as_dict())
        return outcome.as_result(refuse=refuse)
