"""GPU work as a check: where it is done, whether it came to its end, and what each of its measures comes to.

A part (:mod:`verify.compute.levels`) has a module of its name here, with ``names(device)``, what is measured on a device,
and ``judge_measure(name, where, seen, against)``, which is pure.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any, NamedTuple

from ..compute import levels
from ..result import Result, failed, judged, unverifiable
from . import interpreters
from .context import Context

#: Seconds for measures that are named and never begun.
UNMEASURED = 0.0


class Judged(NamedTuple):
    """What a measure comes to; ``ok`` is ``None`` where nothing can be said, and ``why`` then says why."""

    ok: bool | None
    seen: Any
    wanted: Any
    why: str
    next: str


def rows(expected: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """The places in which a part is done: memory and what lies between GPUs are the same from everywhere."""
    found = list(expected.get("torch") or [])
    if part in ("memory", "peers", "burn"):
        return [row for row in found if row.get("gpu")][:1] or found[:1]
    return found


def gpus(row: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """The GPUs that a place is planned to use, as torch names them."""
    return [f"cuda:{index}" for index in range(interpreters.gpus(expected))] if row.get("gpu") else []


def devices(part: str, row: dict[str, Any], expected: dict[str, Any], simulated: bool, stand_in: str | None) -> list[str]:
    """What is worked on in a place: its GPUs, else the processors.

    Where a GPU is only simulated, the processors' numbers are proven, and nothing else of them; peers need two GPUs.
    """
    reason, planned = interpreters.no_gpu_here(simulated, stand_in), gpus(row, expected)
    if part == "peers":
        return planned if len(planned) > 1 and not reason else []
    if planned and not reason:
        return planned
    return ["cpu"] if part == "correctness" or not planned else []


def probe(name: str, expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """One part of the GPU work in each of its places, one place after the other: they share the GPUs."""
    part, planned = levels.part(name), rows(expected, name)
    stand_ins = {row["where"]: ctx.stand_in(row["where"]) for row in planned if row["where"] != "host"}
    found: dict[str, Any] = {}
    for row in planned:
        where = row["where"]
        every = devices(name, row, expected, ctx.simulated, stand_ins.get(where))
        after = {one: ctx.hung[one] for one in every if one in ctx.hung}
        wanted = [one for one in every if one not in after]
        # As long as each worker may take by itself, or one after the other.
        seconds = (levels.START_SECONDS + part.limit) * (1 if part.together else len(wanted))
        words = ["compute", name, "--devices", ",".join(wanted)]
        if name == "burn" and expected.get("minutes"):
            words += ["--seconds", str(60 * expected["minutes"])]
            seconds += 60 * expected["minutes"] - part.seconds
        share = _share(name, row, expected, ctx, stand_ins) if wanted else math.inf
        if share < seconds:
            sized = max(1.0, min(part.seconds, share - levels.BESIDES_SECONDS))
            words += [] if name == "burn" else ["--seconds", f"{sized:.0f}"]
            words += ["--within", f"{share:.0f}"]
        seconds = min(seconds, share) + interpreters.MARGIN
        found[where] = {**(interpreters.ask(row, words, ctx, seconds) if wanted else {}), "after": after}
        for one, came in (found[where].get("devices") or {}).items():
            if came["hung"] and one != "cpu":
                ctx.hung[one] = id_of(name, row, one, "finished")
    return {"simulated": ctx.simulated, "stand_ins": stand_ins, "places": found}


def _share(name: str, row: dict[str, Any], expected: dict[str, Any], ctx: Context, stand_ins: dict[str, Any]) -> float:
    """Seconds for a part in a place: of what the level has left its share among all that is still to be done."""
    if math.isinf(ctx.until):
        return math.inf
    to_come = ctx.parts[ctx.parts.index(name) + 1 :] if name in ctx.parts else []
    endurance = 60.0 * expected.get("minutes", 0) if "burn" in to_come else 0.0
    here = rows(expected, name)
    due = [(name, one) for one in here[[one["where"] for one in here].index(row["where"]) :]]
    due += [(one, place) for one in to_come if one != "burn" for place in rows(expected, one)]
    on = (devices(one, place, expected, ctx.simulated, stand_ins.get(place["where"])) for one, place in due)
    weights = [_weight(one, wanted) for (one, _), wanted in zip(due, on)]
    return max(1.0, (ctx.left - endurance) * weights[0] / max(1.0, sum(weights)))


def _weight(name: str, wanted: list[str]) -> float:
    """Seconds that a part is sized to take on these devices."""
    part = levels.part(name)
    return (part.seconds + levels.BESIDES_SECONDS) * (min(1, len(wanted)) if part.together else len(wanted))


def id_of(part: str, row: dict[str, Any], device: str, property: str) -> str:
    """``correctness.host.gpu0.fft``; the device is ``cuda:0`` to torch."""
    return f"{part}.{row['where']}.{device.replace('cuda', 'gpu').replace(':', '')}.{property}"


def causes(row: dict[str, Any], device: str) -> tuple[str, ...]:
    """The checks of PyTorch itself that explain a device which does not answer."""
    place = f"torch.{row['where']}"
    gpu = () if device == "cpu" else (f"{place}.gpu_available", f"{place}.gpu_count")
    return (f"{place}.import", *gpu)


def out_of_reach(part: str, row: dict[str, Any], expected: dict[str, Any], seen: dict[str, Any]) -> list[Result]:
    """One result for each planned GPU that this place cannot show to work."""
    reason = interpreters.no_gpu_here(seen["simulated"], seen["stand_ins"].get(row["where"]))
    if not reason or (part == "peers" and len(gpus(row, expected)) < 2):
        return []
    return [unverifiable(id_of(part, row, one, "finished"), reason, wanted="finished") for one in gpus(row, expected)]


def outcome(seen: dict[str, Any], row: dict[str, Any], device: str) -> dict[str, Any]:
    """What came of a device, in the shape of :mod:`verify.compute.runner`; also where the whole place did not answer."""
    place = seen["places"].get(row["where"]) or {"error": "not looked at"}
    nothing = {"device": None, "measured": {}, "at": None, "ended": place.get("error", ""), "hung": False, "done": False}
    after = (place.get("after") or {}).get(device)
    return {"late": False, **((place.get("devices") or {}).get(device) or nothing), "after": after}


def again(part: str, row: dict[str, Any], device: str) -> str:
    """How a person does the work once more, and where the driver says what it thinks of it."""
    return f"{interpreters.runner(row)} -m verify compute {part} --devices {device}; sudo dmesg | tail -50"


def finished(part: str, row: dict[str, Any], device: str, came: dict[str, Any]) -> Result:
    """Whether the work on a device came to its end."""
    stopped, during = str(came["ended"]), f" in {came['at']}" if came["at"] else ""
    if came["late"]:
        id = id_of(part, row, device, "finished")
        why = f"the work on {device} {interpreters.described(row)} was {stopped}{during}, all that the level has left for it"
        return unverifiable(id, why, seen=stopped, wanted="finished", next=interpreters.longer(part))
    if came["hung"]:
        why = (
            f"{device} {interpreters.described(row)} hung{during}: {stopped}, and was given up. The driver or the bus lost "
            "a command; programs that use this GPU wait for ever."
        )
    elif came.get("after"):
        why = f"Nothing was tried on {device} {interpreters.described(row)}: it hung before."
    else:
        why = f"The work on {device} {interpreters.described(row)} ended early{during}: {stopped or 'it did not say why'}."
    ok = came["done"] and not stopped
    return judged(
        id_of(part, row, device, "finished"),
        ok,
        seen="finished" if ok else stopped or "not tried",
        wanted="finished",
        why=why,
        next=interpreters.HANG if came["hung"] else again(part, row, device),
        needs=(*causes(row, device), *([came["after"]] if came.get("after") else [])),
    )


def judge(part: str, seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each place and device of a part: that the work came to its end, and each of its measures."""
    results: list[Result] = []
    for row in rows(expected, part):
        results += out_of_reach(part, row, expected, seen)
        for device in devices(part, row, expected, seen["simulated"], seen["stand_ins"].get(row["where"])):
            came = outcome(seen, row, device)
            results += judge_device(part, row, device, came, against(expected, came))
    return results


def against(expected: dict[str, Any], came: dict[str, Any]) -> dict[str, Any]:
    """What a device's figures are compared with: its row of the plan, and what this host's earlier runs gave.

    A GPU is known by its address on the bus; torch's order is not the plan's.
    """
    planned, device = expected.get("gpus") or [], came.get("device") or {}
    mine = [gpu for gpu in planned if gpu["pci"] == device.get("pci")]
    if not mine and device.get("kind") == "gpu" and len({gpu["name"] for gpu in planned}) == 1:
        mine = planned
    return {"gpu": mine[0] if mine else None, "history": expected.get("history") or []}


def judge_device(
    part: str, row: dict[str, Any], device: str, came: dict[str, Any], compared: dict[str, Any] | None = None
) -> list[Result]:
    """The results of one device."""
    module, end = import_module(f".{part}", __package__), finished(part, row, device, came)
    results, where = [end], f"on {device} {interpreters.described(row)}"
    beside = {**(compared or {}), "device": came["device"]}
    for name in module.names(came["device"] or {"kind": "cpu" if device == "cpu" else "gpu"}):
        id, seen = id_of(part, row, device, name), came["measured"].get(name)
        if seen is not None:
            found = no_number(name, where, seen) or module.judge_measure(name, where, seen, {**beside, "id": id})
            results.append(_result(id, found))
            continue
        if came["late"]:
            results.append(unverifiable(id, end.why, seen="not measured", wanted="measured", next=end.next))
            continue
        why, step = f"{name} {where} was not measured: the work ended before.", again(part, row, device)
        results.append(failed(id, seen="not measured", wanted="measured", why=why, next=step, needs=(end.id,)))
    return results


def _result(id: str, found: Judged) -> Result:
    if found.ok is None:
        return unverifiable(id, found.why, seen=found.seen, wanted=found.wanted, next=found.next)
    return judged(id, found.ok, seen=found.seen, wanted=found.wanted, why=found.why, next=found.next)


def no_number(name: str, where: str, seen: dict[str, Any]) -> Judged | None:
    """A measure whose figure came out as NaN or infinity; ``None`` where all are numbers."""
    bad = next((key for key, value in seen.items() if value in ("nan", "inf", "-inf") and key != "not_finite"), None)
    if bad is None:
        return None
    why = (
        f"{name} {where} holds NaN or infinity where every input is an ordinary number ({bad}: {seen[bad]}). Whatever is "
        "computed from it is lost."
    )
    return Judged(False, f"{bad}: {seen[bad]}", "a number", why, OUT_OF_USE)


#: A card that computes wrongly.
OUT_OF_USE = (
    "Take the host out of use and run it again; a failure that repeats on one GPU points to its memory, its clocks or its "
    "power."
)


def missing(what: str, name: str, said: str, device: dict[str, Any] | None) -> Judged | None:
    """A measure that this build of PyTorch cannot do at all; ``None`` where the error is the device's fault.

    Products in 8 bits are not in every build; older ones lack some functions, and on processors some formats.
    """
    absent = "support" in said.lower() or "not implemented" in said.lower()
    optional = name.startswith(("gemm_int8", "gemm_float8")) or (device or {}).get("kind") == "cpu"
    if (absent and optional) or ("module 'torch" in said and "has no attribute" in said):
        return Judged(None, said, "a result", f"this PyTorch cannot do it here ({what}): {said}", "")
    return None


def raised(what: str, where: str, said: str) -> Judged:
    """A measure that ended with an error."""
    why = f"{what} {where} failed: {said}. Kernels do not run there, whatever the device list says."
    step = "Compare the GPU's target with the build's: `gpuhost plan` names both; sudo dmesg | tail -50."
    return Judged(False, said, "a result", why, step)
