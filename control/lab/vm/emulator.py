"""Which QEMU the machines run on: this machine's own, or Debian's newer one where the own one emulates much slower."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from control.lab import digest, images, names
from control.lab.images import Say
from control.lab.recipes import ARCHIVE
from control.lab.vm import image
from control.lab.vm.tools import EMULATOR, TOOLS

#: Under software emulation QEMU 10.0 forks processes three times and computes two and a half times as fast as 7.2 does:
#: measured on the same guest and the same machine.
_FAST = 10
#: Debian's first release that has such a one.
_RELEASE = 13
_FETCHING = "fetching-qemu-"
#: A program that is QEMU to whoever looks at its process, with the libraries that it was made for, wherever its folder is.
_LAUNCHER = f"""#!/bin/bash
root=$(dirname -- "$0")/root
libraries=$root/usr/lib/x86_64-linux-gnu
exec -a {EMULATOR} "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/pulseaudio" \\
    "$root/usr/bin/{EMULATOR}" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
"""


def ensure(say: Say) -> None:
    """A QEMU that emulates fast is there.

    Debian's is only unpacked, in the lab's own folder, and brings its libraries: nothing of this machine changes.

    :raises LabError: why it could not be fetched.
    """
    own = _version(EMULATOR)
    if _is_fast(own) or _fetched().is_file():
        return
    suite = image.codename(_RELEASE)
    say(f"fetching Debian {suite}'s QEMU: this machine's own, {own}, emulates much slower")
    started = time.monotonic()
    _fetch(suite)
    say(f"fetched it in {time.monotonic() - started:.0f} s")


def program() -> Path:
    """The QEMU to run: this machine's own where that is fast, or nothing else is there; else the fetched one."""
    own = Path(shutil.which(EMULATOR) or EMULATOR)
    return own if _is_fast(_version(EMULATOR)) or not _fetched().is_file() else _fetched()


def release() -> str:
    """Of which release it is, such as ``10.0.13``: a saved memory loads into the same one only."""
    return _version(str(program()))


def remove() -> None:
    """No fetched QEMU is left, whole or half."""
    for folder in [*names.VM_DIR.glob("qemu-*"), *names.VM_DIR.glob(f"{_FETCHING}*")]:
        shutil.rmtree(folder)


def _is_fast(version: str) -> bool:
    return int(version.partition(".")[0] or 0) >= _FAST


def _version(program: str) -> str:
    """Such as ``7.2.17``; empty where it says none, or there is no such program."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
    found = re.search(r"version (\d+(?:\.\d+)*)", said)
    return found[1] if found else ""


def _fetched() -> Path:
    return names.VM_DIR / f"qemu-{digest.of(_RELEASE, ARCHIVE, _LAUNCHER)}" / EMULATOR


def _fetch(suite: str) -> None:
    names.VM_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(dir=names.VM_DIR, prefix=_FETCHING))
    try:
        command = [
            "mmdebstrap", "--quiet", "--variant=extract", "--components=main", f"--include={TOOLS[EMULATOR]}",
            *images.valid_until(), suite, str(scratch / "root"), ARCHIVE,
        ]  # fmt: skip
        images.run(command, f"Debian {suite}'s QEMU")
        (scratch / EMULATOR).write_text(_LAUNCHER)
        (scratch / EMULATOR).chmod(0o755)
        scratch.rename(_fetched().parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # gone by another name where all went well
