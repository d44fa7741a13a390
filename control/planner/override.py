"""HSA_OVERRIDE_GFX_VERSION: set, must not be set, or already wrong; for each consumer by what it has kernels for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from control.planner.model import Context, Decision

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Image

VARIABLE = "HSA_OVERRIDE_GFX_VERSION"


@dataclass(frozen=True)
class Fit:
    """How an image and the used GPUs go together. ``gpu`` is False where it has no kernels for them at all."""

    gpu: bool
    override: str | None
    decision: Decision | None = None
    finding: Finding | None = None


def fit(ctx: Context, consumer: str, image: Image) -> Fit:
    """Whether ``image`` can use the GPU, and with which override. Never an empty value, never without need."""
    if ctx.gfx is None:
        return Fit(False, None)
    topic, target = f"override for {consumer}", ctx.table.target(ctx.gfx)
    if ctx.gfx in image.targets:
        why = f"{image.reference} has kernels for {ctx.gfx}: setting it costs speed and can give wrong results"
        return Fit(True, None, Decision(topic, "must not be set", why, "override.not-needed"))
    if target and target.override and target.override_gfx in image.targets:
        why = f"{image.reference} has no kernels for {ctx.gfx}; those for {target.override_gfx} run on it"
        return Fit(True, target.override, Decision(topic, f"set to {target.override}", why, "override.set"))
    why = f"{image.reference} has no kernels for {ctx.gfx}, nor for a sibling of it"
    finding = ctx.finding("GH-GPU-TARGET", f"{consumer}: {why}", gfx=ctx.gfx)
    return Fit(False, None, Decision(topic, "without GPU", why, "override.no-target"), finding)


def stale(ctx: Context) -> list[Finding]:
    """Overrides that the host sets for every program, whatever their value."""
    return [
        ctx.finding("GH-OVERRIDE-STALE", f"{entry['path']}: {_line(entry)}", file=entry["path"])
        for entry in ctx.mapping("override").get("env_files") or []
    ]


def _line(entry: dict[str, str]) -> str:
    value = entry.get("value") or ""
    said = f"{entry.get('name') or VARIABLE}={value}"
    return said if value else f"{said} (an empty value is not unset: it makes the runtime fail)"
