"""What dkms, a kernel and a boot loader leave on a host, as files below a test's own root."""

from __future__ import annotations

import os
from pathlib import Path

#: The kernel that these tests run under: the one that counts as running.
RELEASE = os.uname().release
ARCH = os.uname().machine

GRUB = """submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1111' {{
\tmenuentry 'Debian GNU/Linux, with Linux {release}' $menuentry_id_option 'gnulinux-{release}-advanced-1111' {{
\t\tlinux\t/boot/vmlinuz-{release} root=UUID=1111 ro quiet
\t}}
}}
"""


def source(root: Path, module: str, version: str, folder: str = "") -> Path:
    """A DKMS source in /usr/src."""
    top = root / "usr/src" / (folder or f"{module}-{version}")
    top.mkdir(parents=True)
    (top / "dkms.conf").write_text(f'PACKAGE_NAME="{module}"\nPACKAGE_VERSION="{version}"\nAUTOINSTALL="yes"\n')
    return top


def install(root: Path, module: str, version: str, release: str = RELEASE) -> Path:
    """The module is built and installed for a kernel, as `dkms install` leaves it; its file."""
    tree = root / "var/lib/dkms" / module
    built = tree / version / release / ARCH / "module"
    built.mkdir(parents=True, exist_ok=True)
    content = f"{module} {version}".encode()
    (built / f"{module}.ko.xz").write_bytes(content)
    link = tree / f"kernel-{release}-{ARCH}"
    link.unlink(missing_ok=True)
    link.symlink_to(f"{version}/{release}/{ARCH}")
    file = root / f"lib/modules/{release}/updates/dkms/{module}.ko.xz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def kernel(root: Path, release: str, headers: bool = True, bytes_of_disk: int = 1000) -> None:
    """An installed kernel with its image and initial RAM disk."""
    for name, size in (("vmlinuz", 500), ("initrd.img", bytes_of_disk), ("config", 10), ("System.map", 10)):
        path = root / f"boot/{name}-{release}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * size)
    folder = root / f"lib/modules/{release}"
    folder.mkdir(parents=True, exist_ok=True)
    if headers:
        (folder / "build/include").mkdir(parents=True)


def grub(root: Path, release: str) -> None:
    """GRUB's menu with one kernel below its advanced options."""
    menu = root / "boot/grub/grub.cfg"
    menu.parent.mkdir(parents=True, exist_ok=True)
    menu.write_text(GRUB.format(release=release))
