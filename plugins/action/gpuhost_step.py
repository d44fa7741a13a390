"""Starts a long step on the host, or joins the one that runs, and follows it to its end."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import findings, steps
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Polls the module of the same name. The work itself belongs to a unit on the host, not to this connection."""

    def act(self, task_vars: Variables) -> Result:
        host = task_vars["inventory_hostname"]
        result = steps.follow(host, self._task.args, lambda asked: self.module("gpuhost_step", asked, task_vars))
        if warnings := (result.get("result") or {}).get("warnings"):
            found = [findings.make(one["id"], host, one["seen"]) for one in warnings]
            result["gpuhost_findings"] = [one.as_dict() for one in found]
        return result
