"""Who holds apt's and dpkg's locks, asked without taking them."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

from . import paths
from .finding import FindingError
from .report import Report

#: In the order in which apt takes them.
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
LIMIT_SECONDS = 600

# struct flock of a 64-bit Linux: type, whence, start, length, pid.
_FLOCK = struct.Struct("@hhqqi4x")


def holder() -> str:
    """Who holds one of the locks, as ``apt-get (pid 812)``; empty when all are free."""
    for lock in LOCKS:
        pid = _pid_of(paths.under(lock))
        if pid:
            return f"{_command(pid)} (pid {pid})"
    return ""


def wait_until_free(report: Report, limit: float = LIMIT_SECONDS, pause: float = 1.0) -> None:
    """No other program works on the packages.

    :raises FindingError: ``GH-APT-LOCKED`` when that takes longer than ``limit`` seconds.
    """
    began = time.monotonic()
    while True:
        who = holder()
        if not who:
            return
        waited = time.monotonic() - began
        if waited > limit:
            raise FindingError("GH-APT-LOCKED", f"{who} has held apt's lock for {waited:.0f} s")
        report.say("wait", f"waiting for {who} to finish with apt")
        time.sleep(pause)


def _pid_of(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    finally:
        os.close(handle)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _command(pid: int) -> str:
    """The program's name; where we may not see it, it runs in another container."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "another program"
    return next((Path(word).name for word in words if word and "python" not in word), "another program")
