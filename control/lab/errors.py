"""What can go wrong with the lab, in the shape of a finding."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot go on. ``seen`` is what was met, ``why`` why it matters, ``next`` the exact next step."""

    def __init__(self, seen: str, why: str, next: str) -> None:
        self.seen, self.why, self.next = seen, why, next
        super().__init__(f"{seen}\n  why: {why}\n  next: {next}")
