"""Sustained load: products and memory at work for minutes, checked all the while, with clocks, power and temperatures."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import memory, rate, sensors

Seen = dict[str, Any]

#: One round: long enough to be timed, short enough to show a clock that falls.
ROUND_SECONDS, CPU_ROUND_SECONDS = 2.0, 0.5
#: A report draws no more points.
POINTS = 240
#: Memory that is written and read back each round; the load lies on the arithmetic.
CELLS, CPU_CELLS = 1 << 25, 1 << 20


def endurance(torch: Any, device: Any, seconds: float) -> Seen:
    """Rounds of the same product until the time is over: its rate, and that no bit of its result ever changes.

    ``series`` holds ``{"s", "value", and what the sensors say}``, thinned to :data:`POINTS`; ``throttled`` in what part of
    the rounds which limit held the clocks down; ``errors`` what the card and its links counted meanwhile.
    """
    cpu = device.kind == "cpu"
    n = rate.CPU_SIDE if cpu else rate.SIDE
    while not cpu and 16 * n * n > device.free_bytes() // 2:
        n //= 2
    a = rate.factor(torch, "float32" if cpu else "float16", n, device.name)
    words = memory.random_words(torch.arange(CPU_CELLS if cpu else CELLS, device=device.name))
    held, first = words.clone(), a @ a
    once = max(device.time(lambda: a @ a), 1e-7)
    times = max(1, round((CPU_ROUND_SECONDS if cpu else ROUND_SECONDS) / once))
    pci, began = device.describe().get("pci"), time.monotonic()
    held_down: Counter[str] = Counter()
    errors = sensors.errors(pci)
    seen: Seen = {"rounds": 0, "wrong_products": 0, "wrong_cells": 0, "unit": "TFLOP/s", "side": n, "series": []}
    while not seen["series"] or time.monotonic() - began < seconds:
        took = device.time(lambda: a @ a, times)
        seen["wrong_products"] += not bool(first.equal(a @ a))
        seen["wrong_cells"] += int((held != words).sum())
        held.copy_(words)
        seen["rounds"] += 1
        held_down.update(sensors.throttled(pci))
        at = time.monotonic() - began
        seen["series"].append({"s": round(at, 1), "value": 2.0 * n**3 / took / 1e12, **sensors.read(pci)})
    seen.update(ends(seen["series"]), series=thinned(seen["series"]), seconds=round(time.monotonic() - began, 1))
    later = sensors.errors(pci)
    seen["throttled"] = {reason: round(count / seen["rounds"], 2) for reason, count in held_down.items()}
    seen["errors"] = {kind: later[kind] - count for kind, count in errors.items() if kind in later}
    return seen


def ends(series: list[dict[str, Any]]) -> Seen:
    """The rate in the second tenth (in the first the card warms up) and in the last, and the highest readings."""
    tenth = max(1, len(series) // 10)
    early, late = series[tenth : 2 * tenth] or series[:tenth], series[-tenth:]
    names = {name for point in series for name in point} - {"s", "value"}
    return {
        "early": statistics.median(point["value"] for point in early),
        "late": statistics.median(point["value"] for point in late),
        "highest": {name: max(point[name] for point in series if name in point) for name in sorted(names)},
    }


def thinned(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most :data:`POINTS` of them, the last one among them."""
    step = -(-len(series) // POINTS)
    return series[::-1][::step][::-1]


def measures(torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """One measure, as long as was asked for."""
    yield "endurance", partial(endurance, torch, device, seconds)
