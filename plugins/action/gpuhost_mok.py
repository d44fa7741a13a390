"""Has the host's signing key enrolled, and stops with the steps for the console where a person has to do that."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import enrolment
from control.action import Action, Result, Variables, stopped


class ActionModule(Action):
    """Reads the password of the site here, if it has one; what the module reports becomes a finding."""

    def act(self, task_vars: Variables) -> Result:
        host, asked = task_vars["inventory_hostname"], self._task.args
        given = asked.get("password_file") or ""
        password, problem = enrolment.password(host, given)
        if problem:
            return stopped(problem)
        arguments = {"certificate": asked.get("certificate") or "", "key": asked.get("key") or "", "password": password}
        result = self.module("gpuhost_mok", arguments, task_vars)
        if not result.get("failed") and result["state"] == "pending":
            finding = enrolment.finding(host, result["certificate"], given, result["password_file"])
            return {**result, **stopped(finding)}
        return result
