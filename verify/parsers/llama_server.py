"""llama.cpp: `llama-server --list-devices`, its log, and `llama-bench`. Prefixes and forms of 2024 to 2026.

A table's column `backend` says what was built, not what ran: `ROCm` there on the CPU is known. A tensor that goes to the CPU
("using CPU instead") is no fallback; `offloaded 0/N layers` is one.
"""

from __future__ import annotations

import re
from typing import Any

#: Time and level, and since the end of 2026 which part of the program speaks.
PREFIX = re.compile(r"^\d+\.\d+\.\d+\.\d+ [A-Z] (?:cmn +common_param: )?", re.MULTILINE)
FAILED = re.compile(r"failed to initialize (?:ROCm|CUDA|HIP): (.*)")
ROW = re.compile(
    r"^\s*(?:- )?(?P<id>[A-Z][A-Za-z]*\d*)\s*: (?P<name>.+) \((?P<total>\d+) MiB, (?P<free>\d+) MiB free\)$", re.MULTILINE
)
CUDA_ROW = re.compile(
    r"^\s*Device (?P<n>\d+): (?P<name>.+?), (?:(?P<gfx>gfx\w+)[^,]*|compute capability (?P<cc>[\d.]+)), VMM", re.MULTILINE
)
VULKAN_ROW = re.compile(r"^ggml_vulkan: (?P<n>\d+) = (?P<name>.+?) \| uma: (?P<uma>[01])", re.MULTILINE)


def parse(text: str) -> dict[str, Any]:
    """`{devices, gpu, offloaded, backends}` and `error`, `kind` where the GPU could not be used.

    devices: GPUs only, `{id: "ROCm0", backend, name, gfx, total_bytes, free_bytes}`; free can exceed total on an APU.
    gpu: True where a GPU is there and used as far as the text tells, False where it is not, None where the text
    tells neither.
    offloaded: `[layers, of]` or None. backends: those whose library was loaded or that hold buffers.
    kind: `no_device` (the build found none), `gpu_error`, or `unknown` (nothing about devices in the text).
    """
    said = PREFIX.sub("", text)
    devices = listed(said) or initialised(said)
    layers = re.search(r"offloaded (\d+)/(\d+) layers to GPU", said)
    offloaded = [int(layers.group(1)), int(layers.group(2))] if layers else None
    answer: dict[str, Any] = {"devices": devices, "gpu": None, "offloaded": offloaded, "backends": backends(said)}
    trouble = problem(said, devices)
    if trouble and not devices:
        return {**answer, "gpu": False, **trouble}
    if not devices and not offloaded:
        return {**answer, "error": "nothing about devices in the text", "kind": "unknown"}
    used = bool(offloaded[0]) if offloaded else bool(devices)
    return {**answer, "gpu": used, **(trouble or {})}


def problem(said: str, devices: list[dict[str, Any]]) -> dict[str, str] | None:
    failed = FAILED.search(said)
    if failed:
        return {
            "error": failed.group(0),
            "kind": "no_device" if "no ROCm-capable device" in said or "no CUDA" in said else "gpu_error",
        }
    if re.search(r"^Available devices:\s*(\(none\))?\s*$", said, re.MULTILINE) and not devices:
        return {"error": "Available devices: (none)", "kind": "no_device"}
    if not devices and any(row["id"] == "CPU" for row in ROW.finditer(said)):
        return {"error": "the CPU is the only device listed", "kind": "no_device"}
    broken = re.search(r"(?:ROCm|CUDA) error: .*", said)
    return {"error": broken.group(0), "kind": "gpu_error"} if broken else None


def listed(said: str) -> list[dict[str, Any]]:
    """Rows of `--list-devices` and of the log's `device_info`, without the CPU's."""
    rows = [row for row in ROW.finditer(said) if row["id"] not in ("CPU", "BLAS", "RPC")]
    return [device(row["id"], row["name"], None, int(row["total"]), int(row["free"])) for row in rows]


def initialised(said: str) -> list[dict[str, Any]]:
    """Rows that a backend prints when it starts."""
    found = []
    backend = "CUDA" if re.search(r"found \d+ CUDA devices", said) else "ROCm"
    for row in CUDA_ROW.finditer(said):
        vram = re.search(r"VRAM: (\d+) MiB", said[row.start() :].split("\n", 1)[0])
        found.append(device(f"{backend}{row['n']}", row["name"], row["gfx"], int(vram.group(1)) if vram else None, None))
    for row in VULKAN_ROW.finditer(said):
        gfx = re.search(r"GFX(\d+\w*)", row["name"])
        found.append(device(f"Vulkan{row['n']}", row["name"], f"gfx{gfx.group(1)}".lower() if gfx else None, None, None))
    return found


def device(name: str, title: str, gfx: str | None, total: int | None, free: int | None) -> dict[str, Any]:
    """Sizes come in MiB and leave in bytes."""
    sizes = [None if size is None else size * 1024**2 for size in (total, free)]
    return {
        "id": name,
        "backend": name.rstrip("0123456789"),
        "name": title,
        "gfx": gfx,
        "total_bytes": sizes[0],
        "free_bytes": sizes[1],
    }


def backends(said: str) -> list[str]:
    loaded = re.findall(r"loaded (\w+) backend from", said)
    buffers = re.findall(r"load_tensors:\s+([A-Za-z]+?)\d*(?:_\w+)?(?:\[.*?\])? (?:model )?buffer size", said)
    return sorted(set(loaded) | set(buffers))
