"""Right numbers from every device, in every place with PyTorch: each against a bound from the theory, or exactly."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ..compute import correctness
from ..compute.device import FLOATS
from ..result import Result
from . import work
from .context import Context
from .work import Judged

#: Whether a measure is as it should be, what was seen, what is wanted, and why it matters.
Words = tuple[bool, str, str, str]

#: Standard errors that a moment may be off: five times in 10^9 with sound numbers.
DEVIATIONS = 6
#: A network that learns leaves less than this of its first loss.
LEFT = 0.1

WHAT = {
    "conv": "a convolution",
    "attention": "scaled dot-product attention",
    "fft": "a Fourier transform",
    "reductions": "a sum, mean, running sum or maximum",
    "softmax": "a softmax",
    "sort": "sorting",
    "scatter": "adding at given places",
    "random": "the random numbers",
    "training": "training a small network",
    "gradients": "gradients",
    "repeatable": "repeated runs",
}

DISTRUST = "Results computed there cannot be trusted."


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What each device of each place computed."""
    return work.probe("correctness", expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each place and device: that the work came to its end, and each of its measures."""
    return work.judge("correctness", seen, expected)


def names(device: dict[str, Any]) -> list[str]:
    """What is measured on a device; one that does not tell its formats has at least those that all have."""
    formats = list(dict.fromkeys([*FLOATS, *(device.get("formats") or ())]))
    stub = SimpleNamespace(name="", describe=lambda: {"formats": formats})
    return [name for name, _ in correctness.measures(None, stub, work.UNMEASURED)]


def judge_measure(name: str, where: str, seen: dict[str, Any], against: dict[str, Any]) -> Judged:
    """One measure."""
    if "raised" in seen:
        said = str(seen["raised"])
        return work.missing(_what(name), name, said, against["device"]) or work.raised(_what(name), where, said)
    ok, shown, wanted, why = JUDGES[kind_of(name)](name, where, seen)
    return Judged(ok, shown, wanted, why, work.OUT_OF_USE)


def kind_of(name: str) -> str:
    """Which judge a measure has."""
    if name.startswith("gemm_"):
        return name.rpartition("_")[2]
    return {"sort": "count", "scatter": "count", "random": "random", "training": "training", "repeatable": "repeatable"}.get(
        name, "bound"
    )


def _what(name: str) -> str:
    """What a measure is about, as a sentence begins with it."""
    subject, _, rest = name.partition("_")
    if subject == "gemm":
        return f"A matrix product in {rest.rpartition('_')[0]}"
    return WHAT[subject][0].upper() + WHAT[subject][1:] + (f" in {rest}" if rest else "")


def _exact(name: str, where: str, seen: dict[str, Any]) -> Words:
    side, rows = seen["side"], seen["wrong_rows"]
    size = f"{side} x {side}" + (f" (smaller than wanted: {seen['limited_by']})" if seen["limited_by"] else "")
    if rows == 0:
        return True, f"{size}, every element right", "every element right", ""
    value = seen["not_finite"] if "not_finite" in seen else f"{seen['is']:g}"
    what = f"element ({seen['row']}, {seen['column']}) is {value} and not {seen['should_be']:g}"
    why = f"{_what(name)} of whole numbers, {size}, has no rounding, and {where} {what}; {rows} rows are wrong. {DISTRUST}"
    return False, f"{size}: {what}", "every element right", why


def _bound(name: str, where: str, seen: dict[str, Any]) -> Words:
    ratio, worst = seen["error_ratio"], seen.get("worst")
    of = f" ({worst})" if worst else ""
    why = f"{_what(name)}{of} {where} is wrong: its error is {ratio:.3g} times what rounding allows. {DISTRUST}"
    return 0 <= ratio <= 1, f"{ratio:.3g} of the bound{of}", "within its error bound", why


def _significand(name: str, where: str, seen: dict[str, Any]) -> Words:
    why = (
        f"{_what(name)} {where} keeps {seen['kept']} of {seen['bits']} bits: it is computed in a narrower format than was "
        f"asked for, and {seen['wrong']} of {seen['of']} results that have no rounding are wrong."
    )
    return seen["wrong"] == 0, f"{seen['kept']} bits", f"{seen['bits']} bits", why


def _count(name: str, where: str, seen: dict[str, Any]) -> Words:
    why = f"{_what(name)} {where} is wrong in {seen['wrong']} of {seen['of']} places, of which none may be."
    return seen["wrong"] == 0, f"{seen['wrong']} of {seen['of']} wrong", "none wrong", why


def _random(name: str, where: str, seen: dict[str, Any]) -> Words:
    off = {
        moment: value
        for moment, value in seen["deviations"].items()
        if isinstance(value, str) or not abs(value) <= DEVIATIONS
    }
    faults = [f"{moment} is off by {value} standard errors" for moment, value in off.items()]
    faults += [] if seen["in_range"] else ["a uniform number lies outside [0, 1)"]
    faults += [] if seen["repeats"] else ["the same seed gives other numbers"]
    why = f"{_what(name)} {where} are not as random as they should be: {'; '.join(faults)}."
    return not faults, "; ".join(faults) or "as distributed", "as distributed", why


def _training(name: str, where: str, seen: dict[str, Any]) -> Words:
    shown = f"loss {seen['first']:.3g} to {seen['last']:.3g} in {seen['steps']} steps"
    why = f"{_what(name)} {where} does not learn: {shown}. Some kernel of its forward or backward pass gives wrong numbers."
    return 0 <= seen["last"] < LEFT * seen["first"], shown, f"less than {LEFT:g} of the first loss left", why


def _repeatable(name: str, where: str, seen: dict[str, Any]) -> Words:
    off = {work: times for work, times in seen["differed"].items() if times}
    shown = ", ".join(f"{work}: {times} of {seen['runs'] - 1}" for work, times in off.items()) or "the same bits"
    why = (
        f"Repeated with the same numbers {where}, results differ where PyTorch promises that they do not ({shown}): runs "
        "cannot be reproduced, or the hardware makes errors."
    )
    return bool(seen["differed"]) and not off, shown, "the same bits", why


JUDGES: dict[str, Callable[[str, str, dict[str, Any]], Words]] = {
    "exact": _exact,
    "bound": _bound,
    "significand": _significand,
    "count": _count,
    "random": _random,
    "training": _training,
    "repeatable": _repeatable,
}
