"""Looks at the models of a host, and records them as a list."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, modellist, records
from control.action import Action, Result, Variables


class ActionModule(Action):
    """One module call; :mod:`control.modellist` makes the list of what it told."""

    def act(self, task_vars: Variables) -> Result:
        host, server = task_vars["inventory_hostname"], self._task.args.get("server")
        seen: Result = {}
        if server:
            answer = self.module("gpuhost_model_info", {"folder": server["folder"], "url": server["url"]}, task_vars)
            if answer.get("failed"):
                return answer
            seen = answer["models"]
        snapshot = records.examined(actions.run_dir(), host).get("snapshot") or {}
        found = modellist.rows(host, actions.wishes(self._templar, task_vars), snapshot, seen)
        actions.record("models", host, {"models": found, "error": seen.get("error")})
        return {"changed": False, "models": found}
