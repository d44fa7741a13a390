"""How deep the checks go, and how long each part of the GPU work may take. Seconds, per device where not said otherwise."""

from __future__ import annotations

from dataclasses import dataclass

QUICK, STANDARD, BURN = "quick", "standard", "burn"
LEVELS = (QUICK, STANDARD, BURN)

#: Stated length of each level; the endurance of `burn` comes on top of standard.
SECONDS = {QUICK: 30, STANDARD: 300}

#: A first import of torch reads gigabytes; a HIP initialisation that hangs takes for ever.
START_SECONDS = 150

DEFAULT_MINUTES = 10


@dataclass(frozen=True)
class Part:
    """One kind of work on a device.

    :param seconds: what it is sized to take; :param limit: when it counts as hung, from the moment that the device answers.
    :param together: whether devices do it at the same time; what is timed is done one device after the other.
    :param level: the lowest one at which it is done.
    :param ranks: whether the devices' processes talk to each other.
    """

    name: str
    about: str
    seconds: float
    limit: float
    together: bool = True
    ranks: bool = False
    level: str = STANDARD


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
    ),
)


def part(name: str) -> Part:
    """The part of that name. Raises KeyError."""
    for row in PARTS:
        if row.name == name:
            return row
    raise KeyError(name)
