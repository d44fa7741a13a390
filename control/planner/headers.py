"""Kernel headers: exact packages per kernel, or a newer kernel where the mirror no longer has them.

A mirror keeps the newest kernels only. Headers of the one that runs can be gone while nothing is wrong with the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control.planner import kernels
from control.planner.model import Context, Decision

if TYPE_CHECKING:
    from control.findings import Finding

ANY = "*"


@dataclass(frozen=True)
class Build:
    """For which kernels the driver is built, and what that takes.

    ``boot`` is the kernel under which it will be at work. ``packages`` are headers, ``kernel_packages`` a newer kernel.
    """

    kernels: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    kernel_packages: list[str] = field(default_factory=list)
    boot: str | None = None
    decisions: Sequence[Decision] = ()
    findings: Sequence[Finding] = ()


def decide(ctx: Context, newest: Version | None = None, kept: Mapping[str, Any] | None = None) -> Build:
    """Build for every kernel that may boot and whose headers can be had.

    :param newest: the newest series that the driver is known to build for; newer kernels are left out.
    :param kept: the DKMS source of a driver that is at work and stays: kernels that have it need nothing more.
    """
    running, following = kernels.running(ctx), kernels.boots_next(ctx)
    wanted = {running, following}
    have = _have(ctx, kept)
    # Until the host is asked what its mirror has, headers of the kernels that matter are taken to be there.
    ready = [
        release
        for release in kernels.bootable(ctx)
        if release in have
        or (
            _covered(release, newest)
            and (obtainable(ctx, release) or (obtainable(ctx, release) is None and release in wanted))
        )
    ]
    if following in ready:
        return _for_installed(ctx, ready, running if running in ready else str(following), have)
    if release := _newer(ctx, newest):
        return _for_newer(ctx, ready, release, have)
    if running in ready:
        return _for_installed(ctx, ready, running, have, [_next_without(ctx, str(following))])
    return Build(findings=[_none(ctx)])


def _have(ctx: Context, kept: Mapping[str, Any] | None) -> set[str]:
    """Kernels that have the driver that stays; the running one is among them: it has it loaded."""
    if kept is None:
        return set()
    running = kernels.running(ctx)
    return {release for release in kernels.bootable(ctx) if release == running or kernels.built(ctx, release, kept)}


def obtainable(ctx: Context, release: str) -> bool | None:
    """Whether headers for ``release`` are installed or on the mirror; None where the mirror was not asked."""
    if kernels.has_headers(ctx, release):
        return True
    offered = candidates(ctx).get(ctx.system.kernel_packages.headers.format(release=release))
    return None if offered is None else bool(offered)


def candidates(ctx: Context) -> Mapping[str, Any]:
    """What the mirror offers, for the names that were asked for."""
    return ctx.mapping("candidates")


def questions(ctx: Context) -> list[str]:
    """Packages whose candidates settle the plan: headers that are missing, and a newer kernel with all that it takes."""
    installed, names = kernels.bootable(ctx), ctx.system.kernel_packages
    missing = [release for release in installed if not kernels.has_headers(ctx, release)]
    found = [names.headers.format(release=release) for release in missing]
    if missing:
        any_release = f"{ANY}-{kernels.flavour(kernels.running(ctx))}"
        found += [name.format(release=any_release) for name in (names.image, names.headers, *names.modules)]
    found += [name.format(release=release) for release in installed for name in names.modules]
    found += [headers for _, headers in _metas(ctx)]
    return [name for name in found if name not in ctx.mapping("packages")]


def _for_installed(ctx: Context, releases: list[str], boot: str, have: set[str], findings: Sequence[Finding] = ()) -> Build:
    left = [release for release in kernels.bootable(ctx) if release not in releases]
    reason = "headers of every kernel that may boot"
    if left:
        reason += f"; {', '.join(left)} keeps its own driver: no headers to be had, or newer than the driver builds for"
    rule = "headers.kernels"
    if boot != kernels.running(ctx):
        reason = f"the mirror has no headers of {kernels.running(ctx)} any more; {boot} is installed and boots next"
        rule = "headers.next-kernel"
    decision = Decision("kernel headers", ", ".join(releases), reason, rule)
    return Build(releases, _packages(ctx, releases, have), [], boot, [decision], findings)


def _for_newer(ctx: Context, ready: list[str], release: str, have: set[str]) -> Build:
    names = ctx.system.kernel_packages
    new = [name.format(release=release) for name in (names.image, names.headers, *_offered_modules(ctx, release))]
    gone = kernels.boots_next(ctx)
    reason = f"the mirror has no headers of {gone} any more; {release} is the newest kernel that it has whole"
    decision = Decision("kernel headers", f"with the kernel {release}", reason, "headers.newer-kernel")
    finding = ctx.finding("GH-KERNEL-NEWER", reason, kernel=release)
    return Build([release, *ready], _packages(ctx, [release, *ready], have), new, release, [decision], [finding])


def _packages(ctx: Context, releases: Sequence[str], have: set[str]) -> list[str]:
    """Headers of each, but of those that ``have`` the driver only where they can be had: they do without."""
    names = ctx.system.kernel_packages
    needed = [release for release in releases if release not in have or obtainable(ctx, release)]
    exact = [names.headers.format(release=release) for release in needed]
    modules = [name for release in releases for name in _offered_modules(ctx, release)]
    return [*exact, *modules, *_followers(ctx)]


def _offered_modules(ctx: Context, release: str) -> list[str]:
    """Packages with the rest of a kernel's modules: those that are there, or that the mirror has."""
    names = [name.format(release=release) for name in ctx.system.kernel_packages.modules]
    return [name for name in names if name in ctx.mapping("packages") or candidates(ctx).get(name)]


def _metas(ctx: Context) -> list[tuple[str, str]]:
    """Installed packages that bring each coming kernel, each with the one that would bring its headers."""
    names = dict.fromkeys([ctx.system.kernel_packages.meta.image, *(row.package for row in ctx.system.kernels)])
    found = [(name, name.replace("-image-", "-headers-")) for name in names if name in ctx.mapping("packages")]
    return [(image, headers) for image, headers in found if headers != image]


def _followers(ctx: Context) -> list[str]:
    """Packages that bring the headers of each coming kernel with it.

    Only of the same version as the kernel's: a newer one would bring headers of a kernel that is not there.
    """
    packages = ctx.mapping("packages")
    return [
        headers
        for image, headers in _metas(ctx)
        if headers in packages
        or packages[image].get("version") in [one.get("version") for one in candidates(ctx).get(headers) or []]
    ]


def _newer(ctx: Context, newest: Version | None) -> str | None:
    """The newest kernel on the mirror that comes with headers, and that would boot next once it is installed."""
    after = max(map(kernels.order, kernels.bootable(ctx)), default=())
    return next((release for release in _whole(ctx, newest) if kernels.order(release) > after), None)


def _whole(ctx: Context, newest: Version | None) -> list[str]:
    """Kernels of the running one's flavour that the mirror has with their headers, newest first."""
    names = ctx.system.kernel_packages
    kind = kernels.flavour(kernels.running(ctx))
    before, after = names.image.split("{release}")
    offered = {
        name.removeprefix(before).removesuffix(after)
        for name, versions in candidates(ctx).items()
        if versions and name.startswith(before) and ANY not in name
    }
    found = [
        release
        for release in offered
        if kernels.flavour(release) == kind
        and candidates(ctx).get(names.headers.format(release=release))
        and _covered(release, newest)
    ]
    return sorted(found, key=kernels.order, reverse=True)


def _covered(release: str, newest: Version | None) -> bool:
    version = kernels.upstream(release)
    return version is None or newest is None or kernels.series(version) <= newest


def _next_without(ctx: Context, following: str) -> Finding:
    seen = f"{following} boots next, and AMD's driver cannot be built for it: no headers, or newer than it builds for"
    return ctx.finding("GH-KERNEL-NEXT", seen, kernel=following)


def _none(ctx: Context) -> Finding:
    names = ctx.system.kernel_packages
    missing = ", ".join(names.headers.format(release=release) for release in kernels.bootable(ctx))
    nearest = next(iter(_whole(ctx, None)), None)
    there = f"; with headers it has {nearest}, older than what boots" if nearest else ", and no kernel with its headers"
    near = " ".join(name.format(release=nearest) for name in (names.image, names.headers)) if nearest else ""
    return ctx.finding("GH-HEADERS-NONE", f"the mirror has no {missing}{there}", near=near)
