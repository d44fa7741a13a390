"""`rocm-smi`: `--json` of ROCm 4.3 to 6.x, and its texts (concise table, `GPU[n] : label: value`).

The tool left ROCm with 10.1. Old releases show the *subsystem* id where newer ones show the device id, so that an id is
given only where its label says which it is.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Our name for a value, and the labels under which releases print it, as words in lower case.
LABELS = {
    "device_id": ("device id", "gpu id"),
    "name": ("card series", "device name"),
    "gfx": ("gfx version",),
    "node": ("node id",),
    "pci": ("pci bus",),
    "vram_bytes": ("vram total memory (b)",),
    "sku": ("card sku",),
    "unique_id": ("unique id",),
}
NOTHING = ("", "n/a", "none")


def parse(text: str) -> dict[str, Any]:
    """`{driver_version, gpus: [{index, device_id, name, gfx, node, pci, vram_bytes, sku, unique_id}]}`.

    What is not told is None. `error` with kind `not_loaded`, `no_gpu` or `unknown` where there is no GPU in the text.
    """
    cards, driver = from_json(text) or from_text(text)
    if not cards:
        return explain(text)
    return {"driver_version": driver, "gpus": [gpu(index, said) for index, said in sorted(cards.items())]}


def from_json(text: str) -> tuple[dict[int, dict[str, str]], str | None] | None:
    """Labels and values per card; None where the text holds no JSON object. Lines before it (warnings) are skipped."""
    start = text.find("{")
    try:
        said, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else (None, 0)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    cards = {
        int(name[4:]): {str(k).lower(): str(v) for k, v in values.items()}
        for name, values in said.items()
        if re.fullmatch(r"card\d+", name) and isinstance(values, dict)
    }
    system = said.get("system")
    return cards, system.get("Driver version") if isinstance(system, dict) else None


def from_text(text: str) -> tuple[dict[int, dict[str, str]], str | None]:
    cards: dict[int, dict[str, str]] = {}
    for index, label, value in re.findall(r"^GPU\[(\d+)\]\s*:\s*([^:\n]+):[ \t]*(.*?)\s*$", text, re.MULTILINE):
        cards.setdefault(int(index), {}).setdefault(label.strip().lower(), value)
    cards = cards or concise(text)
    driver = re.search(r"^Driver version:\s*(\S+)", text, re.MULTILINE)
    return cards, driver.group(1) if driver else None


def concise(text: str) -> dict[int, dict[str, str]]:
    """The table: `0  4  0x74a0, 50375 …` names the device id (column DID), `0  [0x0c34 : 0x02] …` may name another."""
    cards: dict[int, dict[str, str]] = {}
    for index, node, device in re.findall(r"^(\d+)\s+(\d+)\s+(0x[0-9a-f]+),\s+\d+\s", text, re.MULTILINE):
        cards[int(index)] = {"node id": node, "device id": device}
    for index, name in re.findall(r"^(\d+)\s+\[0x[0-9a-f]+ : 0x[0-9a-f]+\].*\n[ \t]+(\S.*?)\s*$", text, re.MULTILINE):
        cards[int(index)] = {"card series": name}
    return cards


def gpu(index: int, said: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"index": index}
    for name, labels in LABELS.items():
        values = (said.get(label, "").strip() for label in labels)
        found[name] = next((value for value in values if value.lower() not in NOTHING), None)
    for name in ("node", "vram_bytes"):
        found[name] = int(found[name]) if str(found[name]).isdigit() else None
    if found["name"] and found["name"].startswith("0x"):  # ROCm 4.3 prints the vendor id there
        found["name"] = None
    for name in ("device_id", "pci", "unique_id"):
        found[name] = found[name].lower().replace("0x", "", 1) if found[name] else None
    return found


def explain(text: str) -> dict[str, Any]:
    for pattern, kind in (
        (r"Driver not initialized.*|amdgpu not found in modules.*", "not_loaded"),
        (r"No (?:AMD|ROCm)?\s*GPUs? (?:specified|detected|found).*|No JSON data to report", "no_gpu"),
    ):
        found = re.search(pattern, text)
        if found:
            return {"error": found.group(0).strip(), "kind": kind}
    return {"error": "no card in the output", "kind": "unknown"}
