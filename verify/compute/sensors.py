"""What the driver says of a card while it works, and what its link to the host carries. From sysfs, read-only.

Files of links: Linux Documentation/ABI/testing/sysfs-bus-pci.
"""

from __future__ import annotations

import re
from typing import Any

from ..probes.gpus import PCI
from ..probes.host import Host
from ..probes.live import LiveGpu

#: Up to which rate, in GT/s, which part of the bits is data: 8b/10b, 128b/130b, and flits of 242 in 256 bytes.
#: PCI Express Base Specification 6.0, section 4.2.
CODING = ((5.0, 8 / 10), (32.0, 128 / 130), (128.0, 242 / 256))

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
    """The narrowest link on the card's way to the processor: as it runs, as both of its ends could, and where it is.

    ``gb_s`` is what it carries at best, each way. ``None`` where there is no bus, or sysfs does not show it.
    """
    host = host or Host()
    chain = re.findall(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", host.real(f"{PCI}/{pci}")) if pci else []
    # Pairs from the card upwards: a port describes the link below it, unless it is a switch's upper one.
    links = [_link(host, chain[at - 1], chain[at]) for at in range(len(chain) - 1, 0, -2)]
    known = [one for one in links if one["gb_s"] > 0]
    return min(known, key=lambda one: one["gb_s"], default=None)


def _link(host: Host, upper: str, lower: str) -> dict[str, Any]:
    gt_s, lanes = _rate(host, lower, "current"), _lanes(host, lower, "current")
    could = [(_rate(host, end, "max"), _lanes(host, end, "max")) for end in (upper, lower)]
    best = min((one for one, _ in could if one), default=gt_s), min((one for _, one in could if one), default=lanes)
    return {
        "gt_s": gt_s,
        "lanes": lanes,
        "could_gt_s": best[0],
        "could_lanes": best[1],
        "gb_s": round(carries(gt_s, lanes), 2),
        "at": lower,
    }


def carries(gt_s: float, lanes: int) -> float:
    """GB/s each way over that many lanes, before the packets' headers."""
    coding = next((part for up_to, part in CODING if gt_s <= up_to), CODING[-1][1])
    return gt_s * lanes * coding / 8


def _rate(host: Host, pci: str, which: str) -> float:
    """``16.0 GT/s PCIe``; 0 where it is not known."""
    found = re.match(r"([0-9.]+) GT/s", host.word(f"{PCI}/{pci}/{which}_link_speed") or "")
    return float(found[1]) if found else 0.0


def _lanes(host: Host, pci: str, which: str) -> int:
    return host.number(f"{PCI}/{pci}/{which}_link_width") or 0
