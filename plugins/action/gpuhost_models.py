"""Has a host fetch its models, one long step each, and make its presets; or takes models away."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, modellist, modelwork, records
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Thin door to :mod:`control.modelwork`."""

    def act(self, task_vars: Variables) -> Result:
        host, asked = task_vars["inventory_hostname"], dict(self._task.args)

        def call(name: str, given: Result) -> Result:
            return self.module(name, given, task_vars)

        if "absent" not in asked:
            return modelwork.bring(host, asked, call)
        snapshot = records.examined(actions.run_dir(), host).get("snapshot") or {}
        wishes = actions.wishes(self._templar, task_vars)
        return modelwork.remove(host, asked, call, lambda seen: modellist.rows(host, wishes, snapshot, seen))
