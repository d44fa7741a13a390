"""Which ROCm userspace the host itself gets. Containers and wheels bring their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.rows import Rocm


def decide(ctx: Context) -> Outcome:
    """The part of the role ``rocm``."""
    wish = ctx.wishes["rocm_stream"]
    row = ctx.table.rocm_row("distro", ctx.system.id)
    vendor = [one for one in ctx.rows("rocm") if one.get("source") in ("classic", "core")]
    if wish == "none":
        return _none("left out, as asked: rocm_stream is none", "rocm.none")
    if wish == "distro":
        if row is None:
            seen = f"rocm_stream is distro; {ctx.system.name} has no ROCm packages in the truth table"
            none = _none("there is none for this system", "rocm.missing-row")
            return Outcome(none.part, none.decisions, [ctx.finding("GH-ROCM-NONE", seen)])
        return _distro(row, "asked for: rocm_stream is distro", "rocm.asked")
    if not ctx.used:
        return _none("without a GPU its tools have nothing to show", "rocm.no-gpu")
    if vendor:
        names = ", ".join(f"{one.get('version')} in {one.get('prefix')}" for one in vendor)
        return _none(f"AMD's own ROCm is there ({names}); a second one beside it would mix", "rocm.keep")
    if row is None:
        return _none(f"{ctx.system.name} has no ROCm packages in the truth table", "rocm.missing-row")
    return _distro(row, "the distribution's own tools see the GPU; compute comes with images and wheels", "rocm.distro")


def _distro(row: Rocm, reason: str, rule: str) -> Outcome:
    part = {"stream": "distro", "packages": list(row.packages.names), "tools": list(row.tools)}
    return Outcome(part, [Decision("rocm", f"distro {row.version}", reason, rule)])


def _none(reason: str, rule: str) -> Outcome:
    return Outcome({"stream": "none", "packages": [], "tools": []}, [Decision("rocm", "none", reason, rule)])
