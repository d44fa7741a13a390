"""The cards themselves: link, temperatures, clocks, counted errors, and what the kernel has logged of them since boot.

What the log says is judged from its begin, or from the last `sudo dmesg --clear` on.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ..probes import health
from ..probes.host import Host
from ..result import Result, judged, passed, unverifiable
from .context import Context
from .driver import SIMULATED
from .driver_module import as_part

#: At work a card may come up to its limit: that is what throttling holds it to. At rest it must stay well below.
AT_REST, BUSY_PERCENT = 0.85, 10
#: Levels of `power_dpm_force_performance_level` that hold a card back (Linux `Documentation/gpu/amdgpu/thermal.rst`).
SLOW_LEVELS = ("low", "profile_min_sclk", "profile_min_mclk")
#: Errors that the link repaired by itself: some are normal; more than one a minute, and this many, are a bad contact.
REPAIRED, A_MINUTE = 100, 1.0

CLEAR = "Once that is dealt with, `sudo dmesg --clear` makes this check look at what comes after."
IN_CONTAINER = "this host is a container"


class Event(NamedTuple):
    """What is said of one kind of lines in the kernel's log, and what explains it: a card's own check, and other kinds."""

    name: str
    what: str
    why: str
    next: str
    counted: str = ""
    follows: tuple[str, ...] = ()


#: By the kinds of :mod:`verify.parsers.gpu_log`, causes before what they lead to.
EVENTS = {
    "start": Event(
        "starts",
        "could not be brought up",
        "the driver is loaded and the card is of no use",
        "Look for a missing firmware file (`firmware-amd-graphics`, `linux-firmware`); `gpuhost up` installs what the "
        "plan names.",
    ),
    "bus": Event(
        "bus",
        "was lost from the bus, or its link failed",
        "programs that use it hang, and mostly only a power cycle brings it back",
        "Reseat the card and its power cables, try without a riser, and look for a firmware update of the board.",
        "bus_errors",
    ),
    "memory": Event(
        "memory_errors",
        "had errors in its memory that could not be corrected",
        "results computed with that memory are wrong",
        "Take the card out of use; `gpuhost verify --level standard` tests all of it. It may have to be replaced.",
        "memory_errors",
    ),
    "heat": Event(
        "overheating",
        "came to the temperature at which it is switched off",
        "the machine shuts down under load",
        "Look at its fans, dust, thermal pads and the air around it; `gpuhost monitor` shows its temperatures.",
        "temperature",
    ),
    "fault": Event(
        "page_faults",
        "reached for memory that is not mapped",
        "the program was ended, and what it computed is lost: a fault of that program, of its kernels' target, or of the "
        "card",
        "Run `gpuhost verify --level standard`: where that passes, the program that the log names is at fault.",
        follows=("memory", "bus"),
    ),
    "hang": Event(
        "hangs",
        "stopped answering to work that it was given",
        "programs that use it wait for ever, or are ended",
        "`gpuhost verify --level standard` tells whether it computes; a hang that comes back means driver, firmware or "
        "power.",
        follows=("fault", "memory", "bus", "heat", "start"),
    ),
    "reset": Event(
        "resets",
        "was reset by the driver",
        "every program that used it has lost its memory and its work",
        "Look in `sudo dmesg` for what came before; restart the containers that use it: `docker restart`.",
        follows=("hang", "fault", "memory", "bus", "heat"),
    ),
}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Each card of AMD's, and the kernel's log."""
    return {**health.look_health(Host(str(ctx.root))), "simulated": ctx.simulated}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each planned card its state, then each kind of trouble in the log; nothing on a host without GPU."""
    planned = expected.get("gpus") or []
    if not planned:
        return []
    cards = {card["pci"]: card for card in seen["cards"]}
    # A card that is not there, or is handed to a guest, is told of by `driver`.
    there = [(gpu, cards[gpu["pci"]]) for gpu in planned if gpu["pci"] in cards]
    results = [result for gpu, card in there for result in _card(gpu, card, seen["uptime_s"])]
    results += [_event(kind, seen, there) for kind in EVENTS]
    return [_simulated(result) for result in results] if seen["simulated"] else results


def _simulated(row: Result) -> Result:
    return unverifiable(row.id, SIMULATED, seen=row.seen, wanted=row.wanted)


def _card(gpu: dict[str, Any], card: dict[str, Any], uptime: float) -> list[Result]:
    """What this card tells of: a virtual function has no link, a card for games counts no errors of its memory."""
    subject, needs = f"health.{as_part(gpu['pci'])}", (f"driver.{as_part(gpu['pci'])}.bound",)
    name = gpu.get("name") or gpu["pci"]
    results = [_clocks(subject, name, card, needs)]
    if card["links"]:
        results.append(_width(subject, name, card["links"]))
    if card["temperatures"]:
        results.append(_temperature(subject, name, card))
    if card["memory_errors"] is not None:
        results.append(_memory(subject, name, card))
    if card["bus_errors"] is not None:
        results.append(_bus(subject, name, card["bus_errors"], uptime))
    return results


def _width(subject: str, name: str, links: list[dict[str, Any]]) -> Result:
    """Lanes do not change at rest, as the speed does: `rate` asks for that one, under load."""
    worst = min(links, key=lambda one: one["lanes"] / max(1, one["could_lanes"]))
    slot = f", the card has {worst['card_lanes']} and the slot no more" if worst["card_lanes"] > worst["could_lanes"] else ""
    return judged(
        f"{subject}.link_width",
        worst["lanes"] >= worst["could_lanes"],
        seen=f"{worst['lanes']} lanes{slot}",
        wanted=f"{worst['could_lanes']} lanes",
        why=f"The link of {name} at {worst['at']} runs on {worst['lanes']} of the {worst['could_lanes']} lanes that both "
        "of its ends have: models load and data come slower by as much.",
        next="Reseat the card, clean its contacts, try without a riser; in the BIOS look for bifurcation of that slot.",
    )


def _temperature(subject: str, name: str, card: dict[str, Any]) -> Result:
    limits, load = card["temperature_limits"] or {}, card["load_percent"]
    busy = load is not None and load >= BUSY_PERCENT
    share = 1.0 if busy else AT_REST
    hot = {part: now for part, now in card["temperatures"].items() if part in limits and now >= share * limits[part]}
    shown = ", ".join(f"{part} {now:g} °C" for part, now in card["temperatures"].items())
    over = ", ".join(f"{part} {now:g} °C of at most {limits[part]:g}" for part, now in hot.items())
    wanted = ", ".join(f"{part} below {share * limit:g} °C" for part, limit in limits.items()) or "a temperature"
    return judged(
        f"{subject}.temperature",
        not hot,
        seen=shown,
        wanted=wanted,
        why=f"{name} is too hot {'at work' if busy else 'with next to nothing to do'} ({over}): it slows down or switches "
        "off under load.",
        next="Look at its fans, dust and the air around it; `gpuhost monitor` shows temperatures and fan.",
    )


def _clocks(subject: str, name: str, card: dict[str, Any], needs: tuple[str, ...]) -> Result:
    level = card["performance_level"]
    shown = [f"{card[key]} MHz {what}" for key, what in (("core_mhz", "core"), ("memory_mhz", "memory")) if card[key]]
    return judged(
        f"{subject}.clocks",
        level not in SLOW_LEVELS,
        seen=", ".join([level or "not told", *shown]) if not card["asleep"] else "asleep",
        wanted="not held at its lowest clocks",
        why=f"{name} is held at its lowest clocks (power_dpm_force_performance_level is {level}): it works at a part of its "
        "speed, and nothing else says so.",
        next=f"echo auto | sudo tee /sys/bus/pci/devices/{card['pci']}/power_dpm_force_performance_level",
        needs=needs,
    )


def _memory(subject: str, name: str, card: dict[str, Any]) -> Result:
    """Errors that were corrected are what the memory's code is for."""
    counts = card["memory_errors"]
    lost = {block: count["ue"] for block, count in counts.items() if count.get("ue")}
    corrected = sum(count.get("ce", 0) for count in counts.values())
    pages = f", {card['bad_pages']} pages out of use" if card["bad_pages"] else ""
    return judged(
        f"{subject}.memory_errors",
        not lost,
        seen=f"{sum(lost.values())} not corrected, {corrected} corrected{pages}",
        wanted="0 not corrected",
        why=f"{name} counts errors that could not be corrected ({', '.join(f'{n} in {block}' for block, n in lost.items())})"
        f"{pages}: results computed meanwhile are wrong.",
        next="Take the card out of use; `gpuhost verify --level standard` tests all of it. It may have to be replaced.",
    )


def _bus(subject: str, name: str, errors: dict[str, int], uptime: float) -> Result:
    counted = Counter(errors)  # a kind that this kernel does not count is 0
    lost, repaired = counted["fatal"] + counted["nonfatal"], counted["correctable"]
    often = repaired >= REPAIRED and repaired > A_MINUTE * uptime / 60
    kinds = ", ".join(f"{count} {kind}" for kind, count in errors.items())
    return judged(
        f"{subject}.bus_errors",
        not lost and not often,
        seen=kinds,
        wanted="none that is fatal or nonfatal, few that are correctable",
        why=f"The links between {name} and the processor had errors since boot ({kinds}): transfers are repeated, and a "
        "card that is lost from the bus hangs its programs.",
        next="Reseat the card, try without a riser or in another slot; sudo dmesg | grep -i aer",
    )


def _event(kind: str, seen: dict[str, Any], there: list[tuple[dict[str, Any], dict[str, Any]]]) -> Result:
    event, log = EVENTS[kind], seen["log"]
    id, wanted = _log_id(kind), "nothing of the kind since boot"
    if "error" in log:
        return unverifiable(id, log["error"], wanted=wanted)
    rows = [row for row in log["events"] if row["kind"] == kind and _about(row, there)]
    if not rows:
        return passed(id, seen=_since(log), wanted=wanted)
    count, last = sum(row["count"] for row in rows), max(row["last_s"] for row in rows)
    names = {gpu["pci"]: gpu.get("name") or gpu["pci"] for gpu, _ in there}
    who = " and ".join(dict.fromkeys(names[pci] for row in rows for pci in row["pci"] if pci in names)) or "A GPU"
    return judged(
        id,
        False,
        seen=f"{count} lines, the last {_ago(seen['uptime_s'] - last)} ago: {rows[0]['text']}",
        wanted=wanted,
        why=f"{who} {event.what} ({count} lines in the kernel's log, the last {_ago(seen['uptime_s'] - last)} ago: "
        f"“{rows[0]['text']}”): {event.why}.",
        next=f"{event.next} {CLEAR}",
        needs=(*(f"health.{as_part(pci)}.{event.counted}" for pci in names), *map(_log_id, event.follows)),
    )


def _log_id(kind: str) -> str:
    return f"health.log.{EVENTS[kind].name}"


def _about(row: dict[str, Any], there: list[tuple[dict[str, Any], dict[str, Any]]]) -> bool:
    """Whether a line is about a planned card, or what lies between it and the processor. Old kernels name no card."""
    own = {pci for gpu, card in there for pci in (gpu["pci"], *card["way"])}
    return not row["pci"] or bool(own & set(row["pci"]))


def _since(log: dict[str, Any]) -> str:
    return "nothing since boot" if not log["since_s"] else f"nothing since {_ago(log['since_s'])} after boot"


def _ago(seconds: float) -> str:
    seconds = max(0, int(seconds))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
