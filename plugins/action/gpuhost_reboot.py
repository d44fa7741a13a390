"""Reboots a host for given reasons, once, and goes on with it afterwards; leaves it to a person where it must not."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control import actions, lease, reboot
from control.action import Action, Result, Variables, stopped


class ActionModule(Action):
    """:mod:`control.reboot` decides, the module of the same name counts, ``ansible.builtin.reboot`` reboots and waits."""

    def act(self, task_vars: Variables) -> Result:
        host, asked = task_vars["inventory_hostname"], self._task.args
        reasons = [str(reason) for reason in asked["reasons"]]
        if self._task.check_mode:
            return {"changed": bool(reasons)}
        if asked["mode"] == "last":
            return self.module("gpuhost_reboot", {"reasons": reasons, "phase": "end"}, task_vars)
        if not reasons:
            return {"changed": False}
        if asked["mode"] == "later":
            return {"changed": False, "gpuhost_findings": [reboot.later(host, reasons).as_dict()]}
        seen = self.module("gpuhost_reboot", {"reasons": reasons, "phase": "look"}, task_vars)
        if seen.get("failed"):
            return seen
        own = reboot.is_this_machine(seen["boot_id"])
        confirmed = bool(actions.wishes(self._templar, task_vars)["preflight_confirmed"])
        if finding := reboot.objection(host, reasons, asked["mode"], confirmed, own):
            return stopped(finding)
        noted = self.module("gpuhost_reboot", {"reasons": reasons, "phase": "leave" if own else "note"}, task_vars)
        if noted.get("failed"):
            return noted
        if own:
            return stopped(reboot.leaving(host, reasons, noted["delay"]))
        return self._reboot(host, float(asked["timeout"]), task_vars)

    def _reboot(self, host: str, timeout: float, task_vars: Variables) -> Result:
        told = {"step": "reboot", "phase": "reboot", "text": f"rebooting; it has {timeout:.0f} s to come back"}
        actions.record("progress", host, {**told, "done": None, "total": None, "unit": "items", "since": time.time()})
        task = self._task.copy()
        task.args = {"reboot_timeout": int(timeout), "msg": "gpuhost reboots this host for its GPU driver"}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.reboot",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        done = action.run(task_vars=task_vars)
        actions.record("progress", host, {})
        if done.get("failed"):
            return stopped(reboot.slow(host, timeout, str(done.get("msg") or "no answer")))
        # The lease ended with the boot that it was taken in.
        held = self.module("gpuhost_lease", {"state": "held", "owner": lease.owner(), "dead_owner": {}}, task_vars)
        return held if held.get("failed") else {"changed": True, "rebooted": True, "elapsed": done.get("elapsed")}
