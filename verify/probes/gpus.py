"""GPUs of every vendor on the PCI bus, and AMD's compute view of them (KFD).

sysfs only: no tool has to be installed, and none can hang.
"""

from __future__ import annotations

import errno
import re
from typing import Any

from ..parsers import kfd
from .host import Host, simulated_part

AMD = "1002"
PCI = "/sys/bus/pci/devices"
NODES = "/sys/class/kfd/kfd/topology/nodes"
#: PCI base classes: display controllers, and processing accelerators (AMD Instinct is one or the other).
CLASSES = ("03", "12")
#: Kept of a node's properties; the rest is the kernel's own business.
NODE_FIELDS = (
    "cpu_cores_count",
    "simd_count",
    "compute_units",
    "gfx",
    "gfx_target_version",
    "vendor_id",
    "device_id",
    "location_id",
    "domain",
    "drm_render_minor",
    "num_xcc",
)


def look_kfd(host: Host) -> dict[str, Any]:
    """`present` says that the kernel has a compute driver, not that it drives a GPU: nodes of kind `gpu` say that."""
    part = simulated_part(host)
    answer: dict[str, Any] = {"present": part.exists(NODES), "nodes": [node(part, n) for n in node_numbers(part)]}
    return {**answer, "simulated": True} if part.simulated else answer


def node_numbers(host: Host) -> list[int]:
    return sorted(int(name) for name in host.names(NODES) if name.isdigit())


def node(host: Host, number: int) -> dict[str, Any]:
    """One node. A device cgroup may forbid it: `error` then holds the error's name (`EPERM`)."""
    folder = f"{NODES}/{number}"
    try:
        said = kfd.parse(host.text(f"{folder}/properties"))
    except OSError as problem:
        return {"node": number, "error": errno.errorcode.get(problem.errno or 0, str(problem))}
    if "error" in said:
        return {"node": number, "error": said["error"]}
    unique = said.get("unique_id")
    return {
        "node": number,
        "kind": said["kind"],
        "gpu_id": host.number(f"{folder}/gpu_id"),
        **{name: said.get(name) for name in NODE_FIELDS},
        "unique_id": f"{unique:016x}" if unique else None,
        "local_memory_bytes": local_memory(host, folder) if said["kind"] == "gpu" else None,
    }


def local_memory(host: Host, folder: str) -> int | None:
    """Bytes in the node's memory banks. For an integrated GPU that is system memory, often more than a card has."""
    sizes = []
    for bank in host.glob(f"{folder}/mem_banks/*/properties"):
        found = re.search(r"^size_in_bytes (\d+)$", host.word(bank) or "", re.MULTILINE)
        sizes += [int(found.group(1))] if found else []
    return sum(sizes) if sizes else None


def look_gpus(host: Host) -> list[dict[str, Any]]:
    """Display controllers and accelerators by PCI address, with what KFD knows of AMD's."""
    part = simulated_part(host)
    nodes = [n for n in look_kfd(host)["nodes"] if n.get("kind") == "gpu"]
    found = [name for name in part.names(PCI) if pci_id(part, name, "class")[:2] in CLASSES]
    return [gpu(part, name, nodes) for name in found]


def gpu(host: Host, pci: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    folder = f"{PCI}/{pci}"
    vendor = pci_id(host, pci, "vendor")
    own = node_of(pci, nodes) if vendor == AMD else None
    driver = host.link(f"{folder}/driver")
    minors = [int(n[len("renderD") :]) for n in host.names(f"{folder}/drm") if re.fullmatch(r"renderD\d+", n)]
    return {
        "pci": pci,
        "vendor_id": vendor,
        "device_id": pci_id(host, pci, "device"),
        "revision": pci_id(host, pci, "revision"),
        "subsystem": f"{pci_id(host, pci, 'subsystem_vendor')}:{pci_id(host, pci, 'subsystem_device')}",
        "class": pci_id(host, pci, "class")[:4],
        "driver": driver.rsplit("/", 1)[-1] if driver else None,
        "amd": vendor == AMD,
        "boot_vga": host.word(f"{folder}/boot_vga") == "1",
        "kfd_node": own["node"] if own else None,
        "gfx": own["gfx"] if own else None,
        "vram_bytes": host.number(f"{folder}/mem_info_vram_total"),
        "gtt_bytes": host.number(f"{folder}/mem_info_gtt_total"),
        "render_minor": min(minors) if minors else None,
        "unique_id": host.word(f"{folder}/unique_id"),
        "simulated": host.simulated,
    }


def pci_id(host: Host, pci: str, name: str) -> str:
    """The value of an id file as lower-case hexadecimal without 0x; empty where the file is missing."""
    return (host.word(f"{PCI}/{pci}/{name}") or "").lower().replace("0x", "", 1)


def node_of(pci: str, nodes: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The KFD node at a PCI address, the lowest of several.

    A partitioned card has a node per partition, told apart in the function bits of `location_id`: where none is
    at the exact address, the first on the same device is taken.
    """
    at = {n["node"]: kfd.pci_address(n["location_id"] or 0, n["domain"] or 0) for n in nodes}
    for same in (lambda a: a == pci, lambda a: a.rsplit(".", 1)[0] == pci.rsplit(".", 1)[0]):
        own = [n for n in nodes if same(at[n["node"]])]
        if own:
            return min(own, key=lambda n: n["node"])
    return None
