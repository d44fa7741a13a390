"""Which release of AMD's driver: the newest that goes with system, GPU, kernel, ROCm and the programs in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from control.planner import compat, kernels, override
from control.planner.model import Context, Gpu, in_names
from control.planner.services import enabled

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Driver, Family, Range, Rocm

#: Streams of ROCm that are AMD's own: for them there are ranges of drivers.
AMD_STREAMS = ("classic", "core")
#: The repository that the driver comes from; a system's row says what it is called there.
REPOSITORY = "amdgpu"


@dataclass(frozen=True)
class Need:
    """The oldest release that a program works with. ``who`` is for people."""

    version: Version
    who: str


@dataclass(frozen=True)
class Choice:
    """The release to install, or why there is none."""

    row: Driver | None
    findings: Sequence[Finding] = ()


def choose(ctx: Context, kernel: str | None) -> Choice:
    """The release for a kernel: the one the site names, else the newest that fits and that most programs can use."""
    rows, wish = offered(ctx), str(ctx.wishes["amdgpu_driver_version"])
    if not rows:
        return Choice(None, [_no_system(ctx)])
    fitting = [row for row in rows if covers(row, kernel) and not misfits(ctx, row, kernel)]
    sound = [row for row in fitting if not row.caution]
    if not wish:
        if not sound:
            return Choice(None, [_no_release(ctx, rows[0], misfits(ctx, rows[0], kernel) or [rows[0].caution], "")])
        best = min(sound, key=lambda row: _compromises(ctx, row))
        return Choice(best, _unlisted(ctx, best))
    near, asked = nearest(wish, sound), ctx.table.driver_by_version(wish)
    if asked is None or asked not in rows:
        there = ", ".join(str(row.version) for row in rows)
        seen = f"amdgpu_driver_version is {wish}; for {ctx.system.name} the truth table has {there}"
        return Choice(None, [ctx.finding("GH-DRIVER-VERSION", seen, near=near)])
    if wrong := misfits(ctx, asked, kernel):
        return Choice(None, [_no_release(ctx, asked, wrong, near)])
    return Choice(asked, [*_untried(ctx, asked, kernel), *_unlisted(ctx, asked)])


def kept(ctx: Context, row: Driver, kernel: str | None) -> Choice:
    """A release that is at work and stays: what speaks against it is said, and refuses nothing."""
    wrong = [*misfits(ctx, row, kernel), *([row.caution] if row.caution else [])]
    seen = f"AMD's driver {row.version} is at work and stays: {'; '.join(wrong)}"
    found = [ctx.finding("GH-DRIVER-UNTRIED", seen)] if wrong else []
    return Choice(row, [*found, *_unlisted(ctx, row)])


def offered(ctx: Context) -> list[Driver]:
    """AMD's releases for this system, newest first."""
    return ctx.table.drivers_for(ctx.system.id) if REPOSITORY in ctx.system.vendor else []


def misfits(ctx: Context, row: Driver, kernel: str | None) -> list[str]:
    """Why ``row`` does not go with this host, in words; empty where nothing speaks against it."""
    found = []
    if covers(row, kernel) is False:
        found.append(f"it is known to build for kernels up to {newest_kernel(row)}, and {kernel} is newer")
    for target in map(ctx.table.target, sorted({str(gpu.gfx) for gpu in ctx.used})):
        if target and target.driver_since and Version(str(row.version)) < Version(target.driver_since):
            found.append(f"{target.gfx} needs {target.driver_since} or newer")
    return [*found, *rocm_misfits(ctx, row)]


def rocm_misfits(ctx: Context, row: Driver) -> list[str]:
    """The ROCm that the site asks for, where AMD does not support it with ``row``."""
    asked = asked_rocm(ctx)
    if not asked or any(compat.together(row, row.version, one) for one in asked):
        return []
    return [f"ROCm {asked[0].version} goes with {_span(asked[0].driver)}"]


def shortfalls(ctx: Context, version: str | None) -> list[str]:
    """Programs in use that ask for a newer release than ``version``, in words. What is not known is not held against it."""
    if version is None:
        return []
    return [f"{need.who} needs {need.version} or newer" for need in floors(ctx) if Version(version) < need.version]


def floors(ctx: Context) -> list[Need]:
    """What the programs in use ask of the driver, where their makers say so."""
    found = []
    for service in enabled(ctx)[0]:
        image = ctx.table.image(service.image)
        base = ctx.table.image(image.built.gpu_base) if image.built else image
        if service.gpu and base.driver_min and override.fit(ctx, service.name, base).gpu:
            found.append(Need(Version(base.driver_min), service.name))
    wheel = next((row for row in ctx.table.torch_rows("rocm") if ctx.gfx in row.targets), None)
    if wheel and wheel.driver_min and ctx.wishes["pytorch_build"] in ("auto", "rocm"):
        found.append(Need(Version(wheel.driver_min), "PyTorch"))
    return found


def _compromises(ctx: Context, row: Driver) -> int:
    """How many programs in use, and how many installed ROCm of AMD's, do not go with ``row``."""
    there = [ctx.table.rocm_by_version(str(one.get("version") or "")) for one in ctx.rows("rocm")]
    apart = [one for one in there if one and not compat.together(row, row.version, one)]
    return len(shortfalls(ctx, row.version)) + len(apart)


def asked_rocm(ctx: Context) -> list[Rocm]:
    """The ROCm releases that the site's wishes allow; empty where they name neither a stream of AMD's nor a release."""
    stream, wish = ctx.wishes["rocm_stream"], str(ctx.wishes["rocm_version"])
    if stream not in AMD_STREAMS and not (stream == "auto" and wish):
        return []
    streams = AMD_STREAMS if stream == "auto" else (stream,)
    rows = [row for name in streams for row in ctx.table.rocm_rows(name, ctx.system.id)]
    return [row for row in rows if not wish or Version(row.version) == number(wish)]


def newest_kernel(row: Driver) -> Version | None:
    """The newest kernel series that a release builds for: that of its own source, or a later one that is known to work."""
    known = [kernels.series(version) for version in (row.kernel_base, row.kernel_max) if version]
    return max(known, default=None)


def covers(row: Driver, kernel: str | None) -> bool | None:
    """Whether a release of the driver builds for a kernel; None where the table does not know."""
    newest, version = newest_kernel(row), kernels.upstream(kernel)
    if newest is None:
        return None
    return version is None or kernels.series(version) <= newest


def beyond_all(ctx: Context, kernel: str) -> Version | None:
    """The newest kernel series that any release for this system builds for, where ``kernel`` is beyond it."""
    newest = max((found for row in offered(ctx) if (found := newest_kernel(row))), default=None)
    version = kernels.upstream(kernel)
    return newest if newest and version and kernels.series(version) > newest else None


def listed(ctx: Context) -> bool:
    """Whether AMD lists the used GPUs, and their family for its driver on this system."""
    here = {family for kernel in ctx.system.kernels for family in kernel.families}
    return all(_in_lists(ctx, gpu) for gpu in ctx.used) and all(
        family in here and any(family in row.families for row in offered(ctx)) for family in families(ctx)
    )


def _in_lists(ctx: Context, gpu: Gpu) -> bool:
    """Whether AMD names the product; where its name is not known, whether it names one with the same device id."""
    target = ctx.table.target(gpu.gfx)
    if target is None or gpu.row is None or not gpu.row.listed:
        return False
    names = {product.name for product in gpu.row.revisions.values()}
    return bool(({gpu.name} if gpu.name in names else names) & set(target.listed))


def families(ctx: Context) -> list[Family]:
    """Families of the used GPUs, as far as the table knows them."""
    return list(dict.fromkeys(gpu.row.family for gpu in ctx.used if gpu.row))


def nearest(wish: str, rows: Sequence[Driver]) -> str:
    """The newest of ``rows`` that is not after ``wish``, else the oldest; empty without any. They come newest first."""
    version = number(wish)
    before = [row for row in rows if version is None or Version(str(row.version)) <= version]
    return str((before or rows[-1:])[0].version) if rows else ""


def number(text: str) -> Version | None:
    """A version as the site writes it, or None where it is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _span(span: Range | None) -> str:
    if span is None:
        return "other releases"
    return f"{span.min} to {span.max}" if span.max else f"{span.min} or newer"


def _no_system(ctx: Context) -> Finding:
    others = [row for row in ctx.table.systems if ctx.table.drivers_for(row.id) and REPOSITORY in row.vendor]
    same = [row for row in others if row.os == ctx.system.os]
    near = (same or others)[-1].name if others else ""
    return ctx.finding("GH-DRIVER-SYSTEM", f"AMD has no driver for {ctx.system.name}", near=near)


def _no_release(ctx: Context, row: Driver, wrong: list[str], near: str) -> Finding:
    reasons = "; ".join(wrong) or "it is not known for which kernels it builds"
    return ctx.finding("GH-DRIVER-VERSION", f"AMD's driver {row.version} does not go with this host: {reasons}", near=near)


def _untried(ctx: Context, row: Driver, kernel: str | None) -> list[Finding]:
    found = []
    if covers(row, kernel) is None:
        found.append(ctx.finding("GH-DRIVER-UNTRIED", f"AMD's driver {row.version} and the kernel {kernel}"))
    if row.caution:
        found.append(ctx.finding("GH-DRIVER-CAUTION", f"amdgpu_driver_version is {row.version}: {row.caution}"))
    return found


def _unlisted(ctx: Context, row: Driver) -> list[Finding]:
    if listed(ctx):
        return []
    here = sorted({family for kernel in ctx.system.kernels for family in kernel.families if family in row.families})
    there = f"chosen cards of {', '.join(here)}" if here else "none"
    seen = f"{in_names(ctx.used)} and driver {row.version}: for {ctx.system.name} AMD lists {there}"
    return [ctx.finding("GH-DRIVER-UNLISTED", seen)]
