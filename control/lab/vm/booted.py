"""Machines that have booted, saved with their memory: a new host runs on from one in seconds instead of booting."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from control.lab import digest, names
from control.lab.images import Say
from control.lab.vm import guest, image, shell
from control.lab.vm.hardware import DISK, MEMORY, VARIABLES, Hardware
from control.lab.vm.image import Image
from control.lab.vm.machine import Machine

#: Below the lab's folder for machines: the machine that is booted to be saved.
WORKPLACE = "booting"


@dataclass(frozen=True)
class Booted:
    """A saved machine: disk, firmware's variables and memory. None of them is ever written to again."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / DISK

    @property
    def variables(self) -> Path:
        return self.folder / VARIABLES

    @property
    def memory(self) -> Path:
        return self.folder / MEMORY


def ensure(base: Image, hardware: Hardware, gpu: str | None, say: Say) -> Booted:
    """A machine of this image that has booted on this hardware is saved. Boots one, once, where there is none.

    :raises LabError: what failed.
    """
    found = Booted(base.folder / f"booted-{digest.of(hardware.key, gpu and guest.card_key(gpu))}")
    if found.memory.is_file():
        return found
    shutil.rmtree(found.folder, ignore_errors=True)  # half of one, from a run that was cut short
    without = ensure(base, hardware, None, say) if gpu else None
    kind = f"{'with Secure Boot, ' if hardware.secure_boot else ''}{f'with the simulated {gpu}' if gpu else 'without a GPU'}"
    say(f"saving a virtual machine of Debian {base.release} that has booted, {kind}")
    started = time.monotonic()
    machine = Machine(names.VM_DIR / WORKPLACE, hardware, base.key)
    machine.remove()  # left by a run that was killed
    try:
        if without is None:
            _boot(machine, base)
        else:
            begin(machine, without, base.key)
            guest.add_gpu(machine, str(gpu))
        partial = base.folder / "saving"
        shutil.rmtree(partial, ignore_errors=True)
        machine.save(partial)
        partial.rename(found.folder)
    finally:
        machine.remove()
    say(f"saved it in {time.monotonic() - started:.0f} s")
    return found


def begin(machine: Machine, booted: Booted, key: Path) -> None:
    """The machine is a new one that runs on from the saved one, and answers to the image's key."""
    machine.place(booted.disk, booted.variables)
    _know(machine, key)
    machine.resume(booted.memory)


def _boot(machine: Machine, base: Image) -> None:
    machine.place(base.disk, machine.hardware.fresh_variables)
    _know(machine, base.key)
    machine.start()
    machine.wait_ssh()
    machine.run(base.first_boot)


def _know(machine: Machine, key: Path) -> None:
    (machine.folder / shell.KNOWN_HOSTS).write_text(image.known_host(machine.name, key))
