"""`pp_dpm_sclk`, `pp_dpm_mclk`: the clocks that a GPU can choose from, the chosen one marked with a star.

Source: Linux `Documentation/gpu/amdgpu/thermal.rst`. Instinct cards print `S: 19Mhz *` while they sleep deeply.
"""

from __future__ import annotations

import re

LEVEL = re.compile(r"^\s*(?:\d+|S):\s*(\d+)\s*Mhz\s*(\*?)", re.IGNORECASE | re.MULTILINE)


def parse(text: str) -> dict[str, int | None]:
    """`{mhz, max_mhz}`; None where nothing is marked, or nothing is there."""
    levels = [(int(mhz), bool(star)) for mhz, star in LEVEL.findall(text)]
    return {
        "mhz": next((mhz for mhz, chosen in levels if chosen), None),
        "max_mhz": max((mhz for mhz, _ in levels), default=None),
    }
