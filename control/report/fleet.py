"""Cards of one kind beside each other: one that is slower than its like, though nothing says how fast it has to be. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from control.report import plots
from control.report.cards import Card
from control.report.model import HostReport, RunReport
from control.report.plots import Line, Point
from control.report.rates import Rate
from control.report.values import count, percent, short

#: Fewer are no crowd to stand out of.
LEAST = 3
#: Below this part of the median of their kind, cards are told by name.
ODD = 0.9


@dataclass(frozen=True)
class Kind:
    """All cards of one product that a run measured, ``number`` of them; ``odd`` are slower than their like."""

    product: str
    number: int
    odd: list[str]
    cards: list[Card]


def kinds(report: RunReport) -> list[Kind]:
    """By product, each rate on the host itself of all its cards, where there are enough of them."""
    found: dict[str, dict[str, list[tuple[str, Rate]]]] = {}
    for host in report.hosts:
        product = _product(host)
        for rate in host.rates.values() if product else ():
            if rate.of.area == "rate" and rate.of.place == "host" and rate.of.device.startswith("gpu"):
                name = f"{host.name} {rate.of.device}"
                found.setdefault(product, {}).setdefault(rate.of.name, []).append((name, rate))
    made = [_kind(product, rates) for product, rates in found.items()]
    return sorted((kind for kind in made if kind.cards), key=lambda kind: (not kind.odd, kind.product))


def _product(host: HostReport) -> str:
    """What the host's cards are; empty where it has several kinds: whose a rate is, its id does not say."""
    names = {str(gpu.get("name") or "") for gpu in host.expected.get("gpus") or []}
    return names.pop() if len(names) == 1 and not host.simulated else ""


def _kind(product: str, rates: dict[str, list[tuple[str, Rate]]]) -> Kind:
    groups = [sorted(group, key=lambda one: one[1].value) for group in rates.values() if len(group) >= LEAST]
    odd = sorted({name for group in groups for name, _ in _odd(group)})
    number = max((len(group) for group in groups), default=0)
    return Kind(product, number, odd, sorted(map(_beside, groups), key=lambda card: not card.odd))


def _usual(group: Sequence[tuple[str, Rate]]) -> float:
    return statistics.median(rate.value for _, rate in group)


def _odd(group: Sequence[tuple[str, Rate]]) -> list[tuple[str, Rate]]:
    return [(name, rate) for name, rate in group if rate.value < ODD * _usual(group)]


def _beside(ordered: Sequence[tuple[str, Rate]]) -> Card:
    usual, unit, odd = _usual(ordered), ordered[0][1].unit, _odd(ordered)
    points = [
        Point(at, rate.value, f"{name}: {short(rate.value)} {unit}", rate.value < ODD * usual)
        for at, (name, rate) in enumerate(ordered)
    ]
    lowest, highest = short(ordered[0][1].value), short(ordered[-1][1].value)
    heading = ordered[0][1].of.heading
    lines = [
        plots.level("floor", usual, -plots.AROUND, len(ordered) - 1 + plots.AROUND),
        Line("device-0", points, joined=False),
    ]
    told = [f"{name} {percent(rate.value / usual)}" for name, rate in odd[:4]]
    more = f" and {len(odd) - 4} more" if len(odd) > 4 else ""
    return Card(
        heading,
        f"{lowest} to {highest}",
        unit,
        plots.in_order(
            lines, f"{heading} of {count(len(ordered), 'card')}: {lowest} to {highest} {unit}, median {short(usual)}"
        ),
        note=f"median {short(usual)}; beside it {', '.join(told)}{more}" if odd else f"median {short(usual)}",
        odd=bool(odd),
    )
