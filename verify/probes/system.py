"""Operating system, processor, memory and disks."""

from __future__ import annotations

import re
from typing import Any

from .host import Host

#: Mounts that gpuhost fills or that a reboot needs.
PLACES = ("/", "/var", "/opt", "/srv", "/boot", "/var/lib/docker")


def look_os(host: Host) -> dict[str, Any]:
    try:
        text = host.text("/etc/os-release")
    except OSError:
        text = host.text("/usr/lib/os-release")
    said = dict(re.findall(r"""^([A-Z_]+)=["']?(.*?)["']?\s*$""", text, re.MULTILINE))
    fields = ("id", "id_like", "version_id", "version_codename", "pretty_name")
    return {**{name: said.get(name.upper()) for name in fields}, "arch": host.machine()}


def look_cpu(host: Host) -> dict[str, Any]:
    text = host.text("/proc/cpuinfo")
    said = dict(re.findall(r"^(\w[\w ]*?)\s*:\s*(.*)$", text, re.MULTILINE))
    return {
        "model": said.get("model name") or said.get("Model"),
        "vendor": said.get("vendor_id"),
        "count": len(re.findall(r"^processor\s*:", text, re.MULTILINE)),
        "arch": host.machine(),
    }


def look_memory(host: Host) -> dict[str, Any]:
    rows = re.findall(r"^(\w+):\s+(\d+) kB", host.text("/proc/meminfo"), re.MULTILINE)
    said = {name: int(kib) * 1024 for name, kib in rows}
    return {
        "total_bytes": said["MemTotal"],
        "available_bytes": said.get("MemAvailable", said["MemFree"]),
        "swap_bytes": said.get("SwapTotal", 0),
    }


def look_disk(host: Host) -> list[dict[str, Any]]:
    """The mounts that hold :data:`PLACES`, each once: free space at a path is that of its longest mount."""
    mounts: dict[str, tuple[str, str]] = {}
    for line in host.text("/proc/self/mounts").splitlines():
        device, mount, fstype = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), word) for word in line.split()[:3]]
        mounts[mount] = (device, fstype)
    holding = {max((m for m in mounts if inside(place, m)), key=len, default="/") for place in PLACES}
    return [disk(host, mount, *mounts[mount]) for mount in sorted(holding & set(mounts))]


def inside(path: str, mount: str) -> bool:
    return mount == "/" or path == mount or path.startswith(mount + "/")


def disk(host: Host, mount: str, device: str, fstype: str) -> dict[str, Any]:
    total, free = host.space(mount)
    return {"mount": mount, "device": device, "fstype": fstype, "total_bytes": total, "free_bytes": free}
