"""What this host boots next, and where its kernel parameters are written down."""

from __future__ import annotations

import json
import re
from typing import Any

from ..parsers import boot_entries, efi, grub
from .host import Host
from .signing import EFI, variable

GRUB_FOLDERS = "/boot/grub", "/boot/grub2"
#: Where the EFI system partition or the extended boot partition is mounted. Source: bootctl(1).
BOOT_FOLDERS = "/boot", "/efi", "/boot/efi"
MKCONFIG = "/usr/sbin/grub-mkconfig"
PARAMETER_FILES = "/etc/default/grub", "/etc/default/grub.d/*.cfg", "/etc/kernel/cmdline"
#: Written by the role amdgpu before each reboot of its own: what its loop guard counts.
REBOOTS = "/var/lib/gpuhost/reboots.json"


def look_boot(host: Host, container: str | None) -> dict[str, Any]:
    """`next` is None where no loader is known, or its choice cannot be told from its files.

    `drop_ins`: whether the host's GRUB reads `/etc/default/grub.d`, as Debian's and Ubuntu's do.
    """
    used = loader(host)
    return {
        "firmware": None if container else "uefi" if host.exists(EFI) else "bios",
        "loader": used,
        "next": {"grub": next_of_grub, "systemd-boot": next_of_systemd_boot}[used](host) if used else None,
        "drop_ins": "default/grub.d" in (host.word(MKCONFIG) or ""),
        "parameter_files": [{"path": path, "text": host.word(path)} for path in host.glob(*PARAMETER_FILES)],
    }


def loader(host: Host) -> str | None:
    """What the loader itself told the firmware, else what the files show. Newer GRUBs tell their name too."""
    said = loader_variable(host, "LoaderInfo") or ""
    has_grub = any(host.exists(f"{folder}/grub.cfg") for folder in GRUB_FOLDERS)
    if said.startswith("systemd-boot") or (not has_grub and entry_files(host)):
        return "systemd-boot"
    return "grub" if has_grub else None


def loader_variable(host: Host, name: str) -> str | None:
    said = variable(host, name, efi.LOADER)
    return efi.text(said[1]) or None if said else None


def next_of_grub(host: Host) -> str | None:
    folder = next(folder for folder in GRUB_FOLDERS if host.exists(f"{folder}/grub.cfg"))
    try:
        text = host.text(f"{folder}/grub.cfg")
    except PermissionError:
        host.needs_root.add("kernel.boot")
        return None
    env = grub.environment(host.word(f"{folder}/grubenv") or "")
    entry = grub.booted(grub.menu(text), grub.chosen(text, env))
    return release_of(host, entry.kernel) if entry and entry.kernel else None


def release_of(host: Host, kernel: str) -> str | None:
    """Of `/boot/vmlinuz-6.1.0-41-amd64`, or of a link to it such as `/vmlinuz`."""
    for path in (kernel, host.link(f"/{kernel.lstrip('/')}") or ""):
        found = re.fullmatch(r"vmlinu[zx]-(.+)", path.rsplit("/", 1)[-1])
        if found:
            return found.group(1)
    return None


def entry_files(host: Host) -> list[str]:
    try:
        return [path for folder in BOOT_FOLDERS for path in host.glob(f"{folder}/loader/entries/*.conf")]
    except PermissionError:
        return []


def next_of_systemd_boot(host: Host) -> str | None:
    files = entry_files(host)
    if not files and not host.is_root():
        host.needs_root.add("kernel.boot")
    # An image that holds kernel and parameters in one has no entry here.
    if any(host.glob(*(f"{folder}/EFI/Linux/*.efi" for folder in BOOT_FOLDERS))):
        return None
    entries = [boot_entries.entry(path.rsplit("/", 1)[-1], host.word(path) or "") for path in files]
    conf = next((text for text in (host.word(f"{folder}/loader/loader.conf") for folder in BOOT_FOLDERS) if text), "")
    once, default = (loader_variable(host, name) for name in ("LoaderEntryOneShot", "LoaderEntryDefault"))
    entry = boot_entries.booted(entries, once, default, boot_entries.settings(conf).get("default"))
    return entry.version or None if entry else None


def look_reboots(host: Host) -> dict[str, Any] | None:
    """gpuhost's own reboots of this host since its driver last came up as planned; None where there was none."""
    try:
        said: dict[str, Any] = json.loads(host.text(REBOOTS))
    except FileNotFoundError:
        return None
    return said
