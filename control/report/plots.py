"""Plots as inline SVG, drawn by pygal. Colours and type come from the page's style sheet, so they follow its scheme."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from markupsafe import Markup

#: Of the drawing, in its own units; a page shows it about this wide, so that its letters are as large as they say.
WIDTH, HEIGHT, LETTERS = 380, 150, 11
#: A difference below this part of a rate is not to look like a cliff.
CALM = 0.25
#: Left and right of the first and the last run.
AROUND = 0.35


@dataclass(frozen=True)
class Point:
    """``x`` is the run's place or seconds; ``tip`` is what a pointer that rests on it is told; ``bad``: it failed."""

    x: float
    y: float | None
    tip: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Line:
    """``kind`` is its class in the style sheet: ``device-0`` and so on, ``due``, ``floor``, ``cap``."""

    kind: str
    points: Sequence[Point]
    dots: bool = True
    joined: bool = True


def level(kind: str, value: float, start: float, end: float) -> Line:
    """A horizontal line from one place to another."""
    return Line(kind, [Point(start, value), Point(end, value)], dots=False)


def over_runs(lines: Sequence[Line], dates: Sequence[str], said: str) -> Markup:
    """One place on the way for each run; ``said`` is the plot in words, for who cannot see it."""
    labels = [{"value": at, "label": date} for at, date in enumerate(dates)]
    shown = labels if len(labels) < 2 else [labels[0], labels[-1]]
    return _drawn(lines, shown, said, margin=AROUND)


def in_order(lines: Sequence[Line], said: str) -> Markup:
    """Points from the lowest to the highest."""
    last = max((point.x for line in lines for point in line.points if line.dots), default=0.0)
    return _drawn(lines, [{"value": 0, "label": "slowest"}, {"value": last, "label": "fastest"}], said, margin=AROUND)


def over_time(lines: Sequence[Line], said: str) -> Markup:
    """Seconds since the beginning, in minutes where there are any."""
    last = max((point.x for line in lines for point in line.points), default=0.0)
    unit, word = (60, "min") if last >= 120 else (1, "s")
    shown = [{"value": part * last, "label": f"{part * last / unit:.0f} {word}"} for part in (0, 0.5, 1)]
    return _drawn(lines, shown, said, margin=0)


def _drawn(lines: Sequence[Line], labels: list[dict[str, Any]], said: str, margin: float) -> Markup:
    ys = [point.y for line in lines for point in line.points if point.y is not None]
    low, high = bounds(ys)
    chart = pygal.XY(
        width=WIDTH,
        height=HEIGHT,
        margin=2,
        margin_right=8,
        spacing=6,
        style=pygal.style.Style(label_font_size=LETTERS, major_label_font_size=LETTERS),
        range=(low, high),
        xrange=(min(one["value"] for one in labels) - margin, max(one["value"] for one in labels) + margin),
        value_formatter=_scale(high),
        min_scale=3,
        max_scale=4,
        show_legend=False,
        dots_size=3,
        js=[],
        css=[],
        no_prefix=True,
        disable_xml_declaration=True,
    )
    chart.x_labels = labels
    for line in lines:
        chart.add(line.kind, [_value(point) for point in line.points], show_dots=line.dots, stroke=line.joined)
    chart.add_xml_filter(_bare([line.kind for line in lines], said))
    return Markup(re.sub(r"\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}", chart.render()))


def bounds(ys: Sequence[float]) -> tuple[float, float]:
    """Around all values, and so wide that what hardly differs looks so; from 0 where that is near."""
    lowest, highest = min(ys, default=0.0), max(ys, default=1.0)
    room = CALM * max(abs(lowest), abs(highest)) or 1.0
    low, high = min(lowest, highest - room), max(highest, lowest + room)
    edge = 0.08 * (high - low)
    near = lowest >= 0 and low - edge < 0.3 * high
    return (0.0 if near else low - edge), high + edge


def _scale(high: float) -> Callable[[float], str]:
    """Labels of an axis, all with as many digits."""
    if high >= 10_000:
        return lambda value: f"{value / 1000:.0f}k"
    digits = 0 if high >= 10 else 1 if high >= 1 else 2
    return lambda value: f"{value:.{digits}f}"


def _value(point: Point) -> dict[str, Any]:
    node = {"node": {"r": 5, "class": "dot bad"}} if point.bad else {}
    return {"value": (point.x, point.y), **({"tooltip": point.tip} if point.tip else {}), **node}


def _bare(kinds: Sequence[str], said: str) -> Callable[[Any], Any]:
    """A filter that leaves of pygal's document what a page of our own needs: no script, no style, no numbers of series."""

    def bare(root: Any) -> Any:
        root.attrib.pop("id", None)
        root.attrib.update({"class": "chart", "role": "img", "aria-label": said})
        for parent in list(root.iter()):
            kind = parent.get("class") or ""
            for child in list(parent):
                if _is_extra(child, kind):
                    parent.remove(child)
            if kind.startswith("series "):
                parent.set("class", f"series {kinds[int(kind.split()[1].removeprefix('serie-'))]}")
            if kind == "axis x":
                # The first and the last date would reach over the edge if they stood around their mark.
                for text, end in zip((parent[0], parent[-1]), ("start", "end"), strict=True):
                    text.find("text").set("class", end if len(parent) > 1 else "middle")
        return root

    return bare


def _is_extra(node: Any, of: str) -> bool:
    """Comments, definitions, what pygal's script would read, layers that hold nothing, titles that are no point's."""
    if not isinstance(node.tag, str) or node.tag in ("defs", "desc"):
        return True
    empty = node.get("class") in ("titles", "plot text-overlay", "plot tooltip-overlay")
    return empty or (node.tag == "title" and of != "dots")
