"""Which ROCm userspace the host itself gets. Containers and wheels bring their own.

Three streams: the distribution's packages, AMD's up to 7.2 (``classic``, /opt/rocm-7.2.4) and AMD's ROCm Core SDK from 7.14
on (``core``, /opt/rocm/core-10.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from control.planner import compat, repositories, rocm_replaced
from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Rocm

DISTRO, CLASSIC, CORE = "distro", "classic", "core"
VENDOR = (CLASSIC, CORE)
#: From here on ROCm is built by TheRock and packaged anew; 7.3 to 7.13 were previews (ROCm release history).
CORE_SINCE = Version("7.14")


def decide(ctx: Context) -> Outcome:
    """The part of the role ``rocm``; ``part["row"]`` is the table's row, ``part["tools"]`` what verify asks."""
    stream, version = ctx.wishes["rocm_stream"], str(ctx.wishes["rocm_version"] or "")
    if stream == "none":
        return _none(ctx, "left out, as asked: rocm_stream is none", "rocm.none")
    number = _number(version)
    if version and number is None:
        found = ctx.finding(
            "GH-INPUT-TYPE", f"rocm_version is {version!r}, must be a release like 7.2.4", variable="rocm_version"
        )
        return _none(ctx, found.seen, "rocm.bad-version", [found])
    if stream == "auto":
        if number is None:
            return _auto(ctx)
        stream = CORE if number >= CORE_SINCE else CLASSIC
    return _asked(ctx, stream, version)


def _number(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _auto(ctx: Context) -> Outcome:
    """What is there and works stays; else the distribution's tools."""
    if not ctx.used:
        return _none(ctx, "without a GPU its tools have nothing to show", "rocm.no-gpu")
    vendor = [one for one in ctx.rows("rocm") if one.get("source") in VENDOR]
    if vendor:
        return _kept(ctx, vendor)
    row = ctx.table.rocm_row(DISTRO, ctx.system.id)
    if row is None:
        return _none(ctx, f"{ctx.system.name} has no ROCm packages in the truth table", "rocm.missing-row")
    why = "the distribution's own tools see the GPU; compute comes with images and wheels, which bring their own ROCm"
    return _row(ctx, row, why, "rocm.distro")


def _kept(ctx: Context, vendor: Sequence[Any]) -> Outcome:
    """AMD's own ROCm is there: it stays, and what gpuhost put there stays gpuhost's."""
    rows = [row for one in vendor if (row := ctx.table.rocm_by_version(str(one.get("version") or "")))]
    ours = next((row for row in rows if rocm_replaced.sealed_versions(ctx, row)), None)
    found = [_mismatch(ctx, row) for row in rows if not compat.rocm_fits(ctx, row)]
    if ours is not None:
        kept = _row(ctx, ours, "it is there, put there by gpuhost", "rocm.keep-own")
        return Outcome(kept.part, kept.decisions, [*kept.findings, *found])
    names = ", ".join(f"{one.get('version')} in {one.get('prefix')}" for one in vendor)
    why = "AMD's own ROCm is there and is left alone: a second one beside it would mix"
    return _none(ctx, why, "rocm.keep", found, f"as it is: {names}")


def _asked(ctx: Context, stream: str, version: str) -> Outcome:
    """The newest row of a stream, or the one of an exact version, that goes with system, GPU and driver."""
    rows = ctx.table.rocm_rows(stream, ctx.system.id)
    if not rows:
        seen = f"rocm_stream is {stream}; there is no such ROCm for {ctx.system.name} in the truth table"
        return _refused(ctx, "GH-ROCM-NONE", seen, "rocm.missing-row")
    exact = [row for row in rows if not version or Version(row.version) == _number(version)]
    if not exact:
        there = ", ".join(row.version for row in rows)
        seen = f"rocm_version is {version}; of the stream {stream} {ctx.system.name} has {there}"
        return _refused(ctx, "GH-ROCM-VERSION", seen, "rocm.missing-version")
    built = sorted((row for row in exact if _runs(ctx, row)), key=lambda row: not _native(ctx, row))
    if not built:
        seen = f"ROCm {exact[0].version} ({stream}) has no kernels for {' or '.join(ctx.targets)}"
        return _refused(ctx, "GH-ROCM-TARGET", seen, "rocm.no-target")
    fitting = [row for row in built if compat.rocm_fits(ctx, row)]
    if not fitting:
        return _wrong_driver(ctx, built[0])
    why = (
        f"asked for: rocm_version is {version}"
        if version
        else f"the newest of the stream {stream} for system, GPU and driver"
    )
    return _row(ctx, fitting[0], why, "rocm.asked" if version else "rocm.newest")


def _kernels(ctx: Context, row: Rocm) -> dict[str, str]:
    """Used target -> the target whose kernels it runs: its own, or those of a sibling by override."""
    found: dict[str, str] = {}
    for gfx in ctx.targets:
        target = ctx.table.target(gfx)
        for one in (gfx, target.override_gfx if target else None):
            if one in row.built_targets:
                found.setdefault(gfx, str(one))
    return found


def _runs(ctx: Context, row: Rocm) -> bool:
    """Whether the libraries have kernels that a used GPU runs. A row of tools alone fits any."""
    return not row.built_targets or not ctx.targets or bool(_kernels(ctx, row))


def _native(ctx: Context, row: Rocm) -> bool:
    """Whether the first GPU needs no override."""
    return not row.built_targets or not ctx.gfx or ctx.gfx in row.built_targets


def _row(ctx: Context, row: Rocm, why: str, rule: str) -> Outcome:
    wanted = ctx.wishes["rocm_packages"]
    level = "full" if wanted == "full" and row.packages.full else "runtime"
    chosen = row.packages.full if level == "full" and row.packages.full else row.packages.runtime
    replaced = rocm_replaced.decide(ctx, row)
    part = {
        **_part(row.stream, row.version, level),
        "packages": _names(row, chosen.names, list(_kernels(ctx, row).values()) or ctx.targets),
        "repositories": [repositories.entry(ctx, one, row.folder(one)) for one in row.repositories],
        "remove": replaced.part["remove"],
        "prefix": row.prefix,
        # The Core SDK's packages tell the linker themselves; AMD's older ones leave it to the administrator.
        "linker": row.stream == CLASSIC,
        "leftovers": replaced.part["leftovers"],
        "tools": list(row.tools),
        "row": row.id,
    }
    choice = f"{row.stream} {row.version}, {level}"
    decision = Decision("rocm", choice, f"{why}{_support(ctx, row)}", rule)
    return Outcome(part, [decision, *_override(ctx, row), *_opt_rocm(row), *replaced.decisions], replaced.findings)


def _support(ctx: Context, row: Rocm) -> str:
    """Whether AMD stands behind this ROCm on this GPU."""
    if not row.targets or not ctx.targets:
        return ""
    unlisted = [gfx for gfx in ctx.targets if gfx not in row.targets]
    return f"; {' and '.join(unlisted)} is not in AMD's list for it" if unlisted else "; AMD lists the GPU for it"


def _override(ctx: Context, row: Rocm) -> list[Decision]:
    """For a GPU that runs a sibling's kernels: what programs need, and that nothing sets it for all of them."""
    found = []
    for gfx, runs in _kernels(ctx, row).items():
        target = ctx.table.target(gfx)
        if gfx != runs and target:
            why = f"ROCm {row.version} has no kernels for {gfx}, those for {runs} run on it; host-wide it harms others"
            choice = f"each program sets {target.override} for itself"
            found.append(Decision("override for programs of the host's ROCm", choice, why, "override.rocm"))
    return found


def _names(row: Rocm, names: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Package names, those of one target once for each target.

    AMD packages the targets that it lists one by one; the package without a target in its name has the libraries for all.
    """
    listed = [f"-{gfx}" if gfx in row.targets else "" for gfx in targets]
    found = [name.replace("-{gfx}", gfx) for name in names for gfx in (listed if "{gfx}" in name else [""])]
    return list(dict.fromkeys(found))


def _opt_rocm(row: Rocm) -> list[Decision]:
    """What programs that only know /opt/rocm will find there."""
    if row.stream == CLASSIC:
        choice, why = (
            row.prefix,
            "the packages set the link; other versions that are installed can be chosen with update-alternatives",
        )
    elif row.stream == CORE:
        choice, why = f"bin and lib of {row.prefix}", "the packages set them through update-alternatives"
    else:
        return []
    return [Decision("/opt/rocm points to", choice, why, f"rocm.link.{row.stream}")]


def _part(stream: str, version: str | None, level: str) -> dict[str, Any]:
    lists: dict[str, Any] = {"packages": [], "repositories": [], "remove": [], "leftovers": [], "tools": []}
    return {"stream": stream, "version": version, "level": level, **lists, "prefix": None, "linker": False, "row": None}


def _none(ctx: Context, reason: str, rule: str, found: Sequence[Finding] = (), choice: str = "none") -> Outcome:
    part = _part("none", None, ctx.wishes["rocm_packages"])
    decisions = [Decision("rocm", choice, reason, rule)]
    if rule in ("rocm.no-gpu", "rocm.missing-row"):
        cleaned = rocm_replaced.leftovers(ctx, None)
        part["leftovers"], decisions = cleaned.part["leftovers"], [*decisions, *cleaned.decisions]
    return Outcome(part, decisions, found)


def _refused(ctx: Context, finding_id: str, seen: str, rule: str) -> Outcome:
    nearest = _nearest(ctx)
    near = f"rocm_stream: {nearest.stream}, rocm_version: {nearest.version}" if nearest else ""
    return _none(ctx, seen, rule, [ctx.finding(finding_id, seen, near=near)])


def _nearest(ctx: Context) -> Rocm | None:
    """The newest ROCm that goes with system, GPU and driver; of AMD's where there is one."""
    rows = [row for stream in (CORE, CLASSIC, DISTRO) for row in ctx.table.rocm_rows(stream, ctx.system.id)]
    fitting = [row for row in rows if _runs(ctx, row) and compat.rocm_fits(ctx, row)]
    return min(fitting, key=lambda row: not _native(ctx, row), default=None)


def _wrong_driver(ctx: Context, row: Rocm) -> Outcome:
    drivers, nearest = compat.drivers_with(ctx, row), _nearest(ctx)
    at_work = compat.driver_at_work(ctx)
    seen = f"ROCm {row.version} and {at_work.words}: AMD supports it with {_range(row)}"
    driver = f"amdgpu_driver: dkms, amdgpu_driver_version: {drivers[0].version}" if drivers else ""
    other = f"rocm_stream: {nearest.stream}, rocm_version: {nearest.version}" if nearest else ""
    found = ctx.finding("GH-ROCM-DRIVER", seen, driver=driver, rocm=other, choice=" or ".join(filter(None, (driver, other))))
    return _none(ctx, seen, "rocm.wrong-driver", [found])


def _mismatch(ctx: Context, row: Rocm) -> Finding:
    """What is installed already and does not go together: a warning, since it may still do for this host."""
    drivers = compat.drivers_with(ctx, row)
    seen = f"ROCm {row.version} in {row.prefix} and {compat.driver_at_work(ctx).words}: AMD supports it with {_range(row)}"
    driver = f"amdgpu_driver: dkms, amdgpu_driver_version: {drivers[0].version}" if drivers else ""
    return ctx.finding("GH-ROCM-MISMATCH", seen, choice=driver)


def _range(row: Rocm) -> str:
    if row.driver is None:
        return "another driver"
    return f"drivers {row.driver.min} to {row.driver.max}" if row.driver.max else f"drivers from {row.driver.min} on"
