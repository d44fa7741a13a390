"""AMD's driver by DKMS: the release, its repository and packages, for which kernels it is built, how it is signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control.planner import amdgpu, compat, headers, kernels, leftovers, release, repositories, secureboot
from control.planner.model import DRIVER, Context, Decision, Outcome

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Driver

#: What gpuhost's own package sources begin with (docs/architecture.md, REPOSITORY).
SOURCE = f"gpuhost-{release.REPOSITORY}"


def decide(ctx: Context, reason: str, rule: str, keep: str = "") -> Outcome:
    """The part for AMD's driver; where it cannot be, one that changes nothing, and the refusal.

    :param keep: a release that is at work and stays.
    """
    if keep:
        ctx = replace(ctx, wishes={**ctx.wishes, "amdgpu_driver_version": keep})
    choice = _choice(ctx, keep)
    row = choice.row
    if row is None:
        return _refused(ctx, choice.findings)
    build = headers.decide(ctx, release.newest_kernel(row), _source(row) if keep else None)
    if build.boot is None:
        return _refused(ctx, build.findings)
    signing = secureboot.decide(ctx)
    part = {**_part(ctx, row, build, signing), **_exchange(ctx, row)}
    decisions = [
        Decision("driver", f"dkms {row.version}", f"{reason}; {_why(ctx, row)}", rule),
        *build.decisions,
        *signing.decisions,
        *_removal(part),
    ]
    return Outcome(part, decisions, [*choice.findings, *build.findings, *signing.findings])


def ours(ctx: Context) -> bool:
    """Whether gpuhost put AMD's driver on this host: its package source is there, or the role's seal names the package."""
    files = [str(one.get("file") or "") for one in ctx.mapping("apt").get("sources") or []]
    seal = (ctx.mapping("seals").get("amdgpu") or {}).get("items") or {}
    names = {f"package:{name}" for row in ctx.table.drivers for name in row.packages}
    return any(f"/{SOURCE}." in file for file in files) or bool(names & set(seal))


def installed(ctx: Context, row: Driver) -> bool:
    """Whether exactly this release is installed."""
    there = [str((ctx.mapping("packages").get(name) or {}).get("version") or "") for name in row.packages]
    if not all(there):
        return False
    if row.package_version:
        return all(version == _exact(ctx, row) for version in there)
    base, number = compat.release_of(there[0])
    if number is None:
        return base is not None and base == row.kernel_base
    return Version(number) == Version(str(row.version))


def loaded(ctx: Context, row: Driver) -> bool:
    """Whether the module that is loaded now is of this release, as far as its number tells."""
    module = kernels.module(ctx)
    if not module.get("loaded") or module.get("in_tree") is not False or not installed(ctx, row):
        return False
    base, _ = compat.release_of(str(module.get("version") or ""))
    return base is None or row.kernel_base is None or base == row.kernel_base


def _choice(ctx: Context, keep: str) -> release.Choice:
    if keep and (row := ctx.table.driver_by_version(keep)):
        return release.kept(ctx, row, kernels.running(ctx))
    build = headers.decide(ctx, _limit(ctx))
    return release.choose(ctx, build.boot or kernels.running(ctx))


def _source(row: Driver) -> dict[str, str]:
    """What a release is called in DKMS, as far as the table knows."""
    return {"name": DRIVER, "version_prefix": row.kernel_base or ""}


def _limit(ctx: Context) -> Version | None:
    """The newest kernel series that the wanted release, or any, builds for."""
    wish = ctx.table.driver_by_version(str(ctx.wishes["amdgpu_driver_version"]))
    rows = [wish] if wish else release.offered(ctx)
    return max((found for row in rows if (found := release.newest_kernel(row))), default=None)


def _part(ctx: Context, row: Driver, build: headers.Build, signing: secureboot.Signing) -> dict[str, Any]:
    tools = [name for purpose in _purposes(signing) for name in ctx.system.packages[purpose].names]
    return amdgpu.part(
        ctx,
        "dkms",
        "dkms",
        version=str(row.version),
        load=True,
        packages=list(dict.fromkeys([*tools, *build.packages, *row.firmware, *_pinned(ctx, row)])),
        kernel_packages=build.kernel_packages,
        repositories=[repositories.entry(ctx, str(row.repository), row.directory)],
        kernels=build.kernels,
        source=_source(row),
        sign=signing.sign,
        asks=headers.questions(ctx),
    )


def _purposes(signing: secureboot.Signing) -> list[Any]:
    return ["dkms", "mok"] if signing.sign else ["dkms"]


def _exchange(ctx: Context, row: Driver) -> dict[str, Any]:
    """What goes for this release: another one of AMD's, which AMD demands, its installer and its sources."""
    at_work, same = compat.driver_at_work(ctx), installed(ctx, row)
    working = kernels.module(ctx).get("loaded") and all(gpu.state == "up" for gpu in ctx.used)
    return {
        "remove": [*([] if same else _others(ctx, row)), *leftovers.installer(ctx)],
        "leftovers": leftovers.sources(ctx),
        "replaces": at_work.words if working and not same and not ctx.simulated else "",
    }


def _others(ctx: Context, row: Driver) -> list[str]:
    """Packages of another release; one of this release that dpkg left half done is repaired, and no other."""
    base = f"{row.kernel_base}-"
    begun = any(str(one.get("version")).startswith(base) for one in ctx.rows("dkms") if one.get("module") == DRIVER)
    return list(dict.fromkeys([*leftovers.driver_packages(ctx), *([] if begun else leftovers.unfinished(ctx))]))


def _pinned(ctx: Context, row: Driver) -> list[str]:
    """The driver's packages, at the exact version where it is known: a repository may hold more than one."""
    return [f"{name}={_exact(ctx, row)}" if row.package_version else name for name in row.packages]


def _exact(ctx: Context, row: Driver) -> str:
    return str(row.package_version).format(release=ctx.system.vendor[release.REPOSITORY].release)


def _why(ctx: Context, row: Driver) -> str:
    newest = release.newest_kernel(row)
    known = f"builds for kernels up to {newest}" if newest else "for which kernels it builds is not known"
    if ctx.wishes["amdgpu_driver_version"]:
        return known
    return f"the newest release that goes with system, GPU and ROCm; it {known}"


def _removal(part: dict[str, Any]) -> list[Decision]:
    if not part["remove"]:
        return []
    why = "AMD: another release of the driver is removed first, not upgraded; the new one is built in a trial before"
    return [Decision("packages that go", ", ".join(part["remove"]), why, "driver.remove")]


def _refused(ctx: Context, findings: Sequence[Finding]) -> Outcome:
    seen = findings[0].seen if findings else "it cannot be built here"
    part = amdgpu.part(ctx, "none", compat.driver_at_work(ctx).kind, asks=headers.questions(ctx))
    return Outcome(part, [Decision("driver", "none", seen, "driver.dkms.refused")], findings)
