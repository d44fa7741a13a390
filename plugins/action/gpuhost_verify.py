"""Runs the checks that are on the host and brings their results back."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, history, proof
from control.action import Action, Result, Variables


class ActionModule(Action):
    """One command on the host; :mod:`control.proof` judges what it printed."""

    def act(self, task_vars: Variables) -> Result:
        host = task_vars["inventory_hostname"]
        asked = self._task.args
        past = history.rates(actions.run_dir(), host)
        level, minutes, seconds = (asked.get(name) or 0 for name in ("level", "minutes", "seconds"))
        command = proof.command(str(level or ""), int(minutes), past, float(seconds), asked.get("only") or [])
        answer = self.module("ansible.legacy.command", command, task_vars)
        verdict = proof.read(host, answer)
        if verdict.results is not None:
            actions.record("results", host, verdict.results)
        return verdict.as_result()
