"""Which QEMU the machines run on: this machine's own, or Debian's newer one where the own one is much slower."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from control.lab import digest, images, names
from control.lab.errors import BuildError
from control.lab.images import Say
from control.lab.recipes import ARCHIVE
from control.lab.vm.tools import EMULATOR, TOOLS

#: Under software emulation QEMU 10.0 forks processes three times and computes two and a half times as fast as 7.2 does:
#: measured on the same guest and the same machine.
_FAST = 10
#: Debian's first release with such a one.
_SUITE = "trixie"
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


def ensure(say: Say) -> Path:
    """The QEMU to run is there; its path.

    The newer one is only unpacked, in the lab's own folder, and brings its libraries: nothing of this machine changes.

    :raises LabError: why it could not be fetched.
    """
    own = shutil.which(EMULATOR)
    if own and major(_version(own)) >= _FAST:
        return Path(own)
    folder = _folder()
    if not (folder / EMULATOR).is_file():
        say(f"fetching Debian {_SUITE}'s QEMU: this machine's own is {_version(own) if own else 'missing'}, and slow")
        started = time.monotonic()
        _fetch(folder)
        say(f"fetched it in {time.monotonic() - started:.0f} s")
    return folder / EMULATOR


def program() -> Path:
    """The QEMU that `ensure` chose, where a machine is started that was made before."""
    fetched = _folder() / EMULATOR
    return fetched if fetched.is_file() else Path(shutil.which(EMULATOR) or EMULATOR)


def release() -> str:
    """Of which release it is, such as ``10.0.13``: a saved memory loads into the same one only."""
    return _version(str(program()))


def remove() -> None:
    """No fetched QEMU is left, whole or half."""
    for folder in [*names.VM_DIR.glob("qemu-*"), *names.VM_DIR.glob("fetching-qemu-*")]:
        shutil.rmtree(folder)


def major(version: str) -> int:
    """``10`` of ``10.0.13``; 0 where there is no version."""
    return int(version.partition(".")[0] or 0)


def _version(path: str) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\d+(?:\.\d+)*)", done.stdout)
    return found[1] if found else ""


def _folder() -> Path:
    return names.VM_DIR / f"qemu-{digest.of(_SUITE, ARCHIVE, _launcher(Path()))}"


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix="fetching-qemu-"))
    try:
        command = [
            "mmdebstrap", "--quiet", "--variant=extract", "--components=main", f"--include={TOOLS[EMULATOR]}",
            *images.valid_until(), _SUITE, str(scratch / "root"), ARCHIVE,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n    ".join(done.stderr.strip().splitlines()[-8:])
            raise BuildError(
                f"Debian {_SUITE}'s QEMU could not be fetched: mmdebstrap ended with {done.returncode}:\n    {tail}",
                "virtual machines are too slow on this machine's own",
                "mend what the lines name and run the same command again",
            )
        (scratch / EMULATOR).write_text(_launcher(folder / "root"))
        (scratch / EMULATOR).chmod(0o755)
        scratch.chmod(0o700)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # gone by another name where all went well


def _launcher(root: Path) -> str:
    """A program that is QEMU to whoever looks at its process: with the libraries that it was made for."""
    libraries = root / _LIBRARIES
    words = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", f"{libraries}:{libraries / 'pulseaudio'}"]
    words += [str(root / "usr/bin" / EMULATOR), "-L", str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios")]
    return f'#!/bin/bash\nexec -a {EMULATOR} {shlex.join(words)} "$@"\n'
