"""Sets kernel parameters on a host, and says in words what had to stay as it was."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import findings
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Calls the module of the same name; what it reports becomes findings of the run."""

    def act(self, task_vars: Variables) -> Result:
        result = self.module("gpuhost_kernel_parameters", self._task.args, task_vars)
        host = task_vars["inventory_hostname"]
        found = [
            findings.make("GH-KERNEL-PARAMETER-KEPT", host, f"{one['found']} is set; {one['wanted']} was wanted", **one)
            for one in result.get("conflicts", [])
        ]
        if words := " ".join(result.get("manual", [])):
            found.append(findings.make("GH-KERNEL-PARAMETER-MANUAL", host, f"{words} is not set", words=words))
        if not result.get("failed"):
            result["gpuhost_findings"] = [one.as_dict() for one in found]
        return result
