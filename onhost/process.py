"""Run a program and hear its lines as they come, without being held by what it leaves behind."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
from collections.abc import Mapping, Sequence
from typing import Callable

Hear = Callable[[str], None]

_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


def redact(text: str) -> str:
    """``text`` without the user and password of any address in it."""
    return _USERINFO.sub("***@", text)


def run(
    argv: Sequence[str],
    hear: Hear,
    env: Mapping[str, str] | None = None,
    status: Hear | None = None,
) -> int:
    """The exit status of ``argv``, whose lines (both streams) went to ``hear`` one by one.

    :param status: hears the lines the program writes to a further pipe; ``{status_fd}`` in ``argv`` becomes
        that pipe's number.

    Daemons that the program starts may keep its pipes open: reading ends with the program, not with them.
    """
    own, theirs = os.pipe()
    command = [argument.replace("{status_fd}", str(theirs)) for argument in argv]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        pass_fds=(theirs,) if status else (),
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        streams = {process.stdout.fileno(): _Lines(hear), own: _Lines(status or _ignore)}
        try:
            _read_until_exit(process, streams)
        finally:
            os.close(own)
        return process.wait()


def owned_by(owner: os.stat_result) -> list[str]:
    """What a command begins with that is to run as the owner of a file, with no rights beyond theirs.

    By number: who owns the files of a container has an account in its image, and none on this host. systemd's ``User=``
    refuses such a number.
    """
    if owner.st_uid == os.geteuid():
        return []
    as_them = [f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    return ["setpriv", *as_them, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]


def _read_until_exit(process: subprocess.Popen[bytes], streams: dict[int, _Lines]) -> None:
    with selectors.DefaultSelector() as selector:
        for handle in streams:
            selector.register(handle, selectors.EVENT_READ)
        while selector.get_map():
            ended = process.poll() is not None
            ready = selector.select(timeout=0 if ended else 0.2)
            for key, _ in ready:
                part = os.read(key.fd, 65536)
                streams[key.fd].feed(part)
                if not part:
                    selector.unregister(key.fd)
            if ended and not ready:
                break
    for lines in streams.values():
        lines.feed(b"")


class _Lines:
    """Bytes in, whole lines out; of a line that rewrites itself only what stands in the end counts."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._rest = b""

    def feed(self, part: bytes) -> None:
        *lines, self._rest = (self._rest + part).split(b"\n")
        if not part and self._rest:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._hear(line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2])


def _ignore(line: str) -> None:
    """Nobody asked for this stream."""
