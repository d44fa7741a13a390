"""Starts a long step on the host, or joins the one that runs, and follows it to its end."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, findings
from control.action import Action, Result, Variables

#: Seconds that one call waits on the host for news, so that following a step costs few round trips.
PATIENCE = 3


class ActionModule(Action):
    """Polls the module of the same name. The work itself belongs to a unit on the host, not to this connection."""

    def act(self, task_vars: Variables) -> Result:
        host = task_vars["inventory_hostname"]
        arguments = {**self._task.args, "wait": PATIENCE}
        while True:
            answer = self.module("gpuhost_step", arguments, task_vars)
            if answer.get("progress"):
                actions.record("progress", host, answer["progress"])
            if answer.get("failed") or answer.get("state") != "running":
                break
            # Only the first call may start the unit: what is followed afterwards is that one.
            arguments["follow"] = True
        actions.record("progress", host, {})
        result = dict(answer)
        if warnings := (answer.get("result") or {}).get("warnings"):
            found = [findings.make(one["id"], host, one["seen"]) for one in warnings]
            result["gpuhost_findings"] = [one.as_dict() for one in found]
        result["changed"] = bool(answer.get("changed") or arguments.get("follow"))
        return result
