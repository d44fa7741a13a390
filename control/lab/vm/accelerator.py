"""Which accelerator QEMU can use here: KVM where a guest really boots under it, else software emulation."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

from control.lab import names
from control.lab.images import Say
from control.lab.vm import emulator
from control.lab.vm.tools import EMULATOR

_ANSWER = names.VM_DIR / "accelerator.json"
_DEVICE = Path("/dev/kvm")
#: A guest under KVM comes to the end of this trial in one or two seconds.
_LIMIT_S = 12.0
#: What the kernel says of itself when it looks for a root file system, and there is none. So it is up by then.
_BOOTED = "Unable to mount root fs"


def choose(kernel: Path, say: Say) -> str:
    """``kvm`` or ``tcg``; tried once per boot of this machine and said when tried.

    :param kernel: a Linux image to try with.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    found = known(boot_id)
    if found:
        return found
    why = "there is no /dev/kvm" if not _DEVICE.exists() else try_kvm(kernel)
    found = "tcg" if why else "kvm"
    say(f"virtual machines run under software emulation, slowly: {why}" if why else "virtual machines run under KVM")
    _ANSWER.parent.mkdir(parents=True, exist_ok=True)
    _ANSWER.write_text(json.dumps({"boot_id": boot_id, "accelerator": found, "why": why}) + "\n")
    return found


def known(boot_id: str) -> str | None:
    """The answer of this boot, or None."""
    try:
        said = json.loads(_ANSWER.read_text())
        return str(said["accelerator"]) if said["boot_id"] == boot_id else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never asked, or the file is not whole


def try_kvm(kernel: Path) -> str:
    """Why a guest does not boot under KVM, or nothing where it does.

    ``/dev/kvm`` that opens proves nothing: where this machine is a guest itself, its own guests may hang or die. So one
    is booted: a kernel without a root file system, which says that it has none, panics, and so ends QEMU.
    """
    with tempfile.TemporaryDirectory() as folder:
        serial = Path(folder) / "serial.log"
        command = [
            EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-machine", "q35",
            "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "512", "-no-reboot",
            "-serial", f"file:{serial}", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1",
        ]  # fmt: skip
        started = time.monotonic()
        try:
            done = subprocess.run(
                command, executable=emulator.program(), capture_output=True, text=True, check=False, timeout=_LIMIT_S
            )
        except subprocess.TimeoutExpired:
            return f"/dev/kvm is there, but a guest had not booted under it after {_LIMIT_S:.0f} s"
        said = serial.read_text(errors="replace") if serial.is_file() else ""
        return verdict(done.returncode, done.stderr, said, time.monotonic() - started)


def verdict(code: int, errors: str, serial: str, seconds: float) -> str:
    """What a trial that ended means: nothing where the kernel came up, else the reason."""
    if code == 0 and _BOOTED in serial:
        return ""
    words = errors.strip().splitlines() or [f"QEMU ended with {code}"]
    return f"/dev/kvm is there, but a guest died under it after {seconds:.0f} s: {words[0]}"
