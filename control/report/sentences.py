"""What a report says in one line of a run, a host, or what is otherwise than before. Plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from control.report.compare import FASTER, SLOWER, Comparison, RateChange
from control.report.model import HostReport
from control.report.values import count, percent, short
from control.report.words import fact, place

#: Levels of verdicts, the best first: what a number of hosts is said to be.
TALLY = {
    "certified": "certified",
    "warnings": "certified with warnings",
    "simulated": "simulated or with stand-ins",
    "unverified": "not verified",
    "failed": "not certified",
}


def tally(levels: Iterable[str]) -> list[tuple[str, int]]:
    """How many hosts have each verdict, the best first; what no host has is left out."""
    found = Counter(levels)
    return [(level, found[level]) for level in TALLY if found[level]]


def headline(levels: Iterable[str]) -> str:
    """For who reads no other: ``1 of 3 hosts is certified, 2 are not certified.``"""
    found = tally(levels)
    total = sum(number for _, number in found)
    if not found:
        return "This run reached no host."
    if len(found) == 1:
        every = {1: "The host is", 2: "Both hosts are"}.get(total, f"All {total} hosts are")
        return f"{every} {TALLY[found[0][0]]}."
    (first, number), *others = found
    parts = [f"{number} of {total} hosts {_are(number)} {TALLY[first]}"]
    parts += [f"{number} {_are(number)} {TALLY[level]}" for level, number in others]
    return f"{', '.join(parts)}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def gpus(host: HostReport) -> str:
    """``2x Radeon RX 7900 XTX``: what the host is planned to use; empty without a GPU."""
    names = Counter(str(gpu.get("name") or gpu["pci"]) for gpu in host.plan.get("gpus") or [] if gpu.get("use"))
    return ", ".join(name if number == 1 else f"{number}x {name}" for name, number in names.items())


def since(compared: Comparison) -> str:
    """What is otherwise than then: ``8 rates slower; 1 check worse; changed: Kernel, ROCm``."""
    worse = [change for change in compared.turned if change.worse]
    numbers = [("rate", "slower", len(compared.of(SLOWER))), ("rate", "faster", len(compared.of(FASTER)))]
    numbers.append(("check", "worse", len(worse)))
    parts = [f"{count(number, what)} {how}" for what, how, number in numbers if number]
    if names := [fact(change.id) for change in compared.facts]:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        parts.append(f"changed: {', '.join(names[:3])}{more}")
    return "; ".join(parts) or "as before"


def moved(change: RateChange) -> str:
    """``Products in float16, gpu1 on the host: 104 → 65.7 TFLOP/s (-37 %)``."""
    of, now = change.now.of, change.now
    where = " ".join(part for part in (of.device, place(of.place)) if part)
    return f"{of.heading}, {where}: {short(change.before.value)} → {short(now.value)} {now.unit} ({percent(change.ratio)})"
