"""How AMD's cards are: link, temperatures, clocks, counted errors; and what the kernel has logged of them since boot.

Files: Linux `Documentation/gpu/amdgpu/ras.rst`, `driver-misc.rst`, `thermal.rst`, and
`Documentation/ABI/testing/sysfs-bus-pci-devices-aer`. Changes nothing. A file that a card does not have is None.
"""

from __future__ import annotations

import re
from typing import Any

from ..parsers import gpu_log
from . import links
from .gpus import PCI
from .host import Host, simulated_part
from .kernel import container
from .live import LiveGpu, live_gpus

#: A part of :meth:`LiveGpu.look` that is judged.
LIVE = ("asleep", "load_percent", "temperatures", "temperature_limits", "core_mhz", "memory_mhz", "power_w", "power_cap_w")
#: Kind of errors on the bus -> the last line of its file.
BUS_ERRORS = {"fatal": "TOTAL_ERR_FATAL", "nonfatal": "TOTAL_ERR_NONFATAL", "correctable": "TOTAL_ERR_COR"}


def look_health(host: Host) -> dict[str, Any]:
    """`{cards: [...], uptime_s, log: {since_s, events} | {error}}`."""
    return {
        "cards": [card(simulated_part(host), gpu) for gpu in live_gpus(host)],
        "uptime_s": float((host.word("/proc/uptime") or "0").split()[0]),
        "log": log(host),
    }


def card(host: Host, gpu: LiveGpu) -> dict[str, Any]:
    """One card. One that sleeps is not asked for what only its firmware knows: that wakes it, or answers nonsense."""
    seen, way = gpu.look(), links.way(gpu.pci, host)
    awake = not seen["asleep"]
    return {
        "pci": gpu.pci,
        "simulated": host.simulated,
        **{name: seen.get(name) for name in LIVE},
        "performance_level": host.word(f"{gpu.folder}/power_dpm_force_performance_level") if awake else None,
        "links": links.links(gpu.pci, host),
        "way": way,
        "memory_errors": memory_errors(host, gpu.folder) if awake else None,
        "bad_pages": bad_pages(host, gpu.folder) if awake else None,
        "bus_errors": bus_errors(host, way),
    }


def memory_errors(host: Host, folder: str) -> dict[str, dict[str, int]] | None:
    """`{"umc": {"ue": 0, "ce": 3}}`: what cannot and what could be corrected, by block, since the driver was loaded."""
    found = {}
    for path in host.glob(f"{folder}/ras/*_err_count"):
        counts = {kind: int(count) for kind, count in re.findall(r"^(ue|ce): *(\d+)$", host.word(path) or "", re.MULTILINE)}
        # All bits set: the card did not answer, and the driver counted that.
        if counts and not any(count and count % gpu_log.NO_ANSWER == 0 for count in counts.values()):
            found[path.rsplit("/", 1)[-1][: -len("_err_count")]] = counts
    return found or None


def bad_pages(host: Host, folder: str) -> int | None:
    """Pages of its memory that the card no longer uses; None for cards that do not keep account."""
    said = host.word(f"{folder}/ras/gpu_vram_bad_pages")
    return None if said is None else sum(line.startswith("0x") for line in said.splitlines())


def bus_errors(host: Host, way: list[str]) -> dict[str, int] | None:
    """Errors of the links between card and processor since boot, by kind; None where nobody counts them."""
    found: dict[str, int] = {}
    for pci in way:
        for kind, total in BUS_ERRORS.items():
            counted = re.search(rf"^{total} (\d+)$", host.word(f"{PCI}/{pci}/aer_dev_{kind}") or "", re.MULTILINE)
            if counted:
                found[kind] = found.get(kind, 0) + int(counted[1])
    return found or None


def log(host: Host) -> dict[str, Any]:
    """Events since boot, or since `dmesg --clear`: with that somebody says that what was there is dealt with."""
    if container(host, host.word("/proc/sys/kernel/osrelease") or ""):
        return {"error": "this host is a container: the kernel's log is that of the machine below"}
    try:
        return gpu_log.parse(host.kernel_log(since_cleared=True))
    except PermissionError:
        return {"error": "only root may read the kernel's log"}
    except OSError as problem:
        return {"error": f"/dev/kmsg: {problem.strerror}"}
