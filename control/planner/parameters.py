"""Kernel parameters: those that the plan wants, as far as a drop-in of GRUB's can bring them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from control.planner import memory
from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.findings import Finding

GRUB = "grub"


def decide(ctx: Context, part: Mapping[str, Any]) -> Outcome:
    """``part["parameters"]``: ``{name, value}`` of each. Where the host does not start by GRUB, a person has to set them.

    :param part: the role's part so far: what is wanted depends on whose driver will be at work.
    """
    if not ctx.used or "none" in (ctx.wishes["amdgpu_driver"], ctx.wishes["amdgpu_kernel_parameters"]):
        return Outcome({"parameters": []})
    every = memory.wanted(replace(ctx, parts={**ctx.parts, "amdgpu": dict(part)}))
    wanted = [one for one in every if memory.set_otherwise(ctx, one[0], one[1]) is None]
    kept = _kept(ctx, every)
    loader = (ctx.mapping("kernel").get("boot") or {}).get("loader")
    if loader == GRUB:
        decisions = [Decision(f"kernel parameter {name}", value, why, rule) for name, value, why, rule in wanted]
        return Outcome({"parameters": [{"name": name, "value": value} for name, value, _, _ in wanted]}, decisions, kept)
    there = str(ctx.mapping("kernel").get("cmdline") or "").split()
    missing = [word for name, value, _, _ in wanted if (word := f"{name}={value}") not in there]
    if not missing:
        return Outcome({"parameters": []}, findings=kept)
    seen = f"the host starts by {loader or 'a boot loader that is not known'}; it is to have {' '.join(missing)}"
    found = ctx.finding("GH-KERNEL-PARAMETER-MANUAL", seen, words=" ".join(missing))
    return Outcome({"parameters": []}, findings=[*kept, found])


def _kept(ctx: Context, every: Sequence[memory.Wanted]) -> list[Finding]:
    """Parameters that the host is started with otherwise: they stay, so the plan does not promise them."""
    found = []
    for name, value, _, _ in every:
        if word := memory.set_otherwise(ctx, name, value):
            wanted = f"{name}={value}"
            seen = f"{word} is set; {wanted} was wanted"
            found.append(ctx.finding("GH-KERNEL-PARAMETER-KEPT", seen, name=name, found=word, wanted=wanted))
    return found
