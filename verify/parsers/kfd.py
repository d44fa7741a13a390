"""KFD topology in sysfs: the `properties` file of a node.

Source: libhsakmt (ROCT-Thunk-Interface) `src/topology.c`: lines `name value`, all decimal; a node whose
`simd_count` is 0 is a CPU; `drm_render_minor` 128 is /dev/dri/renderD128.
"""

from __future__ import annotations

from typing import Any


def parse(text: str) -> dict[str, Any]:
    """Every property by its kernel name as int, and `gfx`, `kind` (`gpu` or `cpu`), `compute_units`.

    An old kernel gives no `gfx_target_version`: `gfx` is then None and the PCI ids decide.
    `error` where the text holds no property at all.
    """
    properties: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            properties[words[0]] = int(words[1])
    if "simd_count" not in properties and "cpu_cores_count" not in properties:
        return {"error": "no KFD properties in the text", "kind": "unknown"}
    simds = properties.get("simd_count", 0)
    return {
        **properties,
        "kind": "gpu" if simds else "cpu",
        "gfx": gfx_name(properties.get("gfx_target_version", 0)),
        "compute_units": simds // properties["simd_per_cu"] if properties.get("simd_per_cu") else None,
    }


def gfx_name(version: int) -> str | None:
    """The LLVM name of a `gfx_target_version`: 90010 is gfx90a, 100302 is gfx1032; None for 0 (a CPU).

    Decimal major * 10000 + minor * 100 + step; minor and step are hexadecimal digits in the name.
    """
    if not version:
        return None
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def pci_address(location_id: int, domain: int = 0) -> str:
    """`0000:03:00.0` of KFD's `location_id` (bus, device and function as PCI packs them)."""
    location = location_id & 0xFFFF
    return f"{domain:04x}:{location >> 8:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"
