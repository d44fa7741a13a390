"""SSH forwards to the services of hosts: one ssh for each host, as Ansible would log in, kept until somebody ends it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO

from control.monitor.program import Way

LOOPBACK = "127.0.0.1"
#: Seconds that ssh has to log in and to listen.
READY_S = 30.0
#: How many ports above the wanted one are tried.
_TRIED = 200


@dataclass(frozen=True)
class Forward:
    """One service of one host, and where it is reached from here."""

    host: str
    service: str
    local_port: int
    remote_address: str
    remote_port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.local_port}"

    @property
    def option(self) -> str:
        """What ssh takes after ``-L``."""
        there = f"[{self.remote_address}]" if ":" in self.remote_address else self.remote_address
        return f"{LOOPBACK}:{self.local_port}:{there}:{self.remote_port}"


def planned(wanted: Iterable[tuple[str, str, str, int]], free: Callable[[int], bool] | None = None) -> list[Forward]:
    """A local port for each of ``(host, service, address, port)``: the same one where it can be had, else one above it.

    :param free: whether a port can be listened on here.
    :raises OSError: where there is none for a service.
    """
    is_free = free or can_listen
    taken: set[int] = set()
    forwards = []
    for host, service, address, port in wanted:
        above = range(max(port, 1024), min(max(port, 1024) + _TRIED, 65536))
        local = next((number for number in above if number not in taken and is_free(number)), None)
        if local is None:
            raise OSError(f"no port between {above[0]} and {above[-1]} is free on this machine, for {service} of {host}")
        taken.add(local)
        forwards.append(Forward(host, service, local, address, port))
    return forwards


def can_listen(port: int) -> bool:
    """Whether nobody listens on the port here."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def command(way: Way, forwards: Sequence[Forward]) -> list[str]:
    """The command line of ssh. What it cannot forward it does not connect for; nothing runs on the host."""
    words = [word for one in forwards for word in ("-L", one.option)]
    *options, destination = way.prefix
    return [*options, "-N", "-o", "ExitOnForwardFailure=yes", *words, destination]


@dataclass
class Tunnel:
    """The forwards of one host. Its ssh says into a file why it ends, so that nobody has to read it meanwhile."""

    way: Way
    forwards: Sequence[Forward]
    process: subprocess.Popen[bytes] | None = None
    words: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def open(self) -> None:
        """ssh is on its way."""
        # A session of its own: Ctrl-C is ours, and it is then ended in order.
        self.process = subprocess.Popen(
            command(self.way, self.forwards),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.words,
            start_new_session=True,
        )

    def wait_ready(self, seconds: float = READY_S) -> str:
        """Empty once every forward listens here, else why it does not."""
        deadline = time.monotonic() + seconds
        waiting = list(self.forwards)
        while waiting:
            if (why := self.ended()) is not None:
                return why
            waiting = [one for one in waiting if not _listens(one.local_port)]
            if time.monotonic() > deadline:
                self.close()
                return f"nothing listens on port {waiting[0].local_port} here after {seconds:.0f} s"
            time.sleep(0.1)
        return ""

    def ended(self) -> str | None:
        """Why ssh has ended; None while it runs."""
        if self.process is None or self.process.poll() is None:
            return None
        self.words.seek(0)
        said = self.words.read().decode("utf-8", "replace").strip()
        return said or f"ssh ended with exit status {self.process.returncode}"

    def close(self) -> None:
        """ssh has ended."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
