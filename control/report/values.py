"""Values of results, and times, as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

#: A longer text is cut for a table's cell.
LONG = 240


def plain(value: Any) -> str:
    """A value of a result as a person reads it; a rate with its spread, and what lasted without its curve."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return _rate(value) or ", ".join(f"{key}: {plain(one)}" for key, one in value.items() if key != "series")
    return value if isinstance(value, str) else json.dumps(value)


def _rate(value: Mapping[str, Any]) -> str:
    """``65.7 TFLOP/s (64.7 to 66.2 in 30 samples)``; ``at least 83.2 TFLOP/s (80% of …)``; empty for what is neither."""
    unit = value.get("unit")
    if not isinstance(unit, str):
        return ""
    if "at_least" in value:
        return f"at least {plain(value['at_least'])} {unit} ({value.get('source')})"
    if "value" not in value or "low" not in value:
        return ""
    rest = {key: one for key, one in value.items() if key not in ("value", "unit", "low", "high", "samples")}
    spread = f"{plain(value['low'])} to {plain(value.get('high'))} in {value.get('samples')} samples"
    return f"{plain(value['value'])} {unit} ({spread})" + (f", {plain(rest)}" if rest else "")


def cell(value: Any) -> str:
    """A value short enough for a table's cell: a long one keeps its beginning."""
    text = plain(value)
    return text if len(text) <= LONG else text[: LONG - 3] + "…"


def when(stamp: str) -> str:
    """``2026-11-22 17:54 UTC`` for the stamps of a run and of results; any other text as it is."""
    for form in ("%Y-%m-%dT%H%M%S.%fZ", "%Y-%m-%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%SZ"):
        try:
            return datetime.strptime(stamp, form).replace(tzinfo=UTC).strftime("%Y-%m-%d %H:%M UTC")
        except ValueError:
            continue
    return stamp


def duration(seconds: float | None) -> str:
    """``41 s``, ``3 min 20 s``; ``""`` for nothing."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def count(number: int, what: str) -> str:
    """``1 host``, ``3 hosts``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def percent(ratio: float) -> str:
    """A ratio as the change that it is: ``-37 %``, ``+4 %``, ``±0 %``."""
    change = round(100 * (ratio - 1))
    return f"{'+' if change > 0 else '-' if change < 0 else '±'}{abs(change)} %"


def short(value: float) -> str:
    """Three digits, and thousands as k: ``212k``, ``105``, ``1.46``."""
    if abs(value) >= 10_000:
        return f"{float(f'{value / 1000:.3g}'):g}k"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
