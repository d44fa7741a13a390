"""Takes away what a role brought to a host: all of it, or what it wants no more."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Renders what the role wants now, where only the rest is to go, and hands it to the module of the same name."""

    def act(self, task_vars: Variables) -> Result:
        arguments = dict(self._task.args)
        if self._task.args.get("outdated"):
            arguments["keep"] = actions.footprint(self._templar, task_vars, self._task.args["role"])
        return self.module("gpuhost_removed", arguments, task_vars)
