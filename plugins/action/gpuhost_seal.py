"""Closes a role on a host: proves what it made."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, seals
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Renders the role's footprint here and hands it to the module of the same name on the host."""

    def act(self, task_vars: Variables) -> Result:
        role = self._task.args["role"]
        wishes = actions.wishes(self._templar, task_vars)
        run_dir = actions.run_dir()
        arguments = {
            "role": role,
            "items": actions.footprint(self._templar, task_vars, role),
            "input": seals.role_input(role, wishes, task_vars["gpuhost_plan"]["roles"][role]),
            "run": run_dir.name if run_dir else "",
            "installed_packages": self._task.args.get("installed_packages") or [],
            "stand_ins": self._task.args.get("stand_ins") or [],
        }
        return self.module("gpuhost_seal", arguments, task_vars)
