"""The exit codes of every command, one meaning each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says. After BAD_INPUT, REFUSED, UNREACHABLE, LOCKED, INTEGRITY and NO_HOST
    nothing was changed."""

    DONE = 0
    BUG = 1
    BAD_INPUT = 10
    REFUSED = 11
    UNREACHABLE = 12
    LOCKED = 13
    STEP_FAILED = 14
    VERIFY_FAILED = 15
    ACT = 16
    INTEGRITY = 17
    NO_HOST = 18
    INTERRUPTED = 130


#: From the least to the worst. What says most about a fleet comes last: our own fault, then what may not be trusted.
_SEVERITY = (
    ExitCode.DONE,
    ExitCode.NO_HOST,
    ExitCode.BAD_INPUT,
    ExitCode.REFUSED,
    ExitCode.LOCKED,
    ExitCode.UNREACHABLE,
    ExitCode.ACT,
    ExitCode.VERIFY_FAILED,
    ExitCode.STEP_FAILED,
    ExitCode.INTEGRITY,
    ExitCode.INTERRUPTED,
    ExitCode.BUG,
)


def worst(codes: Iterable[int]) -> ExitCode:
    """The code of a fleet whose hosts ended with ``codes``; DONE for none. Raises ValueError for an unknown code."""
    return max((ExitCode(code) for code in codes), key=_SEVERITY.index, default=ExitCode.DONE)
