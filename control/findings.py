"""Problems with a stable id: what was seen, why it matters, and the exact next step.

Whoever meets a problem names an id and what was seen; :data:`CATALOGUE` supplies the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.catalogue import ENTRIES, Entry
from control.exitcodes import ExitCode, worst

__all__ = ["CATALOGUE", "Entry", "ExitCode", "Finding", "from_dict", "make", "refused", "worst"]

#: id -> title, level, exit code, why and next step.
CATALOGUE: Mapping[str, Entry] = {entry.id: entry for entry in ENTRIES}


@dataclass(frozen=True)
class Finding:
    """One problem on one host; ``host`` is empty where it concerns none. ``level``: refuse, warn or note."""

    id: str
    level: str
    host: str
    seen: str
    why: str
    next: str

    def as_dict(self) -> dict[str, str]:
        """The shape of a finding in every document."""
        return {
            "id": self.id,
            "level": self.level,
            "host": self.host,
            "seen": self.seen,
            "why": self.why,
            "next": self.next,
        }

    def sentence(self) -> str:
        """All of it on one line, without the host."""
        return f"{self.id}: {_stop(self.seen)} Why: {_stop(self.why)} Next: {_stop(self.next)}"

    @property
    def exit_code(self) -> ExitCode:
        """How a command ends on this finding."""
        return CATALOGUE[self.id].exit_code


def make(finding_id: str, host: str, seen: str, **params: Any) -> Finding:
    """The finding ``finding_id`` on ``host``. Raises KeyError for an id that is not in the catalogue.

    :param params: fill ``{name}`` in the catalogue's words. What stands in ``[…]`` goes where a parameter in it is
        missing or empty; anywhere else a missing one shows as ``<name>``.
    """
    entry = CATALOGUE[finding_id]
    return Finding(
        entry.id,
        entry.level,
        host,
        " ".join(seen.split()),
        _fill(entry.why, params),
        _fill(entry.next, params),
    )


def from_dict(document: Mapping[str, str]) -> Finding:
    """A finding that came back from a file or another process."""
    return Finding(**{key: document[key] for key in ("id", "level", "host", "seen", "why", "next")})


def refused(found: list[Finding]) -> bool:
    """Whether any of them stops the run."""
    return any(finding.level == "refuse" for finding in found)


_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"\{([a-z_]+)\}")


def _fill(text: str, params: Mapping[str, Any]) -> str:
    def optional(match: re.Match[str]) -> str:
        return match[1] if all(params.get(name) not in (None, "") for name in _NAME.findall(match[1])) else ""

    return _NAME.sub(lambda match: str(params.get(match[1], f"<{match[1]}>")), _OPTIONAL.sub(optional, text))


def _stop(text: str) -> str:
    return text if not text or text[-1] in ".!?" else f"{text}."
