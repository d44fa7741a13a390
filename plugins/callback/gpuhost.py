"""Tells ``./gpuhost`` what happens: one JSON object per event, and how each host ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from control.actions import run_dir
from control.events import Recorder

DOCUMENTATION = """
name: gpuhost
type: notification
short_description: Records a run for ./gpuhost
description:
  - Writes C(events.jsonl) and C(outcome.json) into the folder that C(GPUHOST_RUN_DIR) names. Silent without it.
"""


class CallbackModule(CallbackBase):
    """Thin door to :class:`control.events.Recorder`."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "gpuhost"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        folder = run_dir()
        if folder is None:
            self.disabled = True
            return
        self.recorder = Recorder(folder)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.recorder.play(play.get_name())

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.recorder.started(host.get_name(), *_where(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        self.recorder.ok(result.host.get_name(), *_where(result.task), dict(result.result))

    def v2_runner_on_skipped(self, result: Any) -> None:
        self.recorder.skipped(result.host.get_name(), *_where(result.task))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        # A failure inside a block with `rescue` is not the host's end; Ansible says so only through the task.
        rescued = ignore_errors or _has_rescue(result.task)
        self.recorder.failed(result.host.get_name(), *_where(result.task), dict(result.result), rescued)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.recorder.unreachable(result.host.get_name(), *_where(result.task), dict(result.result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self.recorder.finish({host: stats.summarize(host) for host in stats.processed})


def _where(task: Any) -> tuple[str, str]:
    """Role and name of a task, as a person would say them."""
    role = task._role.get_name() if task._role else ""
    return role, task.get_name().removeprefix(f"{role} : ").strip()


def _has_rescue(task: Any) -> bool:
    """Whether the task is in the part of a block that its ``rescue`` looks after, and not in the rescue itself."""
    child, parent = task, task._parent
    while parent is not None:
        inside = {one._uuid for one in getattr(parent, "block", None) or []}
        if getattr(parent, "rescue", None) and child._uuid in inside:
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False
