"""The model cache of a site, seen from the control node: what it lacks it fetches first, then it opens for one host more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from control import steps
from control.actions import run_dir
from control.modelwork import Call, step_name

#: Seconds between two looks at a cache that is being set up, and how long that is waited for.
LOOK_SECONDS, PATIENCE_SECONDS = 10, 3600

#: Whether the cache may yet come to have models in this run.
Hope = Callable[[], bool]


def offer(host: str, asked: Mapping[str, Any], call: Call, hope: Hope) -> dict[str, Any]:
    """``{offer, problem}``: where a host finds what it lacks, or why the cache is of no use to it.

    :param asked: the arguments of ``gpuhost_model_cache``; its ``models`` are what the host lacks.
    :param call: runs a module on the cache.
    """
    known = _known(host, asked, call, hope)
    if known.get("problem"):
        return {"offer": None, "problem": known["problem"]}
    server = known["known"]
    for model in server["missing"]:
        spec = {"url": server["url"], "model": model, "folder": server["folder"]}
        arguments = {"step": step_name(model), "kind": "model", "spec": spec}
        answer = steps.follow(host, arguments, lambda given: call("gpuhost_step", given))
        if answer.get("failed"):
            words = (answer.get("gpuhost_finding") or {}).get("seen") or str(answer.get("msg") or "no message")
            return {"offer": None, "problem": f"it could not fetch {words}"}
    opened = call("gpuhost_model_cache", {**asked, "state": "offered"})
    return {"offer": opened.get("offer"), "problem": said(opened)}


def _known(host: str, asked: Mapping[str, Any], call: Call, hope: Hope) -> dict[str, Any]:
    """What the cache has, once it has anything; waits for one that this run is setting up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = call("gpuhost_model_cache", {"state": "known", "host": host, "models": asked["models"]})
        problem = said(answer)
        if not problem or not hope() or time.monotonic() > deadline:
            return {**answer, "problem": problem}
        time.sleep(LOOK_SECONDS)


def said(answer: Mapping[str, Any]) -> str:
    """Why the cache did not do it; a cache that is off, or has no Python, says so through Ansible."""
    if answer.get("failed") or answer.get("unreachable"):
        lines = str(answer.get("msg") or answer.get("module_stderr") or "no answer").strip().splitlines()
        return lines[-1] if lines else "no answer"
    return str(answer.get("problem") or "")


def being_set_up(cache: str, hosts: list[str], forks: int) -> Hope:
    """Whether this run works on the cache and has not failed there. Never where those who wait would hold up the cache."""
    folder = run_dir()

    def hope() -> bool:
        return folder is not None and cache in hosts and len(hosts) < forks and not _ended(folder, cache)

    return hope


def _ended(folder: Path, host: str) -> bool:
    try:
        lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return True
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return any(
        one["host"] == host and one["event"] in ("failed", "unreachable") and not one.get("rescued") for one in events
    )
