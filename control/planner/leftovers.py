"""What amdgpu-install and AMD's guides left on a host, as far as it is the driver's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from control.planner.model import Context
from control.planner.release import REPOSITORY

#: Writes package sources and pins of its own, for one release; another release needs another one of it.
INSTALLER = "amdgpu-install"
#: What the driver's packages were called before ROCm 4.5.
OLD_DRIVER = ("rock-dkms", "rock-dkms-firmware")


def sources(ctx: Context) -> list[dict[str, str]]:
    """Package sources of AMD's driver that are not gpuhost's: two of them for one address, with two keys, stop apt."""
    address = ctx.table.repository(REPOSITORY).base_url.partition("://")[2]
    found = [one for one in ctx.rows("leftovers") if one.get("kind") == "source" and address in str(one.get("text") or "")]
    return [{"path": str(one["path"]), "kind": "source"} for one in found]


def installer(ctx: Context) -> list[str]:
    """AMD's installer package, to go where no ROCm of AMD's lives by its sources."""
    vendor = [one for one in ctx.rows("rocm") if one.get("source") in ("classic", "core")]
    return [INSTALLER] if INSTALLER in ctx.mapping("packages") and not vendor else []


def driver_packages(ctx: Context) -> dict[str, Mapping[str, Any]]:
    """AMD's driver as it is installed: package name -> its entry in the snapshot, under whatever name it has had."""
    rows = [row for row in ctx.table.drivers if row.kind == "dkms"]
    names = dict.fromkeys([name for row in rows for name in (*row.packages, *row.firmware)] + list(OLD_DRIVER))
    packages = ctx.mapping("packages")
    return {name: packages[name] for name in names if name in packages}


def driver_names(ctx: Context, packages: Sequence[str]) -> list[str]:
    """Of a plan's packages (``name`` or ``name=version``) those of AMD's driver itself."""
    own = {name for row in ctx.table.drivers for name in (*row.packages, *row.firmware)}
    return [name for name in packages if name.partition("=")[0] in own]


def unfinished(ctx: Context) -> list[str]:
    """Packages of the driver that dpkg left half done: until they are gone or whole, apt does no other work."""
    left = [str(entry).partition(":")[0] for entry in ctx.mapping("apt").get("unfinished") or []]
    rows = [row for row in ctx.table.drivers if row.kind == "dkms"]
    names = {name for row in rows for name in row.packages} | set(OLD_DRIVER)
    return [name for name in left if name in names]
