"""The memory of every device, cell by cell. It is the same from everywhere: done once, in the first place with a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..compute import memory
from ..result import Result
from . import work
from .context import Context
from .work import Judged, raised

#: Less than this part of a GPU's memory filled proves little about it.
ENOUGH = 0.5
#: Drivers keep a little of what they gave out.
KEPT = 64 << 20

FAULTY = "Take the card out of use: its memory is faulty, too hot or clocked too high. `sudo dmesg | grep -iE 'ecc|ras|umc'`"
OTHERS = "Stop what uses the GPU (`docker stop gpuhost-ollama`, a desktop) and run `gpuhost verify` again."


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What each device's memory gave back."""
    return work.probe("memory", expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each device: that the work came to its end, and each pattern."""
    return work.judge("memory", seen, expected)


def names(device: dict[str, Any]) -> list[str]:
    """What is measured on a device."""
    return [name for name, _ in memory.measures(None, SimpleNamespace(kind=device.get("kind", "gpu")), work.UNMEASURED)]


def judge_measure(name: str, where: str, seen: dict[str, Any], against: dict[str, Any]) -> Judged:
    """One measure."""
    if "raised" in seen:
        return raised(f"The memory test {name}", where, str(seen["raised"]))
    if name == "filled":
        return _filled(where, seen, against["device"] or {})
    return _leak(where, seen) if name == "leak" else _pattern(name, where, seen)


def gib(size: float) -> str:
    """Bytes for a person."""
    return f"{size / 2**30:.1f} GiB"


def _filled(where: str, seen: dict[str, Any], device: dict[str, Any]) -> Judged:
    filled, total = seen["bytes"], seen["total_bytes"]
    if device.get("kind") == "cpu":
        return Judged(filled > 0, f"{gib(filled)}, a sample", "a sample of the host's memory", f"No memory {where}.", OTHERS)
    shown, wanted = f"{gib(filled)} of {gib(total)}", "all that is free"
    if filled == 0:
        return Judged(False, shown, wanted, f"Nothing of the {gib(total)} {where} could be had: all of it is taken.", OTHERS)
    if filled < ENOUGH * total:
        why = f"only {shown} were free {where}: nothing is known of the rest, which something else holds"
        return Judged(None, shown, wanted, why, OTHERS)
    return Judged(True, shown, wanted, "", "")


def _pattern(name: str, where: str, seen: dict[str, Any]) -> Judged:
    shown, wrong = f"{seen['wrong']} wrong cells in {gib(seen['bytes'])}", seen["wrong"]
    words = name.replace("_", " ")
    if wrong:
        why = (
            f"Of {gib(seen['bytes'])} {where} filled with the pattern {words}, {wrong} cells of 8 bytes read back "
            f"otherwise, the first at {seen['first_cell'] * memory.CELL:#x} in the bits {seen['bits']}: models and "
            "results kept there change."
        )
        return Judged(False, shown, "0 wrong cells", why, FAULTY)
    if seen["wrong_on_host"]:
        why = f"{seen['wrong_on_host']} cells of the pattern {words} {where} are wrong when the host reads them."
        return Judged(False, shown, "0 wrong cells", why, FAULTY)
    return Judged(bool(seen["bytes"]), shown, "0 wrong cells", f"No cell {where} was tested.", OTHERS)


def _leak(where: str, seen: dict[str, Any]) -> Judged:
    held, lost = seen["held_bytes"], seen["lost_bytes"]
    shown = f"{gib(max(held, lost, 0))} not given back after {seen['rounds']} rounds"
    why = f"Memory {where} that was given back is not free again: {shown}. Long runs end with out of memory."
    step = "Update the driver or PyTorch (`gpuhost plan` names what fits); check that nothing else used the GPU meanwhile."
    return Judged(held <= 0 and lost <= KEPT, shown, "all given back", why, step)
