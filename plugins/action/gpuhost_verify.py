"""Runs the checks that are on the host and brings their results back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, proof


class ActionModule(ActionBase):
    """One command on the host; :mod:`control.proof` judges what it printed."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        host = task_vars["inventory_hostname"]
        answer = self._execute_module("ansible.legacy.command", proof.COMMAND, task_vars=task_vars)
        verdict = proof.read(host, answer)
        if verdict.results is not None:
            actions.record("results", host, verdict.results)
        result.update(verdict.as_result())
        return result
