"""The kernels of a host: which may boot, which boots next, and which of them has the driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control.planner.model import DRIVER, Context

if TYPE_CHECKING:
    from control.findings import Finding

#: A kernel's release begins with its upstream version (``6.8.0-49-generic``); what follows is the distribution's.
_UPSTREAM = re.compile(r"\d+\.\d+(\.\d+)?")


def upstream(release: str | None) -> Version | None:
    """The upstream version at the head of a release; None where there is none."""
    match = _UPSTREAM.match(release or "")
    return Version(match[0]) if match else None


def series(version: Version | str) -> Version:
    """Major and minor: what drivers are made for."""
    return Version(".".join(str(part) for part in Version(str(version)).release[:2]))


def flavour(release: str) -> str:
    """What kind of build a release is: the words behind its numbers (``generic``, ``cloud-amd64``)."""
    words = release.split("-")
    first = next((index for index, word in enumerate(words) if not word[:1].isdigit()), len(words))
    return "-".join(words[first:])


def order(release: str) -> tuple[int, ...]:
    """Sorts releases of one flavour by age: every number of the part before the flavour."""
    return tuple(int(number) for number in re.findall(r"\d+", release.removesuffix(flavour(release))))


def running(ctx: Context) -> str:
    """The release that runs now."""
    return str(ctx.mapping("kernel").get("release") or "")


def bootable(ctx: Context) -> list[str]:
    """Releases that may boot, newest first: installed ones with an image. None in a container: its kernel is its host's."""
    if ctx.mapping("kernel").get("container"):
        return []
    rows = ctx.mapping("kernel").get("installed") or []
    found = [str(row["release"]) for row in rows if row.get("image")]
    return found or [running(ctx)]


def boots_next(ctx: Context) -> str | None:
    """The release that the boot loader takes by itself; where it does not tell, the newest one, as GRUB does."""
    said = (ctx.mapping("kernel").get("boot") or {}).get("next")
    return said or next(iter(bootable(ctx)), None)


def older_than(ctx: Context, gfx: str | None) -> bool:
    """Whether the running kernel is older than the first one that drives ``gfx``, as far as both are known."""
    target, version = ctx.table.target(gfx), upstream(running(ctx))
    return bool(target and target.inbox_since and version and series(version) < Version(target.inbox_since))


def has_headers(ctx: Context, release: str) -> bool:
    """Whether a module can be built for ``release`` with what is installed."""
    rows = ctx.mapping("kernel").get("installed") or []
    there = {str(row["release"]) for row in rows if row.get("headers")}
    return release in there | set(ctx.mapping("kernel").get("headers_installed") or [])


def module(ctx: Context) -> Mapping[str, Any]:
    """The driver's module as it is loaded now. A simulated tree says nothing about the real kernel."""
    found = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    return {} if found.get("simulated") and not ctx.mapping("kernel").get("container") else found


def module_file(ctx: Context, release: str) -> Mapping[str, Any] | None:
    """The module that ``modprobe`` would take under ``release``; None where that kernel has none, or it is not known."""
    found = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    return next((row for row in found.get("files") or [] if row.get("release") == release), None)


def built(ctx: Context, release: str, source: Mapping[str, Any] | None) -> bool:
    """Whether ``release`` has the driver: AMD's, of the DKMS source ``{name, version_prefix}``; else the kernel's own."""
    found = module_file(ctx, release)
    if source is None:
        own = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
        return bool(found or (release == running(ctx) and own.get("file")))
    if found is not None and found.get("in_tree"):
        return False
    return any(
        row.get("module") == source["name"]
        and row.get("kernel") == release
        and row.get("state") == "installed"
        and str(row.get("version")).startswith(source["version_prefix"])
        for row in ctx.rows("dkms")
    )


def boot(ctx: Context) -> dict[str, Any]:
    """The plan's ``boot``: which kernel is next once the plan is carried out, and which of them have its driver now."""
    part = ctx.parts["amdgpu"]
    releases = list(dict.fromkeys([*part["kernels"], *bootable(ctx)]))
    planned = [release for release in part["kernels"] if release not in bootable(ctx)]
    return {
        "next": planned[0] if planned else boots_next(ctx),
        "built": {release: built(ctx, release, part["source"]) for release in releases},
    }


def remarks(ctx: Context, part: Mapping[str, Any]) -> list[Finding]:
    """The kernel that boots next would not have AMD's driver that is at work now, and the plan does not build it there."""
    following, at_work = boots_next(ctx), module(ctx)
    if part["driver"] != "none" or at_work.get("in_tree") is not False or following in (None, running(ctx)):
        return []
    found = module_file(ctx, str(following))
    if any(row.get("kernel") == following and row.get("state") == "installed" for row in ctx.rows("dkms")):
        return []
    instead = "with the kernel's own driver" if found else "without any driver"
    seen = f"{following} boots next, {instead}: AMD's is built for {running(ctx)} only"
    return [ctx.finding("GH-KERNEL-NEXT", seen, kernel=following)]
