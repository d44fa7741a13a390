"""Takes or gives back a host for this run, so that two controllers never work on it at once."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import lease
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Adds who we are, and whether the last holder still lives on this machine, to the module's arguments."""

    def act(self, task_vars: Variables) -> Result:
        arguments = {
            "state": self._task.args["state"],
            "owner": lease.owner(),
            "dead_owner": lease.dead_holder(task_vars.get("gpuhost_lease")),
        }
        result = self.module("gpuhost_lease", arguments, task_vars)
        if arguments["state"] != "touched" and not result.get("failed"):
            lease.note(task_vars["inventory_hostname"], held=arguments["state"] == "held")
        return result
