"""What sound devices measure, in the shapes of the workers; tests/torch compares these shapes with real ones."""

from __future__ import annotations

from typing import Any

from verify.checks import correctness, memory, peers, rate

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
    ended = {"seconds": dict.fromkeys(measured, 0.5), "at": None, "ended": "", "hung": False, "late": False, "done": True}
    return {"device": device or GPU, "measured": measured, **ended, **changes}


def numbers(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """Right numbers from a device."""
    names = correctness.names(device or GPU)
    return outcome({name: {**RIGHT[correctness.kind_of(name)]} for name in names}, device)


def cells(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """Memory that gives back what was written."""
    right = {"bytes": 7 << 30, "wrong": 0, "wrong_on_host": 0}
    measured = {name: {**right} for name in memory.names(device or GPU)}
    measured["filled"] = {"bytes": 7 << 30, "wanted_bytes": 7 << 30, "total_bytes": 8 << 30}
    if "leak" in measured:
        measured["leak"] = {"held_bytes": 0, "lost_bytes": 2 << 20, "rounds": 40}
    return outcome(measured, device)


#: PCI Express 4.0, 16 lanes.
LINK = {"gt_s": 16.0, "lanes": 16, "could_gt_s": 16.0, "could_lanes": 16, "gb_s": 31.51, "at": "0000:03:00.0"}
LOADED = {"core_mhz": 2410, "power_w": 98.0, "junction_c": 81.0}


def rated(value: float, unit: str, **more: Any) -> dict[str, Any]:
    """A rate as the worker gives it."""
    return {"value": value, "unit": unit, "low": value * 0.98, "high": value * 1.01, "samples": 30, **more}


def rates(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """A device at its usual rates."""
    measured = {
        name: rated(20.0, "TFLOP/s", side=8192, before={}, after={**LOADED})
        for name in rate.names(device or GPU)
        if name.startswith("gemm_")
    }
    measured["memory"] = rated(200.0, "GB/s")
    measured["to_device"] = rated(25.0, "GB/s", link={**LINK})
    measured["from_device"] = rated(25.5, "GB/s", link={**LINK})
    if (device or GPU)["kind"] == "gpu":
        measured["link"] = {"link": {**LINK}}
    measured["launch"] = rated(200_000.0, "launches/s", microseconds=5.0, waited_microseconds=11.0)
    return outcome(measured, device)


def lasted(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ten minutes of load that a device took well."""
    series = [{"s": float(at), "value": 20.0, "core_mhz": 2410, "power_w": 98.0} for at in range(0, 600, 2)]
    highest = {"core_mhz": 2410, "junction_c": 104.0, "power_w": 98.0}
    endurance = {"rounds": 300, "wrong_products": 0, "wrong_cells": 0, "unit": "TFLOP/s", "side": 8192, "series": series}
    ends = {"early": 20.0, "late": 19.5, "highest": highest, "seconds": 600.0}
    watched = {"throttled": {"power": 0.9}, "errors": {"memory": 0, "bus": 0}}
    return outcome({"endurance": {**endurance, **ends, **watched}}, device)


def between(device: dict[str, Any] | None = None) -> dict[str, Any]:
    """A device that gets from the others what they sent."""
    right: dict[str, dict[str, Any]] = {"all_reduce": {"ranks": 2}, "copies": {"to": "cuda:1", "direct": True}}
    measured = {name: rated(20.0, "GB/s", wrong=0, of=1 << 26, **right[name]) for name in peers.names({})}
    return outcome(measured, device)


def earlier(part: str, came: dict[str, Any], *, where: str = "host", device: str = "gpu0") -> list[dict[str, Any]]:
    """A run of yesterday with the same rates, as the control node hands it in."""
    rates = {name: seen["value"] for name, seen in came["measured"].items() if "value" in seen}
    found = {f"{part}.{where}.{device}.{name}": value for name, value in rates.items()}
    return [{"taken_at": "2026-11-21T08:00:00Z", "rates": found}]


def everywhere(of: Any, *places: str) -> dict[str, Any]:
    """The same from each place, as a probe gives it."""
    found = {where: {"devices": {"cuda:0": of()}, "after": {}} for where in places}
    return {"simulated": False, "stand_ins": {"gpuhost-jupyter": None}, "places": found}
