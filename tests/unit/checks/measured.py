"""What sound devices measure, in the shapes of the workers; tests/torch compares these shapes with real ones."""

from __future__ import annotations

from typing import Any

from verify.checks import correctness

GPU = {
    "kind": "gpu",
    "name": "AMD Radeon RX 6600",
    "gfx": "gfx1032",
    "pci": "0000:03:00.0",
    "memory_bytes": 8 << 30,
    "formats": ["float64", "float32", "float16", "bfloat16"],
    "integrated": False,
}

#: By the judge that a measure has.
RIGHT: dict[str, dict[str, Any]] = {
    "exact": {"side": 8192, "elements": 8192**2, "limited_by": None, "wrong_rows": 0},
    "bound": {"error_ratio": 0.1, "worst": "odd"},
    "significand": {"wrong": 0, "of": 16384, "bits": 24, "kept": 24},
    "count": {"wrong": 0, "of": 200106},
    "random": {"deviations": {"mean": -0.12, "variance": 0.95}, "in_range": True, "repeats": True},
    "training": {"first": 0.149, "last": 0.003, "steps": 100},
    "repeatable": {"differed": {"product": 0, "index_add": 0}, "runs": 8},
}


def outcome(measured: dict[str, dict[str, Any]], device: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """What :mod:`verify.compute.runner` gives for a device that came to its end."""
    ended = {"seconds": dict.fromkeys(measured, 0.5), "at": None, "ended": "", "hung": False, "done": True}
    return {"device": device or GPU, "measured": measured, **ended, **changes}


def numbers(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """Right numbers from a device."""
    names = correctness.names(device or GPU)
    return outcome({name: {**RIGHT[correctness.kind_of(name)]} for name in names}, device)


def everywhere(of: Any, *places: str) -> dict[str, Any]:
    """The same from each place, as a probe gives it."""
    found = {where: {"devices": {"cuda:0": of()}, "after": {}} for where in places}
    return {"simulated": False, "stand_ins": {"gpuhost-jupyter": None}, "places": found}
