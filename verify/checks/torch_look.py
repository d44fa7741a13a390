"""How PyTorch is asked: in a process of its own in each place, which may hang or die, and leaves what it had."""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..compute import levels, runner
from . import interpreters
from .context import Context
from .inspection import driver_of

# Importing torch from a cold disk takes half a minute on a slow host; a HIP initialisation that hangs takes
# for ever.
SECONDS = 150
#: What comes after the last word of a worker.
BESIDES = 2.0


def places(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Per place with PyTorch: what its own interpreter says; and what it has to fit."""
    rows = expected.get("torch") or []
    # Where work for the GPUs is to follow, no more than a third of the time goes into waiting.
    within = max(1.0, ctx.left - BESIDES) / (3 if ctx.parts else 1)
    words = ["torch", *([] if math.isinf(within) else ["--within", f"{within:.0f}"])]
    with ThreadPoolExecutor(max_workers=len(rows) or 1) as pool:
        asked = pool.map(lambda row: interpreters.ask(row, words, ctx, min(2 * SECONDS, within) + interpreters.MARGIN), rows)
        found = {row["where"]: said for row, said in zip(rows, asked)}
    for row in rows:
        ctx.hung.update(_hung(row, found[row["where"]], interpreters.gpus(expected)))
    stand_ins = {where: ctx.stand_in(where) for where in found if where != "host"}
    gpus = ctx.snapshot.get("gpus")
    return {
        "simulated": ctx.simulated,
        "places": found,
        "stand_ins": stand_ins,
        "driver": driver_of(ctx.snapshot),
        "gpus": [gpu for gpu in gpus if gpu.get("amd")] if isinstance(gpus, list) else [],
    }


def _hung(row: dict[str, Any], saw: dict[str, Any], gpus: int) -> dict[str, str]:
    """GPUs on which nothing more is to be tried, with the result that says why."""
    at = saw.get("at")
    if not saw.get("hung") or not row.get("gpu"):
        return {}
    if at == "devices":
        return {f"cuda:{index}": result_id(row, "gpu_available") for index in range(gpus)}
    return {at[0]: sample_id(row, *at)} if isinstance(at, list) and at[0] != "cpu" else {}


def look_here(within: float = math.inf) -> dict[str, Any]:
    """What the interpreter that runs this has; torch is imported in a process of its own, under time limits.

    ``stopped`` is how that ended, empty where it did well; ``hung``: it gave no sign of life; ``late``: ``within`` seconds
    were over, which says nothing against it.
    """
    seen: dict[str, Any] = {}

    def hear(said: dict[str, Any]) -> bool:
        if said:
            seen.clear()
            seen.update(said)
        return seen.get("at") not in (None, "import")

    times = runner.Times(SECONDS, levels.SILENT_SECONDS, within, SECONDS)
    end = runner.converse([sys.executable, "-m", f"{__package__}.pytorch_worker"], times, hear)
    nothing = {} if seen else {"error": end.ended or "no output"}
    return {**seen, **nothing, "stopped": end.ended, "hung": end.hung, "late": end.late}


def result_id(row: dict[str, Any], property: str) -> str:
    """The id of what is said of a place."""
    return f"torch.{row['where']}.{property}"


def sample_id(row: dict[str, Any], device: str, name: str) -> str:
    """The id of a computation; the device is ``cuda:0`` to torch."""
    return result_id(row, f"{name}_{device.replace('cuda:', 'gpu')}")
