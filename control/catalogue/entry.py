"""What an entry of the catalogue is, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from control.exitcodes import ExitCode

Level = Literal["refuse", "warn", "note"]
#: Id, title, why it matters, what to do next.
Words = tuple[str, str, str, str]


@dataclass(frozen=True)
class Entry:
    """What never changes about a finding. ``exit_code`` is DONE for levels that stop nothing."""

    id: str
    title: str
    level: Level
    exit_code: ExitCode
    why: str
    next: str


def stopping(code: ExitCode, *texts: Words) -> tuple[Entry, ...]:
    """Findings that end a host's run with this exit code."""
    return _entries("refuse", code, texts)


def warnings(*texts: Words) -> tuple[Entry, ...]:
    """Findings that stop nothing, and that somebody should look at."""
    return _entries("warn", ExitCode.DONE, texts)


def notes(*texts: Words) -> tuple[Entry, ...]:
    """Findings that are good to know."""
    return _entries("note", ExitCode.DONE, texts)


def _entries(level: Level, code: ExitCode, texts: tuple[Words, ...]) -> tuple[Entry, ...]:
    return tuple(Entry(finding_id, title, level, code, why, next_) for finding_id, title, why, next_ in texts)
