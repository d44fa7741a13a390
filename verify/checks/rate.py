"""How fast every device is, beside the floor for its product, what its link carries, and this host's own earlier runs."""

from __future__ import annotations

import statistics
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..compute import rate
from ..compute.device import FLOATS
from ..result import Result
from . import work
from .context import Context
from .work import Judged

#: What RVS itself allows below its targets (`tolerance` in its gst_single.conf).
TOLERANCE = 0.1
#: Of what a link carries, headers and the engine that copies take less than half.
OF_LINK = 0.5
#: Of its own median of before: a GPU with the same driver does not lose a fifth; processors share their time with others.
OF_HISTORY = {"gpu": 0.8, "cpu": 0.5}
#: Launches are the processors' work too.
OF_LAUNCHES = 0.5

WHAT = {
    "memory": "its own memory",
    "to_device": "transfers to the device",
    "from_device": "transfers from the device",
    "link": "the link to the host",
    "launch": "launches of small kernels",
}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """How fast each device of each place was."""
    return work.probe("rate", expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each place and device: that the work came to its end, and each rate."""
    return work.judge("rate", seen, expected)


def names(device: dict[str, Any]) -> list[str]:
    """What is measured on a device."""
    formats = list(dict.fromkeys([*FLOATS, *(device.get("formats") or ())]))
    stub = SimpleNamespace(kind=device.get("kind", "gpu"), describe=lambda: {"formats": formats})
    return [name for name, _ in rate.measures(None, stub, work.UNMEASURED)]


def judge_measure(name: str, where: str, seen: dict[str, Any], against: dict[str, Any]) -> Judged:
    """One rate against everything it can be compared with; the first that it falls short of is the verdict."""
    what = f"products in {name.partition('_')[2]}" if name.startswith("gemm_") else WHAT[name]
    if "raised" in seen:
        said = str(seen["raised"])
        return work.missing(what, name, said, against["device"]) or work.raised(f"Timing {what}", where, said)
    if name == "link":
        return _at_work(where, seen["link"])
    dues = [_floor(name, against), _link(name, seen), history(name, against)]
    return compared(f"{what[0].upper()}{what[1:]} {where} reach", seen, [due for due in dues if due])


def compared(reached: str, seen: dict[str, Any], dues: list[Due]) -> Judged:
    """A rate beside what is due: the first that it falls short of, else the highest that it reaches."""
    shown = {key: figure(value) for key, value in seen.items() if not isinstance(value, (dict, type(None)))}
    if not dues:
        why = "no floor of this card is known and this host has no earlier run: the next one is compared with this one"
        return Judged(None, shown, "a rate to compare with", why, "")
    missed = next((due for due in dues if not seen["value"] >= due.least), None)
    due = missed or max(dues, key=lambda one: one.least)
    wanted = {"at_least": figure(due.least), "unit": seen["unit"], "source": due.source}
    why = f"{reached} {figure(seen['value'])} {seen['unit']}, and at least {figure(due.least)} are due. {due.why}"
    return Judged(missed is None, shown, wanted, why + _state(seen), due.step)


class Due(NamedTuple):
    """At least how much, by what source, why less matters, and what to do."""

    least: float
    source: str
    why: str
    step: str


def _floor(name: str, against: dict[str, Any]) -> Due | None:
    gpu = against.get("gpu") or {}
    # The two spellings of the same 8 bits differ by the card.
    target = (gpu.get("rates") or {}).get(name.replace("fnuz", "fn"))
    if not target:
        return None
    why = f"AMD's validation suite asks a {gpu['name']} for {figure(target)}: card, cooling or power is not as it should be."
    step = "Look at its clock and temperature under load (`gpuhost monitor`), its power cables and its power limit."
    return Due(target * (1 - TOLERANCE), f"RVS: {figure(target)} less {TOLERANCE:.0%}", why, step)


def _link(name: str, seen: dict[str, Any]) -> Due | None:
    link = seen.get("link")
    if name not in ("to_device", "from_device") or not link:
        return None
    text = f"{link['gt_s']:g} GT/s x{link['lanes']}"
    why = f"The link at {link['at']} runs at {text}, which carries {figure(link['gb_s'])} GB/s."
    step = "sudo lspci -vv shows each link (LnkSta); an IOMMU that translates slows transfers: `iommu=pt` lets GPUs pass."
    return Due(OF_LINK * link["gb_s"], f"half of {text}", why, step)


def _at_work(where: str, link: dict[str, Any] | None) -> Judged:
    """Speed and width of the narrowest link under load, beside what both of its ends could."""
    if link is None:
        return Judged(
            None, None, "a link", f"the system does not show a link {where}: it is a virtual function, or on no bus", ""
        )
    shown, could = f"{link['gt_s']:g} GT/s x{link['lanes']}", f"{link['could_gt_s']:g} GT/s x{link['could_lanes']}"
    why = (
        f"Under load the link at {link['at']} on the way to the device {where} runs at {shown}, and both of its ends could "
        f"{could}: models load, and GPUs exchange data, slower by as much."
    )
    step = "Look in the BIOS for the speed of that slot (Auto, or its generation), reseat the card, try without a riser."
    ok = link["gt_s"] >= link["could_gt_s"] and link["lanes"] >= link["could_lanes"]
    return Judged(ok, shown, could, why, step)


def history(name: str, against: dict[str, Any]) -> Due | None:
    """This host's own earlier runs; ``None`` where none has this rate."""
    runs = [run for run in against.get("history") or [] if against["id"] in run["rates"]]
    if not runs:
        return None
    kind = (against.get("device") or {}).get("kind", "gpu")
    part = min(OF_HISTORY[kind], OF_LAUNCHES) if name == "launch" else OF_HISTORY[kind]
    usual = statistics.median(run["rates"][against["id"]] for run in runs)
    earlier = f"{len(runs)} earlier run{'s' if len(runs) > 1 else ''}, the last on {runs[0]['taken_at'][:10]}"
    why = f"It was {figure(usual)} in {earlier}: something changed on this host."
    step = "Compare driver, kernel, ROCm and clocks with that run's report (`reports/`); look for other programs on the GPU."
    return Due(part * usual, f"{part:.0%} of {figure(usual)}, {earlier}", why, step)


def _state(seen: dict[str, Any]) -> str:
    """What the card said of itself during the work."""
    words = readings(seen.get("after") or {})
    return f" Under load: {words}." if words else ""


def readings(said: dict[str, Any]) -> str:
    """What sensors said, as people write it: ``2480 MHz, 338 W of 339 W, junction 108.9 °C``."""
    words = [f"{said['core_mhz']:g} MHz"] if said.get("core_mhz") else []
    cap = f" of {said['power_cap_w']:g} W" if said.get("power_cap_w") else ""
    words += [f"{said['power_w']:g} W{cap}"] if said.get("power_w") else []
    words += [f"{name.removesuffix('_c')} {value:g} °C" for name, value in said.items() if name.endswith("_c")]
    return ", ".join(words)


def figure(value: Any) -> Any:
    """Three significant digits of a number with a fraction; anything else as it is."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
