"""`gpu_metrics`: the table that the GPU's firmware keeps, as bytes.

Only what stands at the same place in all tables of a kind, of the kinds whose units are the same on every card: 1.1 to 1.3
(Radeon, Instinct up to MI250) and 1.4 to 1.8 (MI300 and later). Those of Ryzen (2.x, 3.x) mix units from chip to chip.
Source: Linux `drivers/gpu/drm/amd/include/kgd_pp_interface.h`, `struct gpu_metrics_v1_1` and following.
"""

from __future__ import annotations

import struct

#: All bits set: the card does not measure it.
NOTHING = 0xFFFF
#: Versions -> byte at which a 16-bit figure stands. Degrees Celsius, per cent, watts.
LAYOUTS = (
    (range(1, 4), {"edge": 4, "junction": 6, "mem": 8, "load_percent": 16, "memory_load_percent": 18, "power_w": 22}),
    (range(4, 9), {"junction": 4, "mem": 6, "power_w": 10, "load_percent": 12, "memory_load_percent": 14}),
)

#: Where version 1.3 (Radeon from RDNA 2 on, Instinct MI200) says what holds the clocks down, the same bits on every card.
THROTTLERS_AT = 112
#: From which bit on which kind of limit: Linux `drivers/gpu/drm/amd/pm/swsmu/inc/amdgpu_smu.h`, SMU_THROTTLER_*.
THROTTLERS = ((0, 16, "power"), (16, 32, "current"), (32, 56, "temperature"), (56, 64, "firmware"))


def throttled(data: bytes) -> list[str]:
    """Which kinds of limits hold the clocks down now; empty where none does, or the table does not tell."""
    if len(data) < THROTTLERS_AT + 8 or struct.unpack_from("<HBB", data)[1:] != (1, 3):
        return []
    bits = struct.unpack_from("<Q", data, THROTTLERS_AT)[0]
    if bits == 2**64 - 1:
        return []
    return [name for begin, end, name in THROTTLERS if bits >> begin & (1 << (end - begin)) - 1]


def parse(data: bytes) -> dict[str, int]:
    """Figures by name, those that the card measures; empty for a table of another kind, or one that is cut."""
    if len(data) < 4:
        return {}
    length, kind, version = struct.unpack_from("<HBB", data)
    layout = next((fields for versions, fields in LAYOUTS if kind == 1 and version in versions), {})
    if not layout or len(data) < length or length < max(layout.values()) + 2:
        return {}
    figures = {name: struct.unpack_from("<H", data, at)[0] for name, at in layout.items()}
    return {name: value for name, value in figures.items() if value != NOTHING}
