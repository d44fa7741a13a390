"""A site's folder of reports: three hosts over half a year, and the run of now, in which one of them fails.

Every result is what the real checks judge of what a host showed, and every rate is in the worker's own shape.

- gpu01 has one card, and all is well: certified.
- gpu02 has two: one has become slow and hot since the kernel was exchanged, and Ollama was stopped.
- gpu03 has a card without floors, and its checks could not all be made: certified with warnings.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

from control import history
from tests.unit.checks import healthy, measured
from tests.unit.report.run_folder import examined, save
from verify.checks import CHECKS
from verify.compute import burn, levels
from verify.facts import facts
from verify.result import document, settle

NOW = "2026-11-22T181500.250Z"
#: The runs before: the last one quick, those before it standard.
EARLIER = (
    "2026-06-02T070000.000Z",
    "2026-07-01T070000.000Z",
    "2026-08-03T070000.000Z",
    "2026-09-01T070000.000Z",
    "2026-10-02T070000.000Z",
    "2026-11-02T070000.000Z",
)
QUICK = "2026-11-15T120000.000Z"
HOSTS = ("gpu01", "gpu02", "gpu03")

XTX = {"name": "Radeon RX 7900 XTX", "gfx": "gfx1100", "rates": {"gemm_float32": 10, "gemm_float16": 65}}
RX6600 = {"name": "Radeon RX 6600", "gfx": "gfx1032"}
CARDS: dict[str, list[dict[str, Any]]] = {
    "gpu01": [{"pci": "0000:03:00.0", **XTX}],
    "gpu02": [{"pci": "0000:03:00.0", **XTX}, {"pci": "0000:83:00.0", **XTX}],
    "gpu03": [{"pci": "0000:03:00.0", **RX6600}],
}
#: What the two kinds of card reach, in the unit of each rate.
RATES = {
    "gfx1100": {"gemm_float64": 1.45, "gemm_float32": 27.4, "gemm_float16": 105.0, "gemm_bfloat16": 103.0, "memory": 812.0},
    "gfx1032": {"gemm_float64": 0.52, "gemm_float32": 8.3, "gemm_float16": 16.4, "gemm_bfloat16": 15.9, "memory": 196.0},
}
OTHERS = {"to_device": 25.6, "from_device": 26.1, "launch": 212_000.0, "all_reduce": 21.4, "copies": 24.8}


def level(stamp: str) -> str:
    return {QUICK: "quick", NOW: "burn"}.get(stamp, "standard")


def write(folder: Path, stamps: tuple[str, ...] = (*EARLIER, QUICK, NOW)) -> Path:
    """The folder of the last of these runs, with the others beside it."""
    for stamp in stamps:
        for name in HOSTS:
            _host(folder / stamp, stamp, name)
        codes = {NOW: 15}
        run = {"schema": 1, "command": "verify", "site": "north", "hosts": list(HOSTS), "started": stamp}
        save(folder / stamp / "run.json", {**run, "seconds": 1012.4, "exit_code": codes.get(stamp, 0)})
        ended = {"changed": 0, "tasks": 12, "findings": [], "role": "", "task": ""}
        slow = stamp == NOW
        outcome = {name: {"status": "unproven" if slow and name == "gpu02" else "done", **ended} for name in HOSTS}
        save(folder / stamp / "outcome.json", outcome)
    return folder / stamps[-1]


def _host(run: Path, stamp: str, name: str) -> None:
    expected, seen = _expected(name, stamp), _seen(name, stamp)
    expected["history"] = history.rates(run, name)
    reached = levels.LEVELS[: levels.LEVELS.index(level(stamp)) + 1]
    asked = [check for check in CHECKS if check.level in reached]
    found = settle(one for check in asked for one in check.judge(seen[check.area], expected))
    known = facts(_snapshot(name, stamp), expected, found)
    taken = f"{stamp[:13]}:{stamp[13:15]}:{stamp[15:17]}Z"
    save(run / "results" / f"{name}.json", document(name, False, taken, 301.6, found, level(stamp), known))
    drift = [{"role": "services", "item": "container:gpuhost-ollama", "difference": "restart policy: unless-stopped → no"}]
    shown = examined(name, drift=drift if name == "gpu03" and stamp == NOW else [])
    shown["plan"]["gpus"] = [{**gpu, "use": True, "why": ""} for gpu in CARDS[name]]
    shown["plan"]["roles"]["verify"]["expected"] = {key: value for key, value in expected.items() if key != "history"}
    shown["snapshot"]["kernel"] = _snapshot(name, stamp)["kernel"]
    save(run / "hosts" / f"{name}.json", shown)


def _expected(name: str, stamp: str) -> dict[str, Any]:
    expected = healthy.expected() | {"host": name, "gpus": copy.deepcopy(CARDS[name]), "level": level(stamp)}
    if name == "gpu03":
        # A service that is reached by a user whose devices only root could try.
        expected["access"]["users"].append({"name": "bob", "groups": ["render", "video"]})
    return expected


def _seen(name: str, stamp: str) -> dict[str, Any]:
    seen = {check.area: healthy.seen(check.area) for check in CHECKS}
    cards = CARDS[name]
    seen["driver"]["gpus"] = [{"pci": card["pci"], "driver": "amdgpu", "gfx": card["gfx"], "amd": True} for card in cards]
    seen["driver"]["nodes"] = [{"node": 0, "simd_count": 0}]
    seen["driver"]["nodes"] += [{"node": at + 1, "simd_count": 96, "gfx": card["gfx"]} for at, card in enumerate(cards)]
    seen["rocm"]["tools"] = {tool: healthy.tool(len(cards)) for tool in ("rocminfo", "rocm-smi")}
    seen["health"]["cards"] = [healthy.card(card["pci"]) for card in cards]
    for place in seen["torch"]["places"].values():
        place["devices"] = [
            {"name": card["name"], "gfx": card["gfx"], "memory_bytes": 24 << 30, "pci": card["pci"]} for card in cards
        ]
        place.update(packages=[], targets=["gfx1030", "gfx1032", "gfx1100"])
        place["computed"] = dict.fromkeys(("cpu", *(f"cuda:{at}" for at in range(len(cards)))), place["computed"]["cpu"])
    for area in ("correctness", "memory", "rate", "peers", "burn"):
        places = seen[area]["places"]
        for where in places:
            work = [_work(area, name, at, stamp, where) for at in range(len(cards))]
            alone = area == "peers" and len(cards) == 1
            places[where] = {"devices": {} if alone else {f"cuda:{at}": one for at, one in enumerate(work)}, "after": {}}
    if name == "gpu03":
        seen["access"]["users"]["bob"] = {"uid": 1001, "groups": ["bob", "render", "video"]}
        untried = {"error": "only root can start a process as another user", "needs_root": True}
        seen["access"]["tries"]["bob"] = untried if stamp == NOW else seen["access"]["tries"]["alice"]
    if name == "gpu02" and stamp == NOW:
        _stop_ollama(seen)
    return seen


def _stop_ollama(seen: dict[str, Any]) -> None:
    seen["containers"]["containers"]["gpuhost-ollama"].update(state="exited", exit_code=137, log="killed")
    dead = {page: {"status": 0, "body": "", "error": "Connection refused"} for page in ("health", "version", "tags")}
    seen["services"]["services"]["ollama"] = dead
    seen["services"]["ports"] = [row for row in seen["services"]["ports"] if row["port"] != 11434]
    seen["wiring"]["from"] = {
        name: {"ollama": {"resolved": False, "error": "ENOTFOUND"}} for name in ("anythingllm", "jupyter")
    }
    seen["generate"].update(call={"error": "Connection refused"}, loaded=None)
    seen["speed"]["shown"] = {"error": "Connection refused"}


def is_slow(name: str, at: int, stamp: str) -> bool:
    """The card that has become slow."""
    return name == "gpu02" and at == 1 and stamp == NOW


def _work(area: str, name: str, at: int, stamp: str, where: str) -> dict[str, Any]:
    card = CARDS[name][at]
    device = {**measured.GPU, "name": card["name"], "gfx": card["gfx"], "pci": card["pci"], "memory_bytes": 24 << 30}
    makers = {"correctness": measured.numbers, "memory": measured.cells, "rate": measured.rates, "burn": measured.lasted}
    came = makers.get(area, measured.between)(device)
    if area == "burn":
        came["measured"]["endurance"] = _endurance(card["gfx"], is_slow(name, at, stamp))
    for rate, seen in came["measured"].items() if area in ("rate", "peers") else ():
        if "value" not in seen:
            continue
        usual = (RATES[card["gfx"]] | OTHERS)[rate]
        # From run to run a card differs by a percent or so, and places and cards by less.
        wobble = 1 + 0.012 * math.sin(7 * len(stamp) + sum(map(ord, stamp + rate)) + at) - 0.004 * (where != "host")
        slow = 0.63 if is_slow(name, at, stamp) and rate.startswith("gemm") else 1
        value = usual * wobble * slow
        seen.update(value=value, low=value * 0.985, high=value * 1.008)
    return came


def _endurance(gfx: str, slow: bool) -> dict[str, Any]:
    """Ten minutes: a card that is hot at once and then slows itself down, or one that is not."""
    usual, series = RATES[gfx]["gemm_float16"], []
    for second in range(0, 600, 3):
        warm, wave = 1 - math.exp(-second / 90), math.sin(second / 7)
        hot = 62 + 46 * warm + wave if slow else 48 + 34 * warm + wave
        part = 1 - 0.34 * max(0.0, min(1.0, (hot - 96) / 10)) if slow else 1 - 0.015 * warm
        clocks = {"core_mhz": round(2480 * part), "memory_mhz": 1249, "power_w": round(338 * part, 1), "power_cap_w": 339.0}
        heat = {"edge_c": round(hot - 17, 1), "junction_c": round(hot, 1), "mem_c": round(hot - 9, 1)}
        series.append({"s": float(second), "value": usual * part * (1 + 0.004 * wave), **clocks, **heat})
    counted: dict[str, Any] = {"rounds": 200, "wrong_products": 0, "wrong_cells": 0, "unit": "TFLOP/s", "side": 8192}
    counted |= {"throttled": {"temperature": 0.4} if slow else {}, "errors": {"memory": 0}}
    return {**counted, **burn.ends(series), "series": burn.thinned(series), "seconds": 600.0}


def _snapshot(name: str, stamp: str) -> dict[str, Any]:
    """The parts of a snapshot that facts are made of; in November gpu02 got another kernel, and all another Ollama."""
    late = stamp in (QUICK, NOW)
    newer = stamp == NOW
    release = healthy.NEWER if name == "gpu02" and newer else healthy.KERNEL
    ollama = "4f1c0a97d2be" if newer else "91ab02cc77d0"
    images = {"ollama": ollama, "jupyter": "c0ffee0d15ea", "anythingllm": "a1b2c3d4e5f6"}
    containers = [
        {"name": f"gpuhost-{one}", "image": f"example/{one}:1", "digest": f"sha256:{digest}", "image_id": ""}
        for one, digest in images.items()
    ]
    return {
        "os": {"pretty_name": "Debian GNU/Linux 13 (trixie)"},
        "kernel": {
            "release": release,
            "cmdline": "ro quiet iommu=pt",
            "modules": {"amdgpu": {"loaded": True, "in_tree": False, "version": "6.16.13"}},
        },
        "cpu": {"model": "AMD Ryzen 9 7950X", "count": 32},
        "memory": {"total_bytes": 64 << 30},
        "packages": {"amdgpu-dkms": {"version": "1:6.16.13.30300300-2278356.24.04"}},
        "rocm": [{"version": "7.2.4" if late else "7.2.1", "source": "classic", "prefix": "/opt/rocm"}],
        "engine": {"version": "26.1.5", "containers": containers},
        "venvs": [{"path": "/opt/gpuhost/torch", "torch": {"version": "2.13.0+rocm7.2", "hip": "7.2.53211"}}],
        "gpus": [
            {"pci": card["pci"], "amd": True, "gfx": card["gfx"], "vram_bytes": 24 << 30, "unique_id": f"a1ff{at}"}
            for at, card in enumerate(CARDS[name])
        ],
    }
