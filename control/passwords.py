"""Passwords that a person typed, on their way to a command of Ansible's: no command line, environment or file holds one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Passwords:
    """``sudo``: for becoming root on hosts. ``vault``: opens a site's encrypted variables. None where nobody was asked."""

    sudo: str | None = None
    vault: str | None = None

    @contextmanager
    def handed(self) -> Iterator[tuple[list[str], Sequence[int]]]:
        """Words for the command line, and the handles that the command has to inherit: each password waits in a pipe."""
        options = {"--become-password-file": self.sudo, "--vault-password-file": self.vault}
        pipes = {option: _pipe(text) for option, text in options.items() if text is not None}
        try:
            yield [word for option, reading in pipes.items() for word in (option, f"/dev/fd/{reading}")], [*pipes.values()]
        finally:
            for reading in pipes.values():
                os.close(reading)


def _pipe(text: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, f"{text}\n".encode())
    os.close(writing)
    return reading
