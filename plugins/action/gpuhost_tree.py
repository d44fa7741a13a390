"""Makes a folder on the host equal to one of this repository, in one transfer."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import trees
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Packs the folder here; the module of the same name unpacks it there and removes what is not in it."""

    def act(self, task_vars: Variables) -> Result:
        arguments = {
            "archive": trees.pack(Path(self._task.args["src"]), self._task.args.get("files") or {}),
            "dest": self._task.args["dest"],
        }
        return self.module("gpuhost_tree", arguments, task_vars)
