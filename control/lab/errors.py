"""What can go wrong with the lab, in the shape of a finding."""

from __future__ import annotations

from control.exitcodes import ExitCode


class LabError(Exception):
    """The lab cannot go on. ``seen`` is what was met, ``why`` why it matters, ``next`` the exact next step."""

    code = ExitCode.REFUSED

    def __init__(self, seen: str, why: str, next: str) -> None:
        self.seen, self.why, self.next = seen, why, next
        super().__init__(f"{seen}\n  why  {why}\n  fix  {next}")


class UnknownAskedError(LabError):
    """What was asked for is nothing that the lab has."""

    code = ExitCode.BAD_INPUT


class BuildError(LabError):
    """Something could not be fetched or built; what was built before stays."""

    code = ExitCode.STEP_FAILED
