"""One command works on the lab at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.lab.images import Say

FILE_NAME = "lock"


@contextmanager
def alone(folder: Path, say: Say) -> Iterator[None]:
    """No other command of this checkout changes the lab meanwhile; waits for one that does, after saying so.

    The lock goes with the process, however it ends.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / FILE_NAME).open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is working on the lab: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
