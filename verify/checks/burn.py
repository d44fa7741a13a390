"""Whether a device keeps its rate, and every bit, under a load that lasts."""

from __future__ import annotations

from typing import Any

from ..compute import burn
from ..result import Result
from . import work
from .context import Context
from .rate import OF_HISTORY, figure, readings
from .work import Judged

COOL = (
    "See the curve and the highest readings in the report: a clock that falls at a temperature's limit means cooling or "
    "dust, at the power cap the cap."
)


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """How each device fared."""
    return work.probe("burn", expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each device: that the work came to its end, and that it lasted."""
    return work.judge("burn", seen, expected)


def names(device: dict[str, Any]) -> list[str]:
    """What is measured on a device."""
    return [name for name, _ in burn.measures(None, None, work.UNMEASURED)]


def judge_measure(name: str, where: str, seen: dict[str, Any], against: dict[str, Any]) -> Judged:
    """Bits first, then the rate at the end beside that at the beginning."""
    if "raised" in seen:
        return work.raised("Sustained load", where, str(seen["raised"]))
    kind = (against.get("device") or {}).get("kind", "gpu")
    least = OF_HISTORY[kind] * seen["early"]
    shown = {key: figure(value) for key, value in seen.items()}
    wanted = {"at_least": figure(least), "unit": seen["unit"], "source": f"{OF_HISTORY[kind]:.0%} of its first minutes"}
    minutes = f"{seen['seconds'] / 60:.1f} minutes"
    if seen["wrong_products"] or seen["wrong_cells"]:
        why = (
            f"Within {minutes} of load {where}, {seen['wrong_products']} of {seen['rounds']} products and "
            f"{seen['wrong_cells']} cells of memory came out otherwise than the first time: it makes errors once it is warm."
        )
        return Judged(False, shown, wanted, why, "Take the card out of use; look at its temperatures, power and clocks.")
    if lost := {kind: count for kind, count in seen["errors"].items() if count > 0}:
        counted = " and ".join(f"{count} errors of its {kind}" for kind, count in lost.items())
        why = f"Within {minutes} of load {where} the card counted {counted} that nothing could repair."
        return Judged(False, shown, wanted, why, "Take the card out of use; sudo dmesg | grep -iE 'amdgpu|aer'")
    hottest = readings(seen["highest"])
    why = (
        f"After {minutes} of load {where}, products reach {figure(seen['late'])} {seen['unit']} and at the beginning they "
        f"reached {figure(seen['early'])}: the card slows itself down{f' (highest: {hottest})' if hottest else ''}."
        f"{_held_down(seen)}"
    )
    return Judged(seen["late"] >= least, shown, wanted, why, COOL)


def _held_down(seen: dict[str, Any]) -> str:
    """What the firmware names as the reason, where it does."""
    said = ", ".join(f"{reason} in {part:.0%} of the time" for reason, part in seen["throttled"].items())
    return f" Held down by {said}." if said else ""
