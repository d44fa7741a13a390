"""`rocminfo` and the reasons it gives for not working.

Source of the texts: rocminfo.cc (ROCm/rocminfo c6f7a17). Headings carry ANSI colours whether or not a terminal reads
them; the first line can be missing; a CPU's name can be empty in a container; an NPU is an AMD agent of type DSP.
"""

from __future__ import annotations

import re
from typing import Any

#: `/dev/kfd` could not be opened: the C library's words, and the error's name. EACCES is about groups or mode;
#: EPERM is a device cgroup; EINVAL and ENXIO are a driver without a usable device; ENOENT is a device not passed.
OPEN_ERRORS = {
    "Permission denied": "EACCES",
    "Operation not permitted": "EPERM",
    "Invalid argument": "EINVAL",
    "No such device or address": "ENXIO",
    "No such file or directory": "ENOENT",
    "No such device": "ENODEV",
    "Device or resource busy": "EBUSY",
}
HSA_ERROR = re.compile(r"HSA_STATUS_ERROR\w*|hsa api call failure.*|HSA_OVERRIDE_GFX_VERSION .* is invalid")


def plain(text: str) -> str:
    """The text without ANSI colours and carriage returns."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r", "")


def parse(text: str) -> dict[str, Any]:
    """`{module_version, agents, gpus, complete}`, or with `error` and `kind` where rocminfo could not look.

    agents: `{name, marketing_name, vendor, type: "CPU"|"GPU"|"DSP"|…, node, chip_id: "744c", compute_units,
    pci_bus: "03:00.0", memory_bytes, isas: […]}`. gpus: those of type GPU, `name` their gfx target.
    `complete` is False where the text ends before rocminfo's last line. kind is `not_loaded`, the name of the
    error that opening /dev/kfd gave, `hsa`, or `unknown`. An answer without GPUs is no error:
    the caller decides what it means.
    """
    said = plain(text)
    version = re.search(r"^ROC[km] module version (\S+) is loaded", said, re.MULTILINE)
    head: dict[str, Any] = {"module_version": version.group(1) if version else None}
    trouble = problem(said)
    if trouble:
        return {**head, **trouble}
    agents = [agent(block) for block in re.split(r"^\s*Agent \d+\s*$", said, flags=re.MULTILINE)[1:]]
    if not agents:
        return {**head, "error": "no agents in the output", "kind": "unknown"}
    gpus = [one for one in agents if one["type"] == "GPU"]
    return {**head, "agents": agents, "gpus": gpus, "complete": "*** Done ***" in said}


def problem(said: str) -> dict[str, str] | None:
    if "ROCk module is NOT loaded" in said:
        return {"error": "ROCk module is NOT loaded, possibly no GPU devices", "kind": "not_loaded"}
    failed = re.search(r"Unable to open /dev/kfd read-write: (.*)", said)
    if failed:
        words = failed.group(1).strip()
        return {"error": failed.group(0).strip(), "kind": OPEN_ERRORS.get(words, "unknown")}
    failed = HSA_ERROR.search(said)
    return {"error": failed.group(0).strip(), "kind": "hsa"} if failed else None


def agent(block: str) -> dict[str, Any]:
    """One agent. Its own lines come before `Pool Info`; the names below that are pools' and ISAs'."""
    own = block.split("Pool Info:", 1)[0]
    said: dict[str, str] = {}
    for name, value in re.findall(r"^\s*([A-Z][\w .,()/-]*?):[ \t]*(.*?)[ \t\\]*$", own, re.MULTILINE):
        said.setdefault(name, value)
    bdf = leading_number(said.get("BDFID"))
    chip = re.search(r"\(0x([0-9a-f]+)\)", said.get("Chip ID", ""))
    return {
        "name": said.get("Name") or None,
        "marketing_name": said.get("Marketing Name") or None,
        "vendor": said.get("Vendor Name") or None,
        "type": said.get("Device Type") or None,
        "node": leading_number(said.get("Node")),
        "chip_id": chip.group(1) if chip else None,
        "compute_units": leading_number(said.get("Compute Unit")),
        "pci_bus": f"{bdf >> 8:02x}:{bdf >> 3 & 0x1F:02x}.{bdf & 7}" if bdf else None,
        "memory_bytes": memory(block),
        "isas": re.findall(r"^\s*Name:\s+(amdgcn-\S+?)\\?\s*$", block, re.MULTILINE),
    }


def leading_number(value: str | None) -> int | None:
    found = re.match(r"\d+", value or "")
    return int(found.group(0)) if found else None


def memory(block: str) -> int | None:
    """The largest GLOBAL pool, in bytes. For an integrated GPU this is system memory."""
    pools = re.findall(r"Segment:\s+GLOBAL.*?\n\s*Size:\s+(\d+)\(0x[0-9a-f]+\) KB", block)
    return max(int(kib) for kib in pools) * 1024 if pools else None
