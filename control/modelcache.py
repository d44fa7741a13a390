"""The model cache of a site, seen from the control node: what it lacks it fetches first, then it opens for one host more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from control import lease, steps
from control.actions import run_dir
from control.modelwork import Call, step_name
from control.planner.disk import MARGIN
from control.planner.model import in_words

#: Seconds between two looks at a cache that is being set up, and how long that is waited for.
LOOK_SECONDS, PATIENCE_SECONDS = 10, 3600

#: Whether the cache may yet come to have models in this run.
Hope = Callable[[], bool]


def offer(host: str, asked: Mapping[str, Any], call: Call, hope: Hope) -> dict[str, Any]:
    """``{offer, problem, left_out}``: where a host finds what it lacks; why the cache is of no use to it, or not for all of
    that; and which models it does not have.

    :param asked: the arguments of ``gpuhost_model_cache``; its ``models`` are what the host lacks.
    :param call: runs a module on the cache.
    """
    known = _known(host, asked, call, hope)
    if known.get("problem"):
        return {"offer": None, "problem": known["problem"], "left_out": list(asked["models"])}
    left_out = _fetch(host, known["known"], call)
    there = [model for model in asked["models"] if model not in left_out]
    opened = call("gpuhost_model_cache", {**asked, "models": there, "state": "offered"}) if there else {}
    problems = [*left_out.values(), said(opened)]
    return {"offer": opened.get("offer"), "problem": "; ".join(filter(None, problems)), "left_out": list(left_out)}


def _fetch(host: str, known: dict[str, Any], call: Call) -> dict[str, str]:
    """The cache has what it lacked. What it still lacks, by name: why."""
    missing, free = known["missing"], known["free_bytes"] - MARGIN
    if known["held"] and not lease.dead_holder(known["lease"]):
        return {model: f"{model} is not there, and not fetched meanwhile: {known['held']}" for model in missing}
    sizes = _sizes(known, call)
    left_out: dict[str, str] = {}
    for model in missing:
        step = step_name(model)
        # Of what comes already, part of the room is taken; of what has no known size, nobody can say.
        size = 0 if step in known["at_work"] else sizes.get(model, 0)
        if size and size > free:
            room = f"{in_words(max(free, 0) + MARGIN)} free, of which {in_words(MARGIN)} stay free"
            left_out[model] = f"{model} takes {in_words(size)}, and its disk has {room}"
            continue
        spec = {"url": known["url"], "model": model, "folder": known["folder"]}
        answer = steps.follow(host, {"step": step, "kind": "model", "spec": spec}, lambda given: call("gpuhost_step", given))
        if answer.get("failed"):
            words = (answer.get("gpuhost_finding") or {}).get("seen") or str(answer.get("msg") or "no message")
            left_out[model] = f"it could not fetch {words if model in words else f'{model}: {words}'}"
        else:
            free -= size
    return left_out


def _sizes(known: dict[str, Any], call: Call) -> dict[str, int]:
    """How many bytes of each missing model the cache would have to fetch; without those whose registry does not tell."""
    if not known["missing"]:
        return {}
    told = call("gpuhost_model_info", {"folder": known["folder"], "models": known["missing"]})
    found = (told.get("models") or {}).get("asked") or {}
    return {name: one["missing_bytes"] for name, one in found.items() if one.get("missing_bytes")}


def _known(host: str, asked: Mapping[str, Any], call: Call, hope: Hope) -> dict[str, Any]:
    """What the cache has, once it has anything; waits for one that this run is setting up."""
    question = {"state": "known", "host": host, "models": asked["models"], "owner": lease.owner()}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = call("gpuhost_model_cache", question)
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
