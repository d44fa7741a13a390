"""Makes a vendor's apt repository known to a host, with the key that the site keeps here where it keeps one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import repository_keys


class ActionModule(ActionBase):
    """Reads the key's file here; the module of the same name compares its fingerprint and writes the rest there."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        arguments = repository_keys.with_content(self._task.args)
        result.update(self._execute_module("gpuhost_repository", arguments, task_vars=task_vars))
        return result
