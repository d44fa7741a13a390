"""The PCI Express links between a card and the processor: how they run, and how their ends could. From sysfs.

Files: Linux `Documentation/ABI/testing/sysfs-bus-pci`.
"""

from __future__ import annotations

import re
from typing import Any

from .gpus import PCI
from .host import Host

#: Up to which rate, in GT/s, which part of the bits is data: 8b/10b, 128b/130b, and flits of 242 in 256 bytes.
#: PCI Express Base Specification 6.0, section 4.2.
CODING = ((5.0, 8 / 10), (32.0, 128 / 130), (128.0, 242 / 256))
ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def way(pci: str | None, host: Host) -> list[str]:
    """The addresses from the root port down to the card; empty for what is on no bus."""
    return ADDRESS.findall(host.real(f"{PCI}/{pci}")) if pci else []


def links(pci: str | None, host: Host) -> list[dict[str, Any]]:
    """The links on the card's way, its own first: `{gt_s, lanes, could_gt_s, could_lanes, card_lanes, gb_s, at}`.

    `could_*` is what both of its ends are made for, `card_lanes` what the lower end is. `gb_s` is what it carries at best,
    each way. One that sysfs does not show is left out.
    """
    chain = way(pci, host)
    # Pairs from the card upwards: a port describes the link below it, unless it is a switch's upper one.
    found = [_link(host, chain[at - 1], chain[at]) for at in range(len(chain) - 1, 0, -2)]
    return [one for one in found if one["gb_s"] > 0]


def narrowest(pci: str | None, host: Host) -> dict[str, Any] | None:
    """The link on the card's way that carries least; None where none is known."""
    return min(links(pci, host), key=lambda one: one["gb_s"], default=None)


def _link(host: Host, upper: str, lower: str) -> dict[str, Any]:
    gt_s, lanes = _rate(host, lower, "current"), _lanes(host, lower, "current")
    could = [(_rate(host, end, "max"), _lanes(host, end, "max")) for end in (upper, lower)]
    best = min((one for one, _ in could if one), default=gt_s), min((one for _, one in could if one), default=lanes)
    return {
        "gt_s": gt_s,
        "lanes": lanes,
        "could_gt_s": best[0],
        "could_lanes": best[1],
        "card_lanes": could[1][1] or lanes,
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
    """0 where it is not known: a virtual function has no link of its own, and says 0 or 63."""
    lanes = host.number(f"{PCI}/{pci}/{which}_link_width") or 0
    return lanes if lanes <= 32 else 0
