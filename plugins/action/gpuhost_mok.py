"""Has the host's signing key enrolled, and stops with the steps for the console where a person has to do that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import enrolment


class ActionModule(ActionBase):
    """Reads the password of the site here, if it has one; what the module reports becomes a finding."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        host, asked = task_vars["inventory_hostname"], self._task.args
        given = asked.get("password_file") or ""
        password, problem = enrolment.password(host, given)
        if problem:
            return {**result, "failed": True, "msg": problem.sentence(), "gpuhost_findings": [problem.as_dict()]}
        arguments = {"certificate": asked.get("certificate") or "", "key": asked.get("key") or "", "password": password}
        result.update(self._execute_module("gpuhost_mok", arguments, task_vars=task_vars))
        if not result.get("failed") and result["state"] == "pending":
            finding = enrolment.finding(host, result["certificate"], given, result["password_file"])
            result.update(failed=True, msg=finding.sentence(), gpuhost_findings=[finding.as_dict()])
        return result
