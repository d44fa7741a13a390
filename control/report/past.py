"""Earlier runs of a host, as a report compares and draws them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from control import history
from control.report.rates import Rate, among

#: Earlier runs that a plot shows.
SHOWN = 11


@dataclass(frozen=True)
class Past:
    """One earlier run of one host: its folder's name, what it was asked for, and what it saw."""

    run: str
    command: str
    taken_at: str
    document: Mapping[str, Any]

    @property
    def level(self) -> str:
        return str(self.document.get("level") or "")

    @property
    def simulated(self) -> bool:
        return bool(self.document.get("simulated"))

    @property
    def facts(self) -> Mapping[str, str]:
        """What was noted of the host; empty where that run noted nothing yet."""
        return dict(self.document.get("facts") or {})

    @cached_property
    def statuses(self) -> Mapping[str, str]:
        return {row["id"]: row["status"] for row in self.document["results"]}

    @cached_property
    def rates(self) -> Mapping[str, Rate]:
        return among(self.document["results"])


def previous(run_dir: Path, host: str) -> Past | None:
    """The last run before this one that checked the host, and not a part of it alone."""
    return next((_past(*found) for found in history.documents(run_dir, host) if not found[1].get("only")), None)


def measured(run_dir: Path, host: str, simulated: bool) -> tuple[Past, ...]:
    """The earlier runs that measured rates, newest first, as many as a plot shows.

    What a simulated GPU's host did says nothing of a real one, nor the other way round.
    """
    found = (_past(*one) for one in history.documents(run_dir, host, holding='"unit"'))
    return tuple(islice((past for past in found if past.rates and past.simulated == simulated), SHOWN))


def _past(folder: Path, document: Mapping[str, Any]) -> Past:
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        run = {}
    return Past(folder.name, str(run.get("command") or ""), str(document.get("taken_at") or ""), document)
