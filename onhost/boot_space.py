"""Room for kernels and initial RAM disks, asked before anything that would run out of it half-way."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from . import paths
from .finding import FindingError

BOOT = "/boot"
#: Where there is none yet to compare with: what Debian 13's generic kernel and its initial RAM disk take, generously.
KERNEL_BYTES = 140 * 1024**2
#: What is written beside the old file before it takes its place may be larger.
MARGIN = 1.2

_KERNEL_PACKAGE = "linux-image-"
_PARTS = ("vmlinuz-", "initrd.img-", "System.map-", "config-")


def require(kernels: int, initial_disks: int = 0) -> None:
    """``/boot`` has room for so many new kernels, and for so many initial RAM disks that are made anew.

    :raises FindingError: ``GH-BOOT-FULL``; nothing was changed.
    """
    needed = round(MARGIN * (kernels * _kernel_bytes() + (1 if initial_disks else 0) * _largest("initrd.img-")))
    free = _free()
    if needed and free is not None and free < needed:
        seen = f"{BOOT} has {_mib(free)} free and {_mib(needed)} are needed"
        held = ", ".join(path.name for path in sorted(paths.under(BOOT).glob("vmlinuz-*")))
        raise FindingError("GH-BOOT-FULL", f"{seen}; kernels there: {held or 'none'}")


def kernels_among(packages: Iterable[str]) -> int:
    """How many of these packages bring a kernel to ``/boot``; the metapackage that only points to one does not."""
    return sum(name.startswith(_KERNEL_PACKAGE) and name[len(_KERNEL_PACKAGE) :][:1].isdigit() for name in packages)


def _kernel_bytes() -> int:
    return sum(_largest(part) for part in _PARTS) or KERNEL_BYTES


def _largest(part: str) -> int:
    return max((path.stat().st_size for path in paths.under(BOOT).glob(f"{part}*") if path.is_file()), default=0)


def _free() -> int | None:
    """Bytes that root can still use there; None where there is no such folder."""
    folder: Path = paths.under(BOOT)
    if not folder.is_dir():
        return None
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _mib(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB"
