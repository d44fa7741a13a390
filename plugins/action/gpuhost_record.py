"""Records what only programs on the host can tell, and what a report of a fault needs, without secrets."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, records
from control.action import Action, Result, Variables


class ActionModule(Action):
    """One module call; :mod:`control.records` asks, cleans and writes."""

    def act(self, task_vars: Variables) -> Result:
        host, folder = task_vars["inventory_hostname"], actions.run_dir()
        examined = records.examined(folder, host)
        if folder is None or not examined.get("snapshot"):
            return {"changed": False}
        if records.without_root(examined):
            self._connection.set_become_plugin(None)
        key = records.new_key()
        asked = records.asked(examined, bool(self._task.args.get("bundle")), key)
        answer = self.module("gpuhost_record", asked, task_vars)
        if answer.get("failed"):
            return {**answer, "failed": True}
        records.keep(folder, host, examined, answer, key)
        return {"changed": False}
