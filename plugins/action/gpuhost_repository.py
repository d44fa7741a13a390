"""Makes a vendor's apt repository known to a host, with the key that the site keeps here where it keeps one."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import repository_keys
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Reads the key's file here; the module of the same name compares its fingerprint and writes the rest there."""

    def act(self, task_vars: Variables) -> Result:
        return self.module("gpuhost_repository", repository_keys.with_content(self._task.args), task_vars)
