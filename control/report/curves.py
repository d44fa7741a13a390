"""How a device fared under a load that lasted: its rate, clocks, power and temperatures over the time. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from control.report import plots
from control.report.cards import Card, Legend, hue
from control.report.model import HostReport
from control.report.plots import Line, Point
from control.report.rates import Rate
from control.report.values import short
from control.report.words import place
from verify.result import FAIL

#: As ``verify/compute/burn.py`` gives it: seconds, the rate, and what the sensors said.
Series = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Endurance:
    """One device that was kept at work: a card for each of the quantities that it told."""

    title: str
    status: str
    cards: list[Card]


def endurances(host: HostReport) -> list[Endurance]:
    """One for each device that was kept at work; those that failed first."""
    results = {result.id: result for result in host.results or ()}
    found = []
    for id, rate in host.rates.items():
        seen = results[id].seen
        if seen.get("series"):
            minutes = f"{seen['seconds'] / 60:.0f} minutes" if seen["seconds"] >= 120 else f"{seen['seconds']:.0f} seconds"
            title = f"{rate.of.device or rate.of.name} {place(rate.of.place)}, {minutes} of load"
            found.append(Endurance(title, rate.status, _cards(rate, seen)))
    return sorted(found, key=lambda one: one.status != FAIL)


def _cards(rate: Rate, seen: Mapping[str, Any]) -> list[Card]:
    series: Series = seen["series"]
    early, late = float(seen["early"]), float(seen["late"])
    kept = f"at the end {late / early:.0%} of the first minutes" if early else ""
    cap, clocks = max(_values(series, ["power_cap_w"]), default=0), {"core_mhz": "core", "memory_mhz": "memory"}
    heat = {name: name.removesuffix("_c") for name in seen["highest"] if name.endswith("_c")}
    cards = [
        _card("Rate", rate.unit, {"value": "rate"}, series, f"{short(early)} → {short(late)}", kept, due=rate.due),
        _card("Clocks", "MHz", clocks, series, _span(series, "core_mhz"), "of the core"),
        _card("Power", "W", {"power_w": "power"}, series, _most(series, ["power_w"]), "the highest", cap=cap),
        _card("Temperatures", "°C", heat, series, _most(series, heat), "the highest"),
    ]
    return [card for card in cards if card.figure]


def _card(
    heading: str,
    unit: str,
    names: Mapping[str, str],
    series: Series,
    figure: str,
    note: str,
    due: float | None = None,
    cap: float = 0,
) -> Card:
    """``names``: fields of the series, and what they are called. A card without a figure where none was recorded."""
    there = [name for name in names if _values(series, [name])]
    if not there:
        return Card(heading, "", unit, Markup())
    lines = [Line(hue(at), _points(series, name), dots=False) for at, name in enumerate(there)]
    limits = [(kind, value) for kind, value in (("due", due), ("cap", cap)) if value]
    levels = [plots.level(kind, value, 0, float(series[-1]["s"])) for kind, value in limits]
    told = [note, *(f"{'due' if kind == 'due' else 'limit'} {short(value)}" for kind, value in limits)]
    legend = [Legend(hue(at), names[name], _most(series, [name])) for at, name in enumerate(there)]
    drawn = plots.over_time([*levels, *lines], f"{heading} over the time: {figure} {unit}, {note}")
    return Card(heading, figure, unit, drawn, note="; ".join(told), legend=legend if len(there) > 1 else ())


def _points(series: Series, name: str) -> list[Point]:
    return [Point(float(one["s"]), float(one[name])) for one in series if name in one and math.isfinite(float(one[name]))]


def _values(series: Series, names: Iterable[str]) -> list[float]:
    return [point.y for name in names for point in _points(series, name) if point.y is not None]


def _most(series: Series, names: Iterable[str]) -> str:
    return short(max(_values(series, names))) if _values(series, names) else ""


def _span(series: Series, name: str) -> str:
    values = _values(series, [name])
    return f"{min(values):.0f} to {max(values):.0f}" if values else ""
