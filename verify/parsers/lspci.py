"""`lspci -nn`, `-k`, `-nnk`: a line per device, and indented lines about its driver."""

from __future__ import annotations

import re
from typing import Any

DEVICE = re.compile(
    r"^(?P<slot>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) "
    r"(?P<kind>[^:\[\n]+?)(?: \[(?P<class>[0-9a-f]{4})\])?: (?P<rest>.*)$"
)
#: Words of display controllers and accelerators, for output without class numbers.
GPU_KINDS = ("VGA compatible controller", "Display controller", "3D controller", "Processing accelerators")


def parse(text: str) -> dict[str, Any]:
    """`{devices: [{pci, class, kind, vendor_id, device_id, revision, name, gpu, amd, driver, modules}]}`.

    `pci` is whole (`0000:03:00.0`). Ids are None where lspci ran without `-n`. `driver` is None where none is
    bound *or* lspci ran without `-k`: `driver_shown` says which for the whole output. `error` with kind
    `no_tool`, or `unknown` for a text without a device.
    """
    devices: list[dict[str, Any]] = []
    for line in text.splitlines():
        found = DEVICE.match(line)
        detail = re.match(r"^\s+Kernel (driver in use|modules): (.*)$", line)
        if found:
            devices.append(device(found))
        elif detail and devices:
            driver = detail.group(1) == "driver in use"
            devices[-1]["driver" if driver else "modules"] = detail.group(2) if driver else detail.group(2).split(", ")
    if devices:
        return {"devices": devices, "driver_shown": bool(re.search(r"^\s+Kernel (driver|modules)", text, re.MULTILINE))}
    missing = re.search(r"lspci: (?:command )?not found|Cannot open /\S+|pcilib: .*", text)
    if missing:
        return {"error": missing.group(0), "kind": "no_tool"}
    return {"error": "no device in the output", "kind": "unknown"}


def device(found: re.Match[str]) -> dict[str, Any]:
    rest = found["rest"]
    ids = re.search(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]", rest)
    revision = re.search(r"\(rev ([0-9a-f]{2})\)", rest)
    number = found["class"]
    return {
        "pci": found["slot"] if found["slot"].count(":") == 2 else f"0000:{found['slot']}",
        "class": number,
        "kind": found["kind"],
        "vendor_id": ids.group(1) if ids else None,
        "device_id": ids.group(2) if ids else None,
        "revision": revision.group(1) if revision else None,
        "name": re.sub(r"\s*(\[[0-9a-f]{4}:[0-9a-f]{4}\]|\((rev|prog-if) .*?\))", "", rest).strip(),
        "gpu": number[:2] in ("03", "12") if number else found["kind"] in GPU_KINDS,
        "amd": ids.group(1) == "1002" if ids else "[AMD/ATI]" in rest,
        "driver": None,
        "modules": [],
    }
