"""Disks that virtual machines begin with: Debian as a fresh server install has it, made once and kept."""

from __future__ import annotations

import os
import shlex
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control import support
from control.lab import digest, images, keys, names
from control.lab.errors import BuildError
from control.lab.images import Say
from control.lab.recipes import ARCHIVE, HOST_INCLUDE
from control.lab.vm.hardware import DISK

_SCRIPTS = Path(__file__).with_name("image")
#: Beside what every lab host has: what makes a machine of it, each as a Debian installer puts it on a server with UEFI.
PACKAGES = (
    *HOST_INCLUDE, "systemd", "systemd-sysv", "dbus", "udev", "openssh-server", "sudo", "python3", "iproute2", "procps",
    "kmod", "pciutils", "linux-image-amd64", "initramfs-tools", "zstd", "e2fsprogs", "dosfstools", "grub-efi-amd64",
    "grub-efi-amd64-signed", "shim-signed",
)  # fmt: skip
#: How folders of unfinished images begin.
BUILDING = "building-"
_KEY = "key"
_KERNEL = "vmlinuz"


@dataclass(frozen=True)
class Image:
    """A disk that is never written to again, with the key that its root accepts and its kernel's file."""

    folder: Path
    release: int

    @property
    def disk(self) -> Path:
        return self.folder / DISK

    @property
    def key(self) -> Path:
        """Logs in as root, and is what the machine shows as its own. Hosts get others before they are anyone's."""
        return self.folder / _KEY

    @property
    def first_boot(self) -> str:
        """The script that a machine of this image has to run on its first boot."""
        return (_SCRIPTS / "first-boot.sh").read_text()

    @property
    def kernel(self) -> Path:
        return self.folder / _KERNEL


def ensure(release: int, say: Say) -> Image:
    """The image of this recipe exists. Takes minutes where it has to be built.

    :raises LabError: what failed.
    """
    image = Image(_folder(release), release)
    if image.disk.is_file():
        return image
    why = "none of this recipe" if of_release(release) else "not built yet"
    say(f"building the disk of virtual machines with Debian {release}: {why}")
    started = time.monotonic()
    with _scratch() as scratch:
        _build(Image(scratch, release))
        scratch.rename(image.folder)
    say(f"built the disk of virtual machines with Debian {release} in {time.monotonic() - started:.0f} s")
    return image


def of_release(release: int) -> list[Path]:
    """Folders of all images of the release, by whatever recipe."""
    return sorted(path.parent for path in names.VM_IMAGES_DIR.glob(f"{codename(release)}-*/{DISK}"))


def _folder(release: int) -> Path:
    recipe = [digest.of_folder(_SCRIPTS), sorted(PACKAGES), ARCHIVE]
    return names.VM_IMAGES_DIR / f"{codename(release)}-{digest.of(*recipe)}"


def codename(release: int) -> str:
    """Debian's name of a release, from the truth table."""
    return support.load().system_by_id(f"debian-{release}").codename


@contextmanager
def _scratch() -> Iterator[Path]:
    names.VM_IMAGES_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(dir=names.VM_IMAGES_DIR, prefix=BUILDING))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # gone by another name where all went well


def _build(image: Image) -> None:
    """All files of the image are in its folder."""
    keys.ssh_key(image.key)
    tar = image.folder / "root.tar"
    images.run(bootstrap_command(codename(image.release), image.key, tar), f"Debian {codename(image.release)}")
    _unpack_kernel(tar, image.kernel)
    raw, unpacked = image.folder / "disk.raw", image.folder / "root"
    unpacked.mkdir()
    images.run([*as_root(), "sh", str(_SCRIPTS / "disk.sh"), str(tar), str(raw), str(unpacked)], "the disk")
    images.run([*as_root(), "rm", "-rf", str(unpacked)], "the disk")
    images.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(image.disk)], "the disk")
    raw.unlink()
    tar.unlink()


def bootstrap_command(suite: str, key: Path, tar: Path) -> list[str]:
    """mmdebstrap's command line for the root file system as a tar."""
    before, after = (_SCRIPTS / name for name in ("before-packages.sh", "after-packages.sh"))
    return [
        "mmdebstrap", "--quiet", "--variant=apt", "--components=main", f"--include={','.join(PACKAGES)}",
        # mmdebstrap hands a hook to a shell, with the folder as its first argument.
        f"--essential-hook=sh {shlex.quote(str(before))} \"$1\"",
        f"--customize-hook=sh {shlex.quote(str(after))} \"$1\" {shlex.quote(str(key))}",
        *images.valid_until(), suite, str(tar), ARCHIVE,
    ]  # fmt: skip


def as_root() -> list[str]:
    """What a command is put behind to own files as root: nothing for root, else mmdebstrap's user namespace."""
    return [] if os.geteuid() == 0 else ["mmdebstrap", "--unshare-helper"]


def known_host(name: str, key: Path) -> str:
    """A line of ``known_hosts``: this name shows this key."""
    return f"{name} {keys.ssh_key(key).public}\n"


def _unpack_kernel(tar: Path, kernel: Path) -> None:
    with tarfile.open(tar) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.startswith("./boot/vmlinuz-") else None
            if content:
                with kernel.open("wb") as out:
                    shutil.copyfileobj(content, out)
                return
    raise BuildError(
        "the root file system has no kernel", "virtual machines begin with it", f"see control/lab/vm/{_SCRIPTS.name}"
    )
