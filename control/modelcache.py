"""The model cache of a site, seen from the control node: what it lacks it fetches first, then it opens for one host more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from control import actions, lease, steps
from control.modelwork import Call, step_name
from control.planner.disk import MARGIN
from control.planner.model import in_words
from control.progress_words import clock

#: Seconds between two looks at a cache that is being set up, and how long that is waited for.
LOOK_SECONDS, PATIENCE_SECONDS = 10, 3600
#: After so long the host that waits has to show that it lives; and how long it waits for what is on its way to the cache.
TURN_SECONDS, MOST_SECONDS = 300, 8 * 3600
#: Tasks of the cache after which it has no more models than it has then: that has ended, or this has begun.
FETCH, GIVE_BACK = "models | Fetch the models and make the presets", "Give the host back"

#: Whether the cache may yet come to have models in this run.
Hope = Callable[[], bool]


class _TurnError(Exception):
    """The turn is over."""


def offer(
    host: str, cache: str, asked: Mapping[str, Any], call: Call, hope: Hope, before: Mapping[str, Any]
) -> dict[str, Any]:
    """``{offer, problem, left_out}``: where a host finds what it lacks; why the cache is of no use to it, or not for all of
    that; and which models it does not have. With ``again`` the turn is over: ask once more, with this as ``before``.

    :param asked: the arguments of ``gpuhost_model_cache``; its ``models`` are what the host lacks.
    :param call: runs a module on the cache.
    :param before: of earlier turns, the seconds that were ``waited``, and why what is ``left_out`` is; empty at first.
    """
    began = time.monotonic()
    left_out: dict[str, str] = dict(before.get("left_out") or {})

    def waited() -> float:
        return float(before.get("waited") or 0) + time.monotonic() - began

    def in_turn(module: str, given: dict[str, Any]) -> dict[str, Any]:
        if time.monotonic() - began >= TURN_SECONDS:
            raise _TurnError
        return call(module, given)

    try:
        found = _offer(host, cache, asked, in_turn, lambda: hope() and waited() < PATIENCE_SECONDS, left_out)
    except _TurnError:
        if waited() < MOST_SECONDS:
            again = {"waited": waited(), "left_out": left_out}
            return {"offer": None, "problem": "", "left_out": list(left_out), "again": again}
        found = _useless(asked, f"what it lacks was still on its way after {clock(MOST_SECONDS)}")
    actions.record("progress", host, {})
    return found


def _offer(
    host: str, cache: str, asked: Mapping[str, Any], call: Call, hope: Hope, left_out: dict[str, str]
) -> dict[str, Any]:
    known = _known(host, cache, asked, call, hope)
    if known.get("problem"):
        return _useless(asked, known["problem"])
    _fetch(host, cache, known["known"], call, left_out)
    there = [model for model in asked["models"] if model not in left_out]
    opened = call("gpuhost_model_cache", {**asked, "models": there, "state": "offered"}) if there else {}
    problems = [*left_out.values(), said(opened)]
    return {"offer": opened.get("offer"), "problem": "; ".join(filter(None, problems)), "left_out": list(left_out)}


def _useless(asked: Mapping[str, Any], problem: str) -> dict[str, Any]:
    return {"offer": None, "problem": problem, "left_out": list(asked["models"])}


def _fetch(host: str, cache: str, known: dict[str, Any], call: Call, left_out: dict[str, str]) -> None:
    """The cache has what it lacked, but for what is ``left_out``, each with why."""

    def ask(given: dict[str, Any]) -> dict[str, Any]:
        answer = call("gpuhost_step", given)
        if news := answer.get("progress"):
            answer = {**answer, "progress": {**news, "text": f"on the model cache {cache}: {news.get('text', '')}"}}
        return answer

    missing = [model for model in known["missing"] if model not in left_out]
    if known["held"] and not lease.dead_holder(known["lease"]):
        left_out.update({model: f"{model} is not there, and not fetched meanwhile: {known['held']}" for model in missing})
        return
    sizes, free = _sizes(known, missing, call), known["free_bytes"] - MARGIN
    for model in missing:
        step = step_name(model)
        # Of what comes already, part of the room is taken; of what has no known size, nobody can say.
        size = 0 if step in known["at_work"] else sizes.get(model, 0)
        if size and size > free:
            room = f"{in_words(max(free, 0) + MARGIN)} free, of which {in_words(MARGIN)} stay free"
            left_out[model] = f"{model} takes {in_words(size)}, and its disk has {room}"
            continue
        spec = {"url": known["url"], "model": model, "folder": known["folder"]}
        answer = steps.follow(host, {"step": step, "kind": "model", "spec": spec}, ask)
        if answer.get("failed"):
            words = (answer.get("gpuhost_finding") or {}).get("seen") or str(answer.get("msg") or "no message")
            left_out[model] = f"it could not fetch {words if model in words else f'{model}: {words}'}"
        else:
            free -= size


def _sizes(known: dict[str, Any], missing: list[str], call: Call) -> dict[str, int]:
    """How many bytes of each model the cache would have to fetch; without those whose registry does not tell."""
    told = call("gpuhost_model_info", {"folder": known["folder"], "models": missing}) if missing else {}
    found = (told.get("models") or {}).get("asked") or {}
    return {name: one["missing_bytes"] for name, one in found.items() if one.get("missing_bytes")}


def _known(host: str, cache: str, asked: Mapping[str, Any], call: Call, hope: Hope) -> dict[str, Any]:
    """What the cache has, once it has anything; waits for one that this run is setting up."""
    question = {"state": "known", "host": host, "models": asked["models"], "owner": lease.owner()}
    while True:
        answer = call("gpuhost_model_cache", question)
        problem = said(answer)
        if not problem or not hope():
            return {**answer, "problem": problem}
        actions.record("progress", host, {"text": f"waits for the model cache {cache}: {problem}"})
        time.sleep(LOOK_SECONDS)


def said(answer: Mapping[str, Any]) -> str:
    """Why the cache did not do it; a cache that is off, or has no Python, says so through Ansible."""
    if answer.get("failed") or answer.get("unreachable"):
        lines = str(answer.get("msg") or answer.get("module_stderr") or "no answer").strip().splitlines()
        return lines[-1] if lines else "no answer"
    return str(answer.get("problem") or "")


def being_set_up(cache: str, hosts: list[str], forks: int) -> Hope:
    """Whether this run works on the cache, and models may yet come there. Never where those who wait would hold it up."""
    folder = actions.run_dir()

    def hope() -> bool:
        return folder is not None and cache in hosts and len(hosts) < forks and _on_its_way(folder, cache)

    return hope


def _on_its_way(folder: Path, host: str) -> bool:
    """Whether the play has begun on the host, which it never does where nothing is due, and not got past its models."""
    try:
        lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return False
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    plays = [number for number, one in enumerate(events) if one["event"] == "play"]
    here = [one for one in events[max(plays, default=0) :] if one["host"] == host]
    return bool(here) and not any(map(_is_the_end, here))


def _is_the_end(event: Mapping[str, Any]) -> bool:
    failed = event["event"] in ("failed", "unreachable") and not event.get("rescued")
    return failed or event["task"] == GIVE_BACK or (event["task"] == FETCH and event["event"] != "start")
