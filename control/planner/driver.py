"""Where the kernel driver comes from: the kernel's own (``inbox``), AMD's (``dkms``), or left as it is (``none``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.version import Version

from control.planner import amdgpu, compat, dkms, kernels, leftovers, parameters, reboot, release
from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Target


@dataclass(frozen=True)
class Source:
    """What was decided and why. ``packages`` and ``remove``: of the kernel's own driver; ``keep``: a release that stays."""

    kind: str
    reason: str
    rule: str
    packages: Sequence[str] = ()
    remove: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    keep: str = ""


def decide(ctx: Context) -> Outcome:
    """The part of the role ``amdgpu``; with :data:`control.planner.amdgpu.INTERNAL` for other decisions."""
    source = _source(ctx)
    made = dkms.decide(ctx, source.reason, source.rule, source.keep) if source.kind == "dkms" else _own(ctx, source)
    part = made.part
    set_by_grub = parameters.decide(ctx, part)
    part["parameters"] = set_by_grub.part["parameters"]
    part["reboots"] = reboot.reasons(ctx, part)
    decisions = [*made.decisions, *set_by_grub.decisions, *reboot.decision(ctx, part["reboots"])]
    findings = [*source.findings, *made.findings, *set_by_grub.findings, *kernels.remarks(ctx, part)]
    return Outcome(part, decisions, findings)


def _source(ctx: Context) -> Source:
    wish, container = ctx.wishes["amdgpu_driver"], ctx.mapping("kernel").get("container")
    if not ctx.used:
        return Source("none", "there is no GPU to drive", "driver.no-gpu")
    if wish == "none":
        unloaded = [gpu for gpu in ctx.used if gpu.state == "unloaded"]
        found = [ctx.finding("GH-GPU-NO-DRIVER", f"{gpu.name}: amdgpu_driver is none") for gpu in unloaded]
        return Source("none", "left to the site: amdgpu_driver is none", "driver.none", findings=found)
    if container:
        return _in_container(ctx, wish, str(container))
    if wish == "dkms":
        return Source("dkms", "asked for: amdgpu_driver is dkms", "driver.dkms.asked")
    return _asked_inbox(ctx) if wish == "inbox" else _auto(ctx)


def _in_container(ctx: Context, wish: str, container: str) -> Source:
    """A container has the kernel of the host around it: nothing can be built for it or loaded into it from here."""
    if wish == "dkms":
        reason = f"amdgpu_driver is dkms, and the kernel is that of the host around {container}: its driver is built there"
        return Source("none", reason, "driver.dkms.container")
    if ctx.simulated:
        reason = "the GPU is simulated, and the kernel that of the host around it: nothing is loaded"
        return Source("inbox", reason, "driver.inbox.simulated", _firmware(ctx))
    return Source("inbox", f"the kernel is that of the host around {container}", "driver.inbox.container")


def _asked_inbox(ctx: Context) -> Source:
    at_work, installed = compat.driver_at_work(ctx), _installed(ctx, leftovers.unfinished(ctx))
    found = [] if _up(ctx) and at_work.kind == "inbox" else _too_old(ctx, "amdgpu_driver is inbox")
    if at_work.kind == "dkms" or installed:
        gone = at_work.words if at_work.kind == "dkms" else ", ".join(installed)
        reason = f"asked for: amdgpu_driver is inbox, and {gone} goes"
        return Source("inbox", reason, "driver.inbox.return", _firmware(ctx), installed, found)
    return replace(_inbox(ctx), findings=found)


def _auto(ctx: Context) -> Source:
    at_work = compat.driver_at_work(ctx)
    if at_work.kind == "dkms" and kernels.module(ctx).get("loaded"):
        return _kept(ctx, at_work)
    if "ryzen" in release.families(ctx):
        found = [] if _up(ctx) else _too_old(ctx, "AMD has no DKMS driver for Ryzen")
        reason = "AMD: Ryzen processors use the kernel's own driver, there is no DKMS one for them"
        return replace(_inbox(ctx), reason=reason, rule="driver.inbox.apu", findings=found)
    needed = _needs_dkms(ctx)
    if needed is None:
        return _inbox(ctx)
    reason, rule, must = needed
    found = _too_old(ctx, reason) if must else []
    if newest := release.beyond_all(ctx, kernels.running(ctx)):
        why = f"no release of AMD's driver is known to build beyond Linux {newest}"
        return replace(_inbox(ctx), reason=why, rule="driver.inbox.newer-kernel", findings=found)
    possible = ctx.wishes["amdgpu_driver_version"] or release.choose(ctx, kernels.running(ctx)).row
    if (must or release.listed(ctx)) and possible:
        return Source("dkms", reason, rule)
    return replace(_inbox(ctx), findings=found)


def _needs_dkms(ctx: Context) -> tuple[str, str, bool] | None:
    """Why the kernel's own driver will not do: reason, rule, and whether the GPU is of no use without another one."""
    if not _up(ctx):
        for target in _targets(ctx):
            if kernels.older_than(ctx, target.gfx):
                reason = f"{target.gfx} is driven from Linux {target.inbox_since} on, and {kernels.running(ctx)} is older"
                return reason, "driver.dkms.old-kernel", True
        if "instinct" in release.families(ctx):
            return "AMD drives Instinct with its own release, and the kernel's is not at work", "driver.dkms.instinct", False
        return None
    short = [need for need in release.floors(ctx) if compat.floor(ctx, need.who, str(need.version))]
    if short:
        reason = f"{short[0].who} asks for the driver {short[0].version} or newer, and the kernel's own is older"
        return reason, "driver.dkms.floor", False
    return None


def _kept(ctx: Context, at_work: compat.AtWork) -> Source:
    """A DKMS driver that works stays, unless something that is asked for needs another release of it."""
    row, reason = ctx.table.driver_by_version(at_work.version or ""), f"{at_work.words} is at work"
    wish = str(ctx.wishes["amdgpu_driver_version"])
    if wish and at_work.version and release.number(wish) != Version(at_work.version):
        return Source("dkms", f"{reason}, and amdgpu_driver_version is {wish}", "driver.dkms.upgrade")
    short = release.rocm_misfits(ctx, row) if row else []
    short += release.shortfalls(ctx, at_work.version) if release.listed(ctx) else []
    if short and release.choose(ctx, kernels.running(ctx)).row:
        return Source("dkms", f"{reason}, and {'; '.join(short)}", "driver.dkms.upgrade")
    if row and row in release.offered(ctx) and dkms.ours(ctx):
        return Source("dkms", f"{reason}, put there by gpuhost", "driver.keep-own", keep=str(row.version))
    return Source("none", f"{reason} and left alone", "driver.keep-dkms")


def _inbox(ctx: Context) -> Source:
    """The kernel's own driver; AMD's goes where it is installed, does no work, and is in the way."""
    broken = leftovers.unfinished(ctx)
    if not _up(ctx) and not broken:
        broken = list(leftovers.driver_packages(ctx))
    if broken:
        reason = f"the kernel carries amdgpu; {', '.join(broken)} of AMD's is installed, does no work and is in its way"
        return Source("inbox", reason, "driver.inbox.broken-dkms", _firmware(ctx), _installed(ctx, broken))
    if _up(ctx) and kernels.module(ctx):
        # Firmware that came another way than by package is left as it is: the GPU works with it.
        there = [name for name in _firmware(ctx) if name in ctx.mapping("packages")]
        return Source("inbox", "the kernel's own amdgpu already drives the GPU", "driver.inbox.bound", there)
    return Source("inbox", "the kernel carries amdgpu; it needs its firmware", "driver.inbox.load", _firmware(ctx))


def _installed(ctx: Context, unfinished: Sequence[str]) -> list[str]:
    """All packages of AMD's driver, with the firmware that came with them: nothing else uses it."""
    return list(dict.fromkeys([*leftovers.driver_packages(ctx), *unfinished]))


def _own(ctx: Context, source: Source) -> Outcome:
    """The part for the kernel's own driver, or for leaving all as it is."""
    at_work = compat.driver_at_work(ctx)
    decision = Decision("driver", source.kind, source.reason, source.rule)
    if source.kind == "none":
        kind = "none" if not ctx.used and source.rule == "driver.no-gpu" else at_work.kind
        return Outcome(amdgpu.part(ctx, "none", kind), [decision])
    part = amdgpu.part(
        ctx,
        "inbox",
        "inbox",
        load=not ctx.mapping("kernel").get("container"),
        packages=list(source.packages),
        remove=[*source.remove, *(leftovers.installer(ctx) if source.remove else [])],
        leftovers=leftovers.sources(ctx) if source.remove else [],
        replaces="" if at_work.kind == "inbox" or ctx.simulated else at_work.words,
    )
    return Outcome(part, [decision])


def _firmware(ctx: Context) -> list[str]:
    return list(ctx.system.packages["firmware"].names)


def _up(ctx: Context) -> bool:
    return all(gpu.state == "up" for gpu in ctx.used)


def _targets(ctx: Context) -> list[Target]:
    found = [ctx.table.target(gfx) for gfx in ctx.targets]
    return [target for target in found if target]


def _too_old(ctx: Context, reason: str) -> list[Finding]:
    """The kernel cannot drive the GPU, and there is no other driver for it here: which kernel would do."""
    found = []
    for target in _targets(ctx):
        if not kernels.older_than(ctx, target.gfx):
            continue
        fitting = [
            row
            for row in ctx.system.kernels
            if Version(row.version) >= Version(str(target.inbox_since)) and set(release.families(ctx)) <= set(row.families)
        ] or [row for row in ctx.system.kernels if Version(row.version) >= Version(str(target.inbox_since))]
        seen = f"{target.gfx} needs Linux {target.inbox_since} or newer, {kernels.running(ctx)} runs; {reason}"
        package = fitting[-1].package if fitting else ""
        found.append(ctx.finding("GH-KERNEL-OLD", seen, since=target.inbox_since, package=package))
    return found
