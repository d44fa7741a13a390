"""Operating system, kernel, processor, memory and disks."""

from __future__ import annotations

import re
from typing import Any

from .host import Host, simulated_part

#: Mounts that gpuhost fills or that a reboot needs.
PLACES = ("/", "/var", "/opt", "/srv", "/boot", "/var/lib/docker")
#: The UEFI variable; 4 bytes of attributes, then one byte. Source: UEFI specification 2.10, 3.3 (EFI_GLOBAL_VARIABLE).
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
MODULES = ("amdgpu",)


def look_os(host: Host) -> dict[str, Any]:
    try:
        text = host.text("/etc/os-release")
    except OSError:
        text = host.text("/usr/lib/os-release")
    said = dict(re.findall(r"""^([A-Z_]+)=["']?(.*?)["']?\s*$""", text, re.MULTILINE))
    fields = ("id", "id_like", "version_id", "version_codename", "pretty_name")
    return {**{name: said.get(name.upper()) for name in fields}, "arch": host.machine()}


def look_kernel(host: Host) -> dict[str, Any]:
    release = host.word("/proc/sys/kernel/osrelease")
    return {
        "release": release,
        "version": host.word("/proc/sys/kernel/version"),
        "cmdline": host.word("/proc/cmdline"),
        "headers_installed": headers(host),
        "secure_boot": secure_boot(host),
        "modules": {name: module(host, name, release) for name in MODULES},
        "container": container(host, release or ""),
        "init": init(host),
    }


def headers(host: Host) -> list[str]:
    """Kernel releases for which a module can be built: their `build` link ends at a Makefile."""
    return sorted({path.split("/")[-3] for path in host.glob("/lib/modules/*/build/Makefile")})


def secure_boot(host: Host) -> str:
    """`none` without UEFI; `unknown` where the variable will not read."""
    if not host.exists("/sys/firmware/efi"):
        return "none"
    try:
        value = host.at(SECURE_BOOT).read_bytes()
    except OSError:
        return "unknown"
    return "unknown" if len(value) < 5 else "on" if value[4] else "off"


def module(host: Host, name: str, release: str | None) -> dict[str, Any]:
    """State of a kernel module; `file` is the one that `modprobe` would load for the running kernel.

    `in_tree` from the taint letter O (out of tree); None while it is not loaded.
    """
    part = simulated_part(host)
    folder = f"/sys/module/{name}"
    state = part.word(f"{folder}/initstate")
    loaded = state == "live" or (state is None and part.exists(folder))
    answer = {
        "loaded": loaded,
        "srcversion": part.word(f"{folder}/srcversion"),
        "version": part.word(f"{folder}/version"),
        "in_tree": "O" not in (part.word(f"{folder}/taint") or "") if loaded else None,
        "file": module_file(host, name, release),
    }
    return {**answer, "simulated": True} if part.simulated else answer


def module_file(host: Host, name: str, release: str | None) -> str | None:
    """Path of the module below `/lib/modules/<release>`, as depmod has it; None where it has none."""
    found = re.search(rf"^(\S*/{name}\.ko\S*):", host.word(f"/lib/modules/{release}/modules.dep") or "", re.MULTILINE)
    return found.group(1) if found else None


def container(host: Host, release: str) -> str | None:
    """What kind of container this is, as systemd and the engines mark it; `wsl` for Microsoft's; None outside."""
    said = host.word("/run/systemd/container")
    if said:
        return said
    if host.exists("/.dockerenv"):
        return "docker"
    if host.exists("/run/.containerenv"):
        return "podman"
    found = re.search(r"(?:^|\0)container=([^\0]+)", host.word("/proc/1/environ") or "")
    if found:
        return found.group(1)
    return "wsl" if "microsoft" in release.lower() else None


def init(host: Host) -> str | None:
    return "systemd" if host.exists("/run/systemd/system") else host.word("/proc/1/comm")


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
