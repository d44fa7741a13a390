"""Adds what the site gives to what the plan says of secrets. No task names a value, so none can show one."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, given_secrets
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Hands the secrets of some containers, with the values that the site gives, to the module of the same name."""

    def act(self, task_vars: Variables) -> Result:
        arguments = {
            "state": self._task.args["state"],
            "services": given_secrets.of_containers(self._task.args["containers"]),
            "given": given_secrets.usable(actions.given_secrets(self._templar, task_vars)),
            "renewed": task_vars.get(given_secrets.RENEWED) or {},
        }
        return self.module("gpuhost_secrets", arguments, task_vars)
