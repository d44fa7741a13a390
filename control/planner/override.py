"""HSA_OVERRIDE_GFX_VERSION: set, must not be set, or already wrong; for each consumer by what it has kernels for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from control.planner.model import Context, Decision, Gpu

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Image

VARIABLE = "HSA_OVERRIDE_GFX_VERSION"

#: What the runtime takes: three numbers, nothing else (ROCT-Thunk-Interface src/topology.c).
_FORM = re.compile(r"(\d{1,2})\.(\d{1,3})\.(\d{1,3})")
#: Files whose settings reach one systemd service and nothing else.
_UNIT = re.compile(r"/etc/systemd/system/(?P<unit>[^/]+\.service)(\.d/|$)")


@dataclass(frozen=True)
class Fit:
    """How an image and the used GPUs go together: those it gets, none where it has no kernels for any."""

    gpus: tuple[Gpu, ...] = ()
    override: str | None = None
    decision: Decision | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def gpu(self) -> bool:
        """Whether it runs on a GPU at all."""
        return bool(self.gpus)


def fit(ctx: Context, consumer: str, image: Image) -> Fit:
    """Which GPUs ``image`` can use, and with which override. Never an empty value, never without need.

    A GPU that the image has kernels for never gets one; where there is such a GPU, those that would need one are left out:
    the variable holds for a whole program, and what one GPU needs is fatal to another.
    """
    if not ctx.targets:
        return Fit()
    topic = f"override for {consumer}"
    native = [gpu for gpu in ctx.used if gpu.gfx in image.targets]
    if native:
        names = _targets(native)
        why = f"{image.reference} has kernels for {names}: setting it costs speed and can give wrong results"
        return _fit(ctx, consumer, native, None, Decision(topic, "must not be set", why, "override.not-needed"))
    value = next((value for gpu in ctx.used if (value := _value(ctx, gpu, image))), None)
    if value:
        chosen = [gpu for gpu in ctx.used if _value(ctx, gpu, image) == value]
        why = f"{image.reference} has no kernels for {_targets(chosen)}; those for {_target_of(value)} run on it"
        return _fit(ctx, consumer, chosen, value, Decision(topic, f"set to {value}", why, "override.set"))
    why = f"{image.reference} has no kernels for {_targets(ctx.used)}, nor for a sibling of it"
    found = ctx.finding("GH-GPU-TARGET", f"{consumer}: {why}", gfx=ctx.gfx)
    return Fit(
        decision=Decision(topic, "must not be set", f"{why}; it runs without GPU", "override.no-target"), findings=(found,)
    )


def _fit(ctx: Context, consumer: str, gpus: list[Gpu], value: str | None, decision: Decision) -> Fit:
    left = [gpu for gpu in ctx.used if gpu not in gpus]
    found = [
        ctx.finding("GH-GPU-PARTLY", f"{consumer} uses {_targets(gpus)} and leaves out {gpu.name} ({gpu.gfx})")
        for gpu in left
    ]
    return Fit(tuple(gpus), value, decision, tuple(found))


def _value(ctx: Context, gpu: Gpu, image: Image) -> str | None:
    """The override that lets a GPU run the image's kernels, or None. Another major version is refused by the runtime."""
    target = ctx.table.target(gpu.gfx)
    if target is None or target.override is None or target.override_gfx not in image.targets:
        return None
    return target.override if _major(target.override) == major(str(gpu.gfx)) else None


def _targets(gpus: Sequence[Gpu]) -> str:
    return " and ".join(dict.fromkeys(str(gpu.gfx) for gpu in gpus))


def major(gfx: str) -> int:
    """The major version of a target: gfx90c -> 9, gfx1032 -> 10. The last two digits are minor and stepping."""
    return int(gfx.removeprefix("gfx")[:-2])


def _major(value: str) -> int:
    return int(value.split(".")[0])


def _target_of(value: str) -> str:
    """The target that a well-formed value makes the runtime report."""
    first, minor, step = (int(part) for part in value.split("."))
    return f"gfx{first}{minor:x}{step:x}"


def stale(ctx: Context) -> tuple[list[Decision], list[Finding]]:
    """What the host already sets, by file and line, and what is wrong with each."""
    decisions, found = [], []
    for entry in ctx.mapping("override").get("env_files") or []:
        unit = _UNIT.match(entry["path"])
        wrong = _wrong(ctx, entry.get("value") or "", bool(unit))
        line = f"{entry.get('name') or VARIABLE}={entry.get('value') or ''}"
        reach = f"the host's service {unit['unit']}" if unit else "every program"
        where = f"override in {entry['path']}"
        if wrong is None:
            decisions.append(Decision(where, line, f"it reaches {reach} alone and fits its GPU", "override.of-a-service"))
            continue
        decisions.append(Decision(where, f"already wrong here: {line}", f"{wrong}; it reaches {reach}", "override.stale"))
        found.append(ctx.finding("GH-OVERRIDE-STALE", f"{entry['path']}: {line}: {wrong}", file=entry["path"]))
    return decisions, found


def _wrong(ctx: Context, value: str, of_a_service: bool) -> str | None:
    """What a value does on this host; None where it may be right: in one service's own settings."""
    if not value:
        return "an empty value is not unset: it makes the runtime fail"
    form = _FORM.fullmatch(value)
    if form is None:
        return "not three numbers: it makes the runtime fail"
    if ctx.targets and not any(int(form[1]) == major(gfx) for gfx in ctx.targets):
        return f"of another architecture than {' and '.join(ctx.targets)}: memory faults, or refused by the runtime"
    return _of_this_major(ctx, value, of_a_service)


def _of_this_major(ctx: Context, value: str, of_a_service: bool) -> str | None:
    target = _target_of(value)
    if target in ctx.targets:
        others = [gfx for gfx in ctx.targets if gfx != target]
        return f"makes {' and '.join(others)} pass for {target} as well" if others else f"{target} is what the GPU is anyway"
    rows = [ctx.table.target(gfx) for gfx in ctx.targets]
    if ctx.targets and not any(row and row.override == value for row in rows):
        return f"kernels of {target} are not known to run on {' or '.join(ctx.targets)}: they crash or compute wrongly"
    if of_a_service:
        return None
    return f"programs with kernels for {' and '.join(ctx.targets) or 'the GPU'} run slower with it, or compute wrong results"
