"""What every action plugin is made of. Imported by plugins alone: it needs Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from control.findings import Finding

Result = dict[str, Any]
#: The variables of a task's host, as Ansible resolved them.
Variables = dict[str, Any]


class Action(ActionBase):
    """A task of ours: :meth:`act` does the work on the control node, and asks modules for what is done on the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> Result:
        """Ansible's door."""
        variables = task_vars or {}
        result: Result = super().run(tmp, variables)
        return {**result, **self.act(variables)}

    def act(self, task_vars: Variables) -> Result:
        """What Ansible is to know of this task."""
        raise NotImplementedError  # each plugin has its own; Ansible's base class is none of `abc`

    def module(self, name: str, arguments: Mapping[str, Any], task_vars: Variables) -> Result:
        """The result of a module on the host."""
        return dict(self._execute_module(name, dict(arguments), task_vars=task_vars))


def stopped(finding: Finding) -> Result:
    """The host ends with this finding."""
    return {"failed": True, "msg": finding.sentence(), "gpuhost_findings": [finding.as_dict()]}
