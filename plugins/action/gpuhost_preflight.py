"""Looks at a host, plans for it, and tells which roles it needs. Refuses before anything changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleError

from control import actions, failures, given_secrets, preflight
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Thin door to :mod:`control.preflight`; everything on the host is one call of ``gpu_host_info``."""

    def act(self, task_vars: Variables) -> Result:
        host, asked = task_vars["inventory_hostname"], self._task.args
        wishes = actions.wishes(self._templar, task_vars)

        def look(module: str, arguments: dict[str, Any]) -> Result:
            return self.module(module, arguments, task_vars)

        refuse = asked.get("refuse", True)
        either = self._with_or_without_root(look) if asked.get("without_root") else look
        secrets = given_secrets.usable(actions.given_secrets(self._templar, task_vars))
        renewed = task_vars.get(given_secrets.RENEWED) or {}
        models = [str(name) for name in asked.get("models") or []]
        outcome = preflight.examine(host, wishes, either, task_vars, refuse, secrets, renewed, models)
        actions.record("hosts", host, outcome.as_dict())
        return outcome.as_result(refuse=refuse)

    def _with_or_without_root(self, look: preflight.Look) -> preflight.Look:
        """Looks as root, or as whoever logs in where sudo refuses; not where a password was given, which is then wrong."""

        def either(module: str, arguments: dict[str, Any]) -> Result:
            become = self._connection.become
            if become is None or become.get_option("become_pass", playcontext=self._play_context):
                return look(module, arguments)
            try:
                answer = look(module, arguments)
            except AnsibleError as error:
                answer = {"failed": True, "msg": str(error)}
                if not failures.sudo_refusal(answer):
                    raise
            if not (refusal := failures.sudo_refusal(answer)):
                return answer
            self._connection.set_become_plugin(None)
            return {**look(module, arguments), preflight.WITHOUT_ROOT: refusal}

        return either
