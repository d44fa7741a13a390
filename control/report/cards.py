"""A card for each rate of a host: what it is now, and a plot of it over the host's runs beside what is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from control.report import plots
from control.report.compare import RateChange
from control.report.model import HostReport
from control.report.plots import AROUND, Line, Point
from control.report.rates import Rate
from control.report.values import short
from control.report.words import place
from verify.checks.rate import TOLERANCE
from verify.result import FAIL

#: Hues that the style sheet has for devices.
HUES = 8


@dataclass(frozen=True)
class Legend:
    """One line of a plot in words: the class of its hue, its name, and its figure."""

    kind: str
    name: str
    text: str
    bad: bool = False


@dataclass(frozen=True)
class Card:
    """One plot with what it says: of several devices the worst gives ``figure``, ``status`` and ``change``.

    ``floor``: what the truth table asks of the card is drawn besides what is due. ``odd``: a device is slower than its like.
    """

    heading: str
    figure: str
    unit: str
    plot: Markup
    status: str = ""
    change: RateChange | None = None
    note: str = ""
    legend: Sequence[Legend] = ()
    floor: bool = False
    odd: bool = False


def rates(host: HostReport) -> dict[str, list[Card]]:
    """A card for each rate, by the place where it was measured; those that failed first."""
    groups: dict[tuple[str, str, str], list[Rate]] = {}
    for rate in host.rates.values():
        groups.setdefault((rate.of.place, rate.of.area, rate.of.name), []).append(rate)
    found: dict[str, list[Card]] = {}
    for (where, _, _), group in groups.items():
        found.setdefault(place(where), []).append(_over_runs(host, group))
    return {where: sorted(cards, key=lambda card: card.status != FAIL) for where, cards in found.items()}


def worst(group: Iterable[Rate]) -> Rate:
    """The device that a reader has to look at: one that failed, else the one that is nearest to what is due."""
    return min(group, key=lambda rate: (rate.status != FAIL, rate.value / rate.due if rate.due else 1.0, rate.value))


def _over_runs(host: HostReport, group: list[Rate]) -> Card:
    ids = [rate.id for rate in group]
    runs: list[tuple[str, Mapping[str, Rate]]] = [(past.taken_at or past.run, past.rates) for past in host.measured[::-1]]
    runs = [(at[:10], rates) for at, rates in runs if any(id in rates for id in ids)]
    runs.append(((host.taken_at or "now")[:10], host.rates))
    lines = [_line(rate, at, runs, len(group) > 1) for at, rate in enumerate(group)]
    shown, end = worst(group), len(runs) - 1 + AROUND
    floor = _floor(host, shown)
    drawn = floor is not None and (shown.due is None or abs(floor - shown.due) > 0.01 * shown.due)
    if floor is not None and drawn:
        lines.insert(0, plots.level("floor", floor, -AROUND, end))
    if shown.due:
        lines.insert(0, plots.level("due", shown.due, -AROUND, end))
    heading, figure = shown.of.heading, short(shown.value)
    legend = [Legend(hue(at), rate.of.device, short(rate.value), rate.status == FAIL) for at, rate in enumerate(group)]
    changes = {change.id: change for change in host.comparison.rates} if host.comparison else {}
    said = f"{heading}: {figure} {shown.unit}{f', due {short(shown.due)}' if shown.due else ''}, over {len(runs)} runs"
    return Card(
        heading,
        figure,
        shown.unit,
        plots.over_runs(lines, [at for at, _ in runs], said),
        status=shown.status,
        change=changes.get(shown.id),
        note=f"due {short(shown.due)}: {shown.source}" if shown.due else "nothing to compare with yet",
        legend=legend if len(group) > 1 else (),
        floor=drawn,
    )


def _line(rate: Rate, at: int, runs: list[tuple[str, Mapping[str, Rate]]], several: bool) -> Line:
    points = []
    for x, (date, rates) in enumerate(runs):
        seen = rates.get(rate.id)
        if seen is not None:
            bad, whose = seen.status == FAIL, f" {rate.of.device}" if several else ""
            tip = f"{date}{whose}: {short(seen.value)} {seen.unit}{', failed' if bad else ''}"
            points.append(Point(x, seen.value, tip, bad))
    return Line(hue(at), points)


def hue(at: int) -> str:
    """The class of the line of that number."""
    return f"device-{at % HUES}"


def _floor(host: HostReport, rate: Rate) -> float | None:
    """What the truth table asks of the card at least, where all of the host's cards are of one kind."""
    planned = host.expected.get("gpus") or []
    if rate.of.area != "rate" or not rate.of.device.startswith("gpu") or len({gpu["name"] for gpu in planned}) != 1:
        return None
    target = (planned[0].get("rates") or {}).get(rate.of.name.replace("fnuz", "fn"))
    return target * (1 - TOLERANCE) if target else None
