"""What lies between GPUs: copies from each to each, and all-reduce, by value and by rate. Only where there are several."""

from __future__ import annotations

from typing import Any

from ..compute import peers
from ..result import Result
from . import interpreters, rate, work
from .context import Context
from .work import Judged

WHAT = {"all_reduce": "an all-reduce over all GPUs", "copies": "a copy to another GPU"}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What each GPU got from the others."""
    return work.probe("peers", expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each GPU: that the work came to its end, and what it got."""
    return work.judge("peers", seen, expected)


def names(device: dict[str, Any]) -> list[str]:
    """What is measured on a device."""
    return [name for name, _ in peers.measures(None, None, work.UNMEASURED)]


def judge_measure(name: str, where: str, seen: dict[str, Any], against: dict[str, Any]) -> Judged:
    """Values first; then the rate beside this host's earlier runs, where there are any."""
    what = WHAT[name]
    if "raised" in seen:
        why = f"{what[0].upper()}{what[1:]} {where} failed: {seen['raised']}. Programs on several GPUs stop or hang there."
        return Judged(False, seen["raised"], "right values", why, interpreters.HANG)
    if seen["wrong"]:
        shown = f"{seen['wrong']} of {seen['of']} elements wrong"
        why = f"After {what} {where}, {shown}: what is trained on several GPUs is worthless."
        return Judged(False, shown, "right values", why, interpreters.HANG)
    due = rate.history(name, against)
    found = rate.compared(f"{what[0].upper()}{what[1:]} {where} reaches", seen, [due] if due else [])
    return found if due else Judged(True, found.seen, "right values", "", "")
