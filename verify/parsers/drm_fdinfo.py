"""What a process uses of a GPU: `/proc/<pid>/fdinfo/<fd>` of an open DRM device.

Sources: Linux `Documentation/gpu/drm-usage-stats.rst` (keys, units, one client per `drm-client-id`) and
`drivers/gpu/drm/amd/amdgpu/amdgpu_fdinfo.c`; kernels 5.14 to 5.18 printed `pdev`, `vram mem` and `gtt mem` instead.
"""

from __future__ import annotations

import re
from typing import Any

UNITS = {"": 1, "KiB": 1024, "kB": 1024, "MiB": 1024**2, "GiB": 1024**3}
#: The first that is there counts. What is resident is in the memory now; the older key is amdgpu's name for the same.
MEMORY = {
    "vram_bytes": ("drm-resident-vram", "drm-memory-vram", "vram mem"),
    "gtt_bytes": ("drm-resident-gtt", "drm-memory-gtt", "gtt mem"),
}
#: Engines that are what people call the GPU's load; the others decode and encode video, or copy.
ENGINES = ("drm-engine-gfx", "drm-engine-compute")


def parse(text: str) -> dict[str, Any] | None:
    """`{pci, client, vram_bytes, gtt_bytes, busy_ns}`, or None where it is no client of amdgpu.

    `busy_ns` counts since the client began; None where the kernel keeps no count (before 5.19, and for ROCm's own queues).
    """
    said: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            said.setdefault(name.strip(), value.strip())
    pci = said.get("drm-pdev") or said.get("pdev")
    if not pci or said.get("drm-driver", "amdgpu") != "amdgpu":
        return None
    busy = [nanoseconds(said[name]) for name in ENGINES if name in said]
    return {
        "pci": pci.lower(),
        "client": said.get("drm-client-id") or said.get("pasid"),
        **{ours: next((size(said[name]) for name in names if name in said), None) for ours, names in MEMORY.items()},
        "busy_ns": sum(busy) if busy else None,
    }


def size(value: str) -> int | None:
    """Bytes of `27000 KiB`; a number alone is bytes."""
    found = re.fullmatch(r"(\d+)\s*(\w*)", value)
    return int(found.group(1)) * UNITS[found.group(2)] if found and found.group(2) in UNITS else None


def nanoseconds(value: str) -> int:
    found = re.fullmatch(r"(\d+)\s*ns", value)
    return int(found.group(1)) if found else 0
