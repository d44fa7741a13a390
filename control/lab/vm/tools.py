"""What this machine needs to run virtual machines: found, or installed after saying so."""

from __future__ import annotations

from pathlib import Path

from control.lab import engine
from control.lab.images import Say, say_plainly

EMULATOR = "qemu-system-x86_64"
#: Where Debian and Ubuntu put the firmware for virtual machines (package `ovmf`).
FIRMWARE = Path("/usr/share/OVMF")
#: What is run, and the Debian or Ubuntu package that brings it.
TOOLS = {
    EMULATOR: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "zstd": "zstd",
    "ssh": "openssh-client",
}


def ensure(say: Say = say_plainly) -> None:
    """Everything is there. Raises LabError with the one command to run, where only root could install it."""
    missing = missing_packages()
    if missing:
        engine.install(missing, say)


def missing_packages() -> list[str]:
    """Packages that this machine lacks for virtual machines."""
    needed = [package for tool, package in TOOLS.items() if engine.which(tool) is None]
    needed += [] if FIRMWARE.is_dir() else ["ovmf"]
    return needed if engine.KEYRING.is_file() else [*needed, "debian-archive-keyring"]
