"""One connection to one host, kept up: the program is started there and read from; when it ends, it is started anew."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from control.monitor.program import Way, command

#: Seconds without a line after which a connection is taken for dead: before the first (ssh's limit, a slow start); later.
FIRST_S, SILENT_S = 30.0, 5.0
#: Seconds from one attempt to the next; each failure doubles them, up to the second.
PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
#: Of what is no line of ours, the end is kept: it says why.
WORDS = 4000

#: Host, `sample`, `connects` or `lost`, and the line or the reason.
Event = tuple[str, str, Any]


class Link(threading.Thread):
    """Runs until :meth:`stop`; with ``once`` it ends with the first line, or the first reason why none comes.

    :param report: called with every event, from this thread.
    :param interval: seconds from one line to the next, as the program was asked for.
    :param password: for sudo on the host.
    """

    def __init__(
        self,
        way: Way,
        program: bytes,
        report: Callable[[Event], None],
        *,
        interval: float = 0.5,
        once: bool = False,
        password: str | None = None,
    ) -> None:
        super().__init__(name=f"link {way.host}", daemon=True)
        self.way, self.once = way, once
        self.silent = SILENT_S + 2 * interval
        self.argv = command(way, password is not None)
        self.sent = (f"{password}\n".encode() if way.sudo and password is not None else b"") + program
        self._report = report
        self._stopped = threading.Event()
        self._came = False

    def stop(self) -> None:
        """No more events; the program on the host ends."""
        self._stopped.set()

    def run(self) -> None:
        pause = PAUSE_S
        while not self._stopped.is_set():
            if self.way.problem:
                self._say("lost", self.way.problem)
                return
            self._say("connects", "")
            self._came = False
            why = self._follow()
            if self.once and self._came:
                return
            self._say("lost", why)
            if self.once:
                return
            pause = PAUSE_S if self._came else min(2 * pause, LONGEST_PAUSE_S)
            self._stopped.wait(pause)

    def _say(self, kind: str, what: Any) -> None:
        if not self._stopped.is_set():
            self._report((self.way.host, kind, what))

    def _follow(self) -> str:
        """One connection from its begin to its end; why it ended."""
        try:
            process = _start(self.argv)
        except OSError as error:
            return f"{self.argv[0]}: {error.strerror}"
        # A pipe holds less than the program: ssh reads it only once it is logged in.
        threading.Thread(target=_hand_over, args=(process, self.sent), daemon=True).start()
        try:
            return self._read(process)
        finally:
            _end(process)

    def _read(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None  # both asked for in _start
        assert process.stderr is not None
        words, rest, last = "", b"", time.monotonic()
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            waiting.register(process.stderr, selectors.EVENT_READ)
            while not self._stopped.is_set():
                for key, _ in waiting.select(timeout=0.5):
                    data = os.read(key.fd, 65536)
                    if not data:
                        waiting.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        words = (words + data.decode("utf-8", "replace"))[-WORDS:]
                    else:
                        *lines, rest = (rest + data).split(b"\n")
                        said = [self._line(line) for line in lines]
                        words = (words + "".join(said))[-WORDS:]
                        last = last if all(said) else time.monotonic()
                if not waiting.get_map():
                    return words.strip() or f"the connection ended with exit status {process.wait()}"
                limit = self.silent if self._came else FIRST_S
                if time.monotonic() - last > limit:
                    return words.strip() or f"nothing came for {limit:g} s"
        return ""

    def _line(self, line: bytes) -> str:
        """Report a line of figures; anything else (what a login shell prints) comes back."""
        try:
            document = json.loads(line)
        except ValueError:
            return line.decode("utf-8", "replace") + "\n"
        if not isinstance(document, dict) or document.get("schema") != 1:
            return line.decode("utf-8", "replace") + "\n"
        self._came = True
        self._say("sample", document)
        return ""


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is the display's business, which ends us in order.
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def _hand_over(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Standard input stays open afterwards: when it closes, the program over there ends."""
    assert process.stdin is not None  # asked for in _start
    with contextlib.suppress(OSError, ValueError):
        process.stdin.write(data)
        process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process is gone, and with its connection the program on the host."""
    process.terminate()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was not read there any more
                stream.close()
