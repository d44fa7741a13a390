"""Times the model servers of a host with the program that is there, and brings the figures back."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, speed
from control.action import Action, Result, Variables


class ActionModule(Action):
    """One command on the host; :mod:`control.speed` reads what it printed."""

    def act(self, task_vars: Variables) -> Result:
        host, asked = task_vars["inventory_hostname"], self._task.args
        command = speed.command(int(asked["runs"]), int(asked["words"]), int(asked["tokens"]))
        read = speed.read(host, self.module("ansible.legacy.command", command, task_vars))
        if read.figures is not None:
            actions.record(speed.FOLDER, host, read.figures)
        return read.as_result()
