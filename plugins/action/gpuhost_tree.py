"""Makes a folder on the host equal to one of this repository, in one transfer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import trees


class ActionModule(ActionBase):
    """Packs the folder here; the module of the same name unpacks it there and removes what is not in it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        arguments = {
            "archive": trees.pack(Path(self._task.args["src"]), self._task.args.get("files") or {}),
            "dest": self._task.args["dest"],
        }
        result.update(self._execute_module("gpuhost_tree", arguments, task_vars=task_vars))
        return result
