"""QEMU's process: started, found by its pid file, waited for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from control.lab.errors import LabError
from control.lab.vm import hardware, sockets
from control.lab.vm.qmp import Monitor
from control.lab.vm.tools import EMULATOR

LOG = "qemu.log"
_START_S = 20.0


def start(folder: Path, command: list[str], program: Path | None = None) -> None:
    """QEMU runs in the folder and can be steered. Raises LabError with its own words.

    :param program: what is run, where that is not what the command names.
    """
    for name in (hardware.PID, sockets.MONITOR, sockets.CONSOLE):
        (folder / name).unlink(missing_ok=True)
    with (folder / LOG).open("wb") as log:
        # A session of its own: Ctrl-C is for the command that started it. Not QEMU's `-daemonize`, which lets go of
        # what it has to say, and with which QEMU 7.2 fails to save a guest's memory.
        daemon = subprocess.Popen(
            command, executable=program, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _START_S
    while not _answers(folder):
        if daemon.poll() is not None or time.monotonic() > deadline:
            said = (folder / LOG).read_text(errors="replace").strip()
            raise LabError(
                f"{folder.name}: QEMU did not start: {said or f'it ended with {daemon.returncode}'}",
                "the machine is a process of QEMU",
                "free what the message names (memory, a port), then run the same command again",
            )
        time.sleep(0.02)


def _answers(folder: Path) -> bool:
    if pid(folder) is None:
        return False
    with suppress(LabError), Monitor(folder):
        return True
    return False


def pid(folder: Path) -> int | None:
    """The process id of the folder's QEMU, or None where it does not run."""
    try:
        number = int((folder / hardware.PID).read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        runs_in = Path(f"/proc/{number}/cwd").resolve()
    except (OSError, ValueError):
        return None  # no pid file, not whole yet, no such process, or one that has ended and not been waited for
    ours = command[0] == EMULATOR.encode() and runs_in == folder.resolve()
    return number if ours else None  # else the number is somebody else's by now


def wait_end(folder: Path, limit_s: float) -> bool:
    """Whether QEMU has ended by then."""
    deadline = time.monotonic() + limit_s
    while pid(folder) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def kill(folder: Path) -> None:
    """QEMU has ended, whatever it was at."""
    number = pid(folder)
    if number is not None:
        os.kill(number, signal.SIGKILL)
        wait_end(folder, _START_S)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
