"""Notes what was on a host before the roles that are due change it."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Renders the roles' footprints here and hands them to the module of the same name on the host."""

    def act(self, task_vars: Variables) -> Result:
        footprints = {role: actions.footprint(self._templar, task_vars, role) for role in task_vars["gpuhost_due"]}
        return self.module("gpuhost_baseline", {"footprints": footprints}, task_vars)
