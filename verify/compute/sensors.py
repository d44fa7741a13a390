"""What the driver says of a card while it works, and what its link to the host carries. From sysfs, read-only."""

from __future__ import annotations

from typing import Any

from ..parsers import gpu_metrics
from ..probes import health, links
from ..probes.gpus import PCI
from ..probes.host import Host
from ..probes.live import LiveGpu

#: Of what LiveGpu sees, what explains a rate.
KEPT = ("core_mhz", "memory_mhz", "power_w", "power_cap_w")


def read(pci: str | None, host: Host | None = None) -> dict[str, Any]:
    """Clocks, power and temperatures now; ``{}`` for what is on no bus, and where sysfs does not show it."""
    host = host or Host()
    if not pci or not host.exists(f"{PCI}/{pci}"):
        return {}
    seen = LiveGpu(host, pci).look()
    kept = {name: seen[name] for name in KEPT if seen.get(name) is not None}
    return {**kept, **{f"{name}_c": value for name, value in (seen.get("temperatures") or {}).items()}}


def link(pci: str | None, host: Host | None = None) -> dict[str, Any] | None:
    """The link on the card's way to the processor that carries least; see :func:`verify.probes.links.links`."""
    return links.narrowest(pci, host or Host())


def throttled(pci: str | None, host: Host | None = None) -> list[str]:
    """What holds the card's clocks down now: ``power``, ``current``, ``temperature``, ``firmware``."""
    host = host or Host()
    return gpu_metrics.throttled(host.content(f"{PCI}/{pci}/gpu_metrics") or b"") if pci else []


def errors(pci: str | None, host: Host | None = None) -> dict[str, int]:
    """Errors counted so far that nobody repaired: of the card's memory, and of its way on the bus."""
    host = host or Host()
    if not pci or not host.exists(f"{PCI}/{pci}"):
        return {}
    memory = health.memory_errors(host, host.real(f"{PCI}/{pci}")) or {}
    bus = health.bus_errors(host, links.way(pci, host)) or {}
    counted = {"memory": sum(one.get("ue", 0) for one in memory.values())} if memory else {}
    return {**counted, **({"bus": bus.get("fatal", 0) + bus.get("nonfatal", 0)} if bus else {})}
