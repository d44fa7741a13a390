"""One virtual machine: switched on and off, worked on, cut off, saved and restored."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from control.lab.errors import LabError
from control.lab.vm import emulator, hardware, process, sockets
from control.lab.vm.hardware import DISK, MEMORY, VARIABLES, Hardware
from control.lab.vm.qmp import Monitor
from control.lab.vm.shell import Ran, Shell

#: From switching on to SSH. A boot takes half a minute under emulation on an idle machine, and machines are seldom idle.
BOOT_S = 420.0
_POWER_OFF_S = 180.0
_SAVE_S = 120.0
_PORT = "port"
_SNAPSHOTS = "snapshots"


@dataclass(frozen=True)
class Machine:
    """A machine in a folder: its disk, its firmware's variables, its sockets and logs.

    Everything is real to the guest: what it has not written to its disk is lost with :meth:`cut_power`.

    :param identity: a private key that root on the machine accepts.
    """

    folder: Path
    hardware: Hardware
    identity: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def port(self) -> int:
        """Of 127.0.0.1, that leads to the machine's SSH."""
        return int((self.folder / _PORT).read_text())

    @property
    def shell(self) -> Shell:
        return Shell(self.folder, self.port, self.identity)

    @property
    def running(self) -> bool:
        return process.pid(self.folder) is not None

    def place(self, disk: Path, variables: Path) -> None:
        """The folder holds a new machine whose disk begins as a copy of ``disk``, which stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        overlay(disk, self.folder / DISK)
        shutil.copyfile(variables, self.folder / VARIABLES)
        (self.folder / _PORT).write_text(f"{process.free_port()}\n")

    def start(self) -> None:
        """It is switched on; nothing is known of the guest yet."""
        process.start(self.folder, self.hardware.command(self.port), emulator.program())

    def resume(self, memory: Path) -> None:
        """It runs on from a saved memory, with the clock of now, and SSH answers."""
        process.start(self.folder, self.hardware.command(self.port, incoming=True), emulator.program())
        with Monitor(self.folder) as monitor:
            monitor.migrate("migrate-incoming", f"exec:zstd -dcq {shlex.quote(str(memory))}", _SAVE_S)
            monitor.execute("cont")
        self.wait_ssh()
        self.run(f"date --set=@{time.time():.0f}")

    def wait_ssh(self, limit_s: float = BOOT_S) -> None:
        """Root can log in. Raises LabError with the end of the console where it cannot."""
        self.shell.wait(limit_s, lambda: self.running)

    def run(self, script: str, check: bool = True, limit_s: float = 600) -> str:
        """What the script, run by root with bash, wrote to standard output.

        :param check: raise LabError where it fails.
        """
        done = self.try_run(script, limit_s)
        if check and done.code:
            raise LabError(
                f"{self.name}: {script.strip()[:200]!r} ended with {done.code}: {done.err.strip() or done.out.strip()}",
                "it had to succeed",
                f"./gpuhost lab.ssh {self.name}",
            )
        return done.out

    def try_run(self, script: str, limit_s: float = 600, user: str = "root") -> Ran:
        """How the script ended, with exit code, output and errors."""
        return self.shell.run(script, limit_s, user)

    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    def reboot(self, limit_s: float = BOOT_S) -> str:
        """It has shut down in order and booted again; its boot id now."""
        before = self.boot_id()
        self.try_run("systemctl reboot")  # the connection may end before the answer
        return self.wait_reboot(before, limit_s)

    def wait_reboot(self, before: str, limit_s: float = BOOT_S) -> str:
        """The machine has booted anew since ``before``; its boot id now."""
        deadline = time.monotonic() + limit_s
        while True:
            self.wait_ssh(max(1.0, deadline - time.monotonic()))
            seen = self.try_run("cat /proc/sys/kernel/random/boot_id", limit_s=60).out.strip()
            if seen and seen != before:
                return seen
            time.sleep(1)

    def console(self) -> str:
        """All that firmware, boot loader and kernel have written to the serial line, over all boots."""
        return (self.folder / hardware.CONSOLE).read_text(errors="replace")

    def wait_console(self, text: str, limit_s: float = BOOT_S, since: int = 0) -> str:
        """What the console has said from character ``since``, once that holds the text.

        :raises LabError: where it does not come in time.
        """
        deadline = time.monotonic() + limit_s
        while text not in (said := self.console()[since:]):
            if time.monotonic() > deadline or not self.running:
                raise LabError(
                    f"{self.name}: its console did not say {text!r}; it ends with {said[-300:]!r}",
                    "the next step waits for it",
                    f"see {self.folder / hardware.CONSOLE}",
                )
            time.sleep(0.2)
        return said

    def power_off(self, limit_s: float = _POWER_OFF_S) -> None:
        """The power button was pressed and the system has shut down in order."""
        self.shell.close()
        with Monitor(self.folder) as monitor:
            monitor.execute("system_powerdown")
        self.wait_off(limit_s)

    def wait_off(self, limit_s: float = _POWER_OFF_S) -> None:
        """It is switched off. Raises LabError where it is not in time."""
        if not process.wait_end(self.folder, limit_s):
            raise LabError(
                f"{self.name} was not off after {limit_s:.0f} s",
                "a machine that does not shut down has something that holds it",
                f"see {self.folder / hardware.CONSOLE}",
            )

    def cut_power(self) -> None:
        """It is off at once: what the guest had not written to its disk is lost."""
        self._drop_connection()
        if self.running:
            with Monitor(self.folder) as monitor:
                monitor.execute("quit")
            if not process.wait_end(self.folder, 30):
                process.kill(self.folder)

    def reset(self) -> None:
        """The reset button was pressed: it boots again, with what was written to its disk."""
        self._drop_connection()
        with Monitor(self.folder) as monitor:
            monitor.execute("system_reset")

    def cut_network(self) -> None:
        """The cable is out. An open connection hangs, and new ones get no answer."""
        self._link(up=False)

    def restore_network(self) -> None:
        """The cable is in again."""
        self._link(up=True)

    def send_keys(self, *keys: str) -> None:
        """Keys are pressed one after the other, by QEMU's names: ``ret``, ``down``, ``a``, ``shift-a``."""
        with Monitor(self.folder) as monitor:
            for key in keys:
                pressed = [{"type": "qcode", "data": one} for one in key.split("-")]
                monitor.execute("send-key", keys=pressed)
                time.sleep(0.3)  # firmware looks at its keyboard a few times a second

    def type(self, text: str) -> None:
        """Text is typed on the serial console; ``\\r`` is the Enter key."""
        with sockets.connect(self.folder, sockets.CONSOLE, timeout_s=10) as line:
            line.sendall(text.encode())

    def snapshot(self, name: str) -> None:
        """Its state now, running or not, is kept under this name; it goes on as it was."""
        where = self.folder / _SNAPSHOTS / name
        if self.save(where):
            self.resume(where / MEMORY)

    def restore(self, name: str) -> None:
        """It is as it was at :meth:`snapshot`: running, with the clock of now, or switched off."""
        where = self.folder / _SNAPSHOTS / name
        if not (where / DISK).is_file():
            raise LabError(f"{self.name} has no snapshot {name}", "there is nothing to go back to", "take one first")
        self.cut_power()
        self._continue_from(where)
        if (where / MEMORY).is_file():
            self.resume(where / MEMORY)

    def save(self, where: Path) -> bool:
        """Its state is in the folder ``where``, and it is off; its own disk goes on from there. True if it was running."""
        where.mkdir(parents=True, mode=0o700)
        ran = self.running
        if ran:
            self.run("sync")
            self.shell.close()
            with Monitor(self.folder) as monitor:
                monitor.execute("stop")
                monitor.execute("migrate-set-parameters", max_bandwidth=1 << 40)
                monitor.migrate("migrate", f"exec:zstd -1 -qcf > {shlex.quote(str(where / MEMORY))}", _SAVE_S)
                monitor.execute("quit")
            self.wait_off(30)
        (self.folder / DISK).rename(where / DISK)
        shutil.copyfile(self.folder / VARIABLES, where / VARIABLES)
        self._continue_from(where)
        return ran

    def remove(self) -> None:
        """The machine and all it had are gone."""
        self.shell.close() if (self.folder / _PORT).is_file() else None
        process.kill(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _continue_from(self, where: Path) -> None:
        (self.folder / DISK).unlink(missing_ok=True)
        overlay(where / DISK, self.folder / DISK)
        shutil.copyfile(where / VARIABLES, self.folder / VARIABLES)

    def _link(self, up: bool) -> None:
        with Monitor(self.folder) as monitor:
            monitor.execute("set_link", name=hardware.LINK, up=up)

    def _drop_connection(self) -> None:
        if (self.folder / _PORT).is_file():
            self.shell.close()


def overlay(base: Path, disk: Path) -> None:
    """A new disk that begins as ``base`` and takes what is written from now on; ``base`` must not change any more."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base.resolve()), "-F", "qcow2", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(
            f"`{shlex.join(command)}` failed: {done.stderr.strip()}",
            "every machine has a disk of its own over a shared one",
            "mend what the message names, then run the same command again",
        )
