"""The rates among a host's results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from control.report.words import Measured, measured


@dataclass(frozen=True)
class Rate:
    """One rate as it was judged. ``low`` and ``high`` are its spread, ``due`` what it had to be at least, by ``source``."""

    id: str
    value: float
    unit: str
    status: str
    low: float | None = None
    high: float | None = None
    due: float | None = None
    source: str = ""

    @property
    def of(self) -> Measured:
        """What its id says."""
        return measured(self.id)


def among(rows: Iterable[Mapping[str, Any]]) -> dict[str, Rate]:
    """By id, the results that are rates, as ``verify/checks/rate.py``, ``peers.py`` and ``burn.py`` show them."""
    found = (_rate(row) for row in rows)
    return {rate.id: rate for rate in found if rate is not None}


def _rate(row: Mapping[str, Any]) -> Rate | None:
    seen, wanted = row["seen"], row["wanted"] if isinstance(row["wanted"], Mapping) else {}
    if not isinstance(seen, Mapping):
        return None
    # What lasts under load is what counts of an endurance.
    value, unit = _number(seen.get("value", seen.get("late"))), seen.get("unit")
    if value is None or not isinstance(unit, str):
        return None
    low, high, due = (_number(one) for one in (seen.get("low"), seen.get("high"), wanted.get("at_least")))
    return Rate(row["id"], value, unit, row["status"], low, high, due, str(wanted.get("source") or ""))


def _number(value: Any) -> float | None:
    """``None`` for what is none; workers write NaN and infinity as words."""
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if ok else None
