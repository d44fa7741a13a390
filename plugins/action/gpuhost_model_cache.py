"""Runs on the site's model cache for another host: has it fetch what it lacks, and opens or closes it."""

from __future__ import annotations

import sys
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible import constants
from ansible.errors import AnsibleError

from control import modelcache
from control.action import Action, Result, Variables


class ActionModule(Action):
    """Thin door to :mod:`control.modelcache`. Never fails: without its cache a host asks the registry."""

    def act(self, task_vars: Variables) -> Result:
        asked = dict(self._task.args)

        def call(name: str, given: Result) -> Result:
            try:
                return self.module(name, given, task_vars)
            except AnsibleError as error:
                return {"failed": True, "msg": str(error)}

        if asked["state"] == "closed":
            return {"changed": False, "problem": modelcache.said(call("gpuhost_model_cache", asked))}
        cache, before = str(asked.pop("cache")), dict(asked.pop("before", {}))
        hope = modelcache.being_set_up(cache, task_vars["ansible_play_hosts_all"], constants.DEFAULT_FORKS)
        found = modelcache.offer(task_vars["inventory_hostname"], cache, asked, call, hope, before)
        return {"changed": False, **found}
