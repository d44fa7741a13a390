"""How deep the checks go, and how long each part of the GPU work may take. Seconds, per device where not said otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

QUICK, STANDARD, BURN = "quick", "standard", "burn"
LEVELS = (QUICK, STANDARD, BURN)

#: What each level takes at most; the endurance of `burn` comes on top. What is not known by then is not verifiable.
SECONDS = {QUICK: 30, STANDARD: 300, BURN: 300}

#: A first import of torch reads gigabytes; a HIP initialisation that hangs takes for ever.
START_SECONDS = 150

DEFAULT_MINUTES = 10

#: A device that is at work says so after each measure, which take a few seconds each. MIOpen may compile kernels meanwhile.
SILENT_SECONDS = 60
#: What a worker needs besides its work: a second import of torch finds it in memory.
BESIDES_SECONDS = 8


@dataclass(frozen=True)
class Part:
    """One kind of work on a device.

    :param seconds: what it is sized to take; :param limit: when it counts as hung, from the moment that the device answers.
    :param together: whether devices do it at the same time; what is timed is done one device after the other.
    :param level: the lowest one at which it is done.
    :param silent: without a line for so long, a worker counts as hung.
    :param ranks: whether the devices' processes talk to each other.
    """

    name: str
    about: str
    seconds: float
    limit: float
    together: bool = True
    ranks: bool = False
    level: str = STANDARD
    silent: float = SILENT_SECONDS


PARTS = (
    Part("correctness", "right numbers: products, convolution, FFT, attention, training, repeatability", 60, 240),
    Part("memory", "patterns through all free memory, and leaks", 30, 120),
    Part("rate", "arithmetic, memory, transfers and launches, beside floors and history", 12, 90, together=False),
    Part("peers", "copies between GPUs, and all-reduce", 20, 90, ranks=True),
    Part(
        "burn",
        "sustained load, with clocks, power and temperatures",
        60 * DEFAULT_MINUTES,
        60 * DEFAULT_MINUTES + 120,
        level=BURN,
        silent=math.inf,
    ),
)


def part(name: str) -> Part:
    """The part of that name. Raises KeyError."""
    for row in PARTS:
        if row.name == name:
            return row
    raise KeyError(name)


def seconds(level: str, minutes: float = 0) -> float:
    """What a level takes at most; ``minutes`` of endurance are those of `burn` alone."""
    return SECONDS[level] + (60 * minutes if level == BURN else 0)
