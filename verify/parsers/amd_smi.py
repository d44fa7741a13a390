"""`amd-smi list` and `amd-smi static`, text and JSON. ROCm 6 prints a list at the top, 7 and later `{"gpu_data": […]}`."""

from __future__ import annotations

import json
import re
from typing import Any

TROUBLES = (
    (r".*(?:DRIVER_NOT_LOADED|driver not (?:loaded|initialized)).*", "not_loaded"),
    (r"No (?:AMD )?GPU.*|.*AMDSMI_STATUS_\w+.*", "no_gpu"),
)
UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def parse(text: str) -> dict[str, Any]:
    """`{gpus: [{index, pci, uuid, name, device_id, gfx, compute_units, vram_bytes, driver, driver_version}]}`.

    What is not told is None. `driver_version` is None where amd-smi gives the whole kernel banner, as it does for
    the kernel's own driver.
    `error` with kind `not_loaded`, `no_gpu`, `fragment` (JSON of one part of a GPU) or `unknown`.
    """
    start = min((text.find(sign) for sign in "[{" if sign in text), default=-1)
    try:
        said, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else (None, 0)
    except ValueError:
        said = None
    if said is None:
        return answer(from_text(text), text)
    rows = said.get("gpu_data", said) if isinstance(said, dict) else said
    rows = rows if isinstance(rows, list) else [rows]
    gpus = [row for row in rows if isinstance(row, dict) and "gpu" in row]
    if rows and not gpus:
        return {"error": "JSON without a GPU number: a part of an answer", "kind": "fragment"}
    return answer([flat(row) for row in gpus], text)


def answer(rows: list[dict[str, Any]], text: str) -> dict[str, Any]:
    if rows:
        return {"gpus": [gpu(row) for row in rows]}
    for pattern, kind in TROUBLES:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return {"error": found.group(0).strip(), "kind": kind}
    if text.strip() in ("[]", '{"gpu_data": []}'):
        return {"error": "an empty list of GPUs", "kind": "no_gpu"}
    return {"error": "no GPU in the output", "kind": "unknown"}


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Values by `section.name`, and by `name` where they stand at the top."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}".lower(): v for inner, v in value.items()})
        else:
            found[name.lower()] = value
    return found


def from_text(text: str) -> list[dict[str, Any]]:
    """`GPU: 0`, then `NAME: value` below it, indented once (list) or twice below a section (static)."""
    rows: list[dict[str, Any]] = []
    section = ""
    for indent, name, value in re.findall(r"^( *)([A-Z][A-Z0-9_]*):[ \t]*(.*?)[ \t]*$", text, re.MULTILINE):
        if name == "GPU" and not indent and value.isdigit():
            rows.append({"gpu": int(value)})
            section = ""
        elif rows and not value:
            section = name.lower() + "."
        elif rows:
            rows[-1][(section if len(indent) > 4 else "") + name.lower()] = value
    return rows


def gpu(said: dict[str, Any]) -> dict[str, Any]:
    values = {name: None if value == "N/A" else value for name, value in said.items()}
    device, version = values.get("asic.device_id"), values.get("driver.version")
    return {
        "index": values.get("gpu"),
        "pci": values.get("bdf") or values.get("bus.bdf"),
        "uuid": values.get("uuid"),
        "name": values.get("asic.market_name"),
        "device_id": str(device).lower().replace("0x", "", 1) if device else None,
        "gfx": values.get("asic.target_graphics_version"),
        "compute_units": values.get("asic.num_compute_units"),
        "vram_bytes": size(values.get("vram.size")),
        "driver": values.get("driver.name"),
        "driver_version": None if str(version).startswith("Linuxversion") else version,
    }


def size(value: Any) -> int | None:
    """Bytes of `{"value": 196592, "unit": "MB"}` or `196592 MB`."""
    if isinstance(value, dict):
        value = f"{value.get('value')} {value.get('unit')}"
    found = re.fullmatch(r"(\d+) *([KMG]?B)", str(value or ""))
    return int(found.group(1)) * UNITS[found.group(2)] if found else None
