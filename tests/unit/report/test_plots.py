"""The plots of a report: each point is where its value says, limits are lines, and nothing of a script is in them."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from control.report import cards, curves, plots
from control.report.cards import Card
from control.report.model import HostReport, RunReport
from control.report.plots import Line, Point, level, over_runs, over_time
from control.report.rates import Rate
from control.report.values import short
from tests.unit.checks import measured
from tests.unit.report import site_folder
from verify.result import FAIL, PASS, Result

NS = "{http://www.w3.org/2000/svg}"


def tree(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)


def series(drawn: str, kind: str) -> list[ET.Element]:
    return [one for one in tree(drawn).iter(f"{NS}g") if one.get("class") == f"series {kind}"]


def dots(drawn: str, kind: str) -> list[tuple[float, float, str, str]]:
    """Place, class and tip of each point of a line."""
    found = []
    for group in (one for part in series(drawn, kind) for one in part.findall(f"{NS}g")):
        dot, tip = group.find(f"{NS}circle"), group.find(f"{NS}title")
        assert dot is not None
        assert tip is not None
        found.append((float(dot.get("cx", "")), float(dot.get("cy", "")), dot.get("class", ""), str(tip.text)))
    return found


def path(drawn: str, kind: str) -> list[tuple[float, float]]:
    [line] = [one for part in series(drawn, kind) for one in part.findall(f"{NS}path")]
    numbers = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", line.get("d", ""))]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


DATES = ["2026-09-01", "2026-10-01", "2026-11-01"]
LINE = Line("device-0", [Point(0, 20.0, "first"), Point(1, 10.0, "half"), Point(2, 15.0, "last", bad=True)])


def test_points_stand_where_their_values_say() -> None:
    drawn = over_runs([level("due", 15.0, 0, 2), LINE], DATES, "a plot")
    (x0, y0, _, _), (x1, y1, _, _), (x2, y2, kind, tip) = dots(drawn, "device-0")
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y0, abs=0.2)
    assert y0 < y2 < y1  # downwards is less
    assert (kind, tip) == ("dot bad", "last")
    assert path(drawn, "device-0") == [(x0, y0), (x1, y1), (x2, y2)]
    assert [y for _, y in path(drawn, "due")] == [y2, y2]
    assert dots(drawn, "due") == []


def test_the_axes_are_labelled_with_the_first_and_the_last_run() -> None:
    texts = [one.text for one in tree(over_runs([LINE], DATES, "a plot")).iter(f"{NS}text")]
    assert {"2026-09-01", "2026-11-01"} <= set(texts)
    assert "2026-10-01" not in texts
    assert any(text and text.isdigit() for text in texts)


def test_a_plot_is_told_in_words_and_holds_no_script_style_or_address() -> None:
    drawn = over_runs([LINE], DATES, 'fast & "faster"')
    root = tree(drawn)
    assert (root.get("role"), root.get("aria-label")) == ("img", 'fast & "faster"')
    assert {one.tag.removeprefix(NS) for one in root.iter()} == {"svg", "g", "rect", "path", "text", "circle", "title"}
    assert not re.search(r"style=|href|url\(|http(?!://www.w3.org/2000/svg)|<!--", drawn)
    assert all(one.get("id") is None for one in root.iter())


def test_what_a_host_says_never_becomes_markup() -> None:
    drawn = over_runs([Line("device-0", [Point(0, 1.0, "<script>alert(1)</script>")])], ["<b>"], "<i>")
    assert not re.search(r"<(script|b|i)>", drawn)


def test_a_single_run_is_a_point_with_what_is_due() -> None:
    drawn = over_runs([level("due", 15.0, -0.3, 0.3), Line("device-0", [Point(0, 20.0, "only")])], DATES[:1], "a plot")
    assert len(dots(drawn, "device-0")) == 1
    (x0, _), (x1, _) = path(drawn, "due")
    assert x1 - x0 > 50


def test_time_is_in_minutes_where_there_are_any() -> None:
    def labels(last: float) -> list[str | None]:
        drawn = over_time([Line("device-0", [Point(at * last / 9, 1.0) for at in range(10)], dots=False)], "a plot")
        return [one.text for one in tree(drawn).iter(f"{NS}text") if one.text and one.text[-1] in "ns"]

    assert labels(600) == ["0 min", "5 min", "10 min"]
    assert labels(60) == ["0 s", "30 s", "60 s"]


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([20.0, 19.8], 14.0, 26.0),  # what hardly differs looks so
        ([105.0, 65.0, 83.0], 50.0, 140.0),
        ([20.0, 2.0], 0.0, 27.0),  # near 0: from 0
        ([0.0], 0.0, 1.2),
        ([], 0.0, 2.0),
    ],
)
def test_the_scale_shows_a_fall_and_keeps_a_wobble_calm(values: list[float], low: float, high: float) -> None:
    found = plots.bounds(values)
    assert low <= found[0] <= min(values, default=0.0)
    assert max(values, default=1.0) <= found[1] <= high


@pytest.mark.parametrize(
    ("value", "text"), [(212_000.0, "212k"), (104.6, "105"), (25.61, "25.6"), (1.4567, "1.46"), (0.525, "0.525"), (0.0, "0")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert short(value) == text


def host(run: RunReport, name: str) -> HostReport:
    return next(host for host in run.hosts if host.name == name)


def card(found: list[Card], heading: str) -> Card:
    return next(one for one in found if one.heading == heading)


def test_each_rate_has_a_card_by_place_and_those_that_failed_come_first(site_report: RunReport) -> None:
    found = cards.rates(host(site_report, "gpu02"))
    assert list(found) == ["on the host", "in gpuhost-jupyter"]
    assert [one.status for one in found["in gpuhost-jupyter"]] == [FAIL] * 4 + [PASS] * 4
    assert {"All-reduce over all GPUs", "Copies in its own memory", "Transfers to the device"} <= {
        one.heading for one in found["on the host"]
    }


def test_a_card_shows_the_worst_device_and_each_over_all_runs(site_report: RunReport) -> None:
    one = card(cards.rates(host(site_report, "gpu02"))["on the host"], "Products in float16")
    assert (one.figure, one.unit, one.status) == ("65.7", "TFLOP/s", FAIL)
    assert one.change is not None
    assert one.change.ratio == pytest.approx(0.63, abs=0.01)
    assert [(line.name, line.text, line.bad) for line in one.legend] == [("gpu0", "106", False), ("gpu1", "65.7", True)]
    for kind in ("device-0", "device-1"):
        assert len(dots(one.plot, kind)) == len(site_folder.EARLIER) + 1
    assert [kind for _, _, kind, _ in dots(one.plot, "device-1")][-1] == "dot bad"
    assert dots(one.plot, "device-1")[-1][3] == "2026-11-22 gpu1: 65.7 TFLOP/s, failed"
    assert one.note == "due 83.2: 80% of 104.0, 5 earlier runs, the last on 2026-11-02"
    assert len(series(one.plot, "due")) == 2  # the line, and the layer of points without any


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([(20.0, 16.0, PASS), (19.0, 16.0, PASS)], 1),
        ([(20.0, 16.0, FAIL), (19.0, 16.0, PASS)], 0),
        ([(20.0, 19.0, PASS), (18.0, 9.0, PASS)], 0),  # nearer to what is due of it
        ([(20.0, None, PASS), (19.0, None, PASS)], 1),
        ([(19.0, None, PASS), (20.0, None, PASS)], 0),
        ([(20.0, None, PASS), (19.0, 18.0, PASS)], 0),  # of which nothing says that it is well
    ],
)
def test_of_several_devices_the_worst_is_shown(rates: list[tuple[float, float | None, str]], expected: int) -> None:
    found = [
        Rate(f"rate.host.gpu{at}.memory", value, "GB/s", status, due=due) for at, (value, due, status) in enumerate(rates)
    ]
    assert cards.worst(found) is found[expected]


def test_the_floor_of_a_card_is_drawn_beside_what_is_due(site_report: RunReport) -> None:
    found = cards.rates(host(site_report, "gpu01"))["on the host"]
    drawn = card(found, "Products in float16")
    assert drawn.floor
    (_, due), (_, floor), (_, _, _, _) = (
        path(drawn.plot, "due")[0],
        path(drawn.plot, "floor")[0],
        dots(drawn.plot, "device-0")[0],
    )
    assert floor > due  # 58.5 is below 83.2
    assert not card(found, "Products in float64").floor
    assert not any(one.floor for one in cards.rates(host(site_report, "gpu03"))["on the host"])


@pytest.mark.parametrize(("due", "drawn"), [(58.5, False), (58.6, False), (70.0, True), (None, True)])
def test_a_floor_that_is_what_is_due_is_drawn_once(due: float | None, drawn: bool) -> None:
    wanted = {"at_least": due, "unit": "TFLOP/s", "source": "RVS"} if due else "a rate to compare with"
    result = Result("rate.host.gpu0.gemm_float16", PASS, {"value": 105.0, "unit": "TFLOP/s"}, wanted)
    plan = {"roles": {"verify": {"expected": {"gpus": [{"pci": "0", "name": "X", "rates": {"gemm_float16": 65}}]}}}}
    [one] = cards.rates(HostReport("gpu01", results=(result,), plan=plan))["on the host"]
    assert one.floor == drawn
    assert bool(series(one.plot, "floor")) == drawn
    for kind in ["due"] * bool(due) + ["floor"] * drawn:
        (left, _), (right, _) = path(one.plot, kind)
        assert right - left > 100  # over the whole width


@pytest.mark.parametrize(
    ("id", "gpus"),
    [
        ("rate.host.gpu0.gemm_float16", [("X", 65), ("Y", 65)]),  # whose it is, its id does not say
        ("rate.host.cpu.gemm_float16", [("X", 65)]),
        ("peers.host.gpu0.gemm_float16", [("X", 65)]),
        ("rate.host.gpu0.gemm_float64", [("X", 65)]),
    ],
)
def test_a_floor_is_drawn_only_where_it_is_that_of_the_card(id: str, gpus: list[tuple[str, float]]) -> None:
    planned = [{"pci": str(at), "name": name, "rates": {"gemm_float16": rate}} for at, (name, rate) in enumerate(gpus)]
    plan = {"roles": {"verify": {"expected": {"gpus": planned}}}}
    result = Result(id, PASS, {"value": 105.0, "unit": "TFLOP/s"}, None)
    [one] = cards.rates(HostReport("gpu01", results=(result,), plan=plan))["on the host"]
    assert not one.floor


def test_a_rate_with_nothing_to_compare_with_says_so() -> None:
    seen = {"value": 20.0, "unit": "TFLOP/s", "low": 19.0, "high": 21.0, "samples": 30}
    first = Result("rate.host.gpu0.gemm_float16", "unverifiable", seen, "a rate to compare with", "the next one is compared")
    [one] = cards.rates(HostReport("gpu01", results=(first,)))["on the host"]
    assert one.note == "nothing to compare with yet"
    assert (one.change, one.status) == (None, "unverifiable")


def test_the_endurance_is_drawn_over_its_minutes(site_report: RunReport) -> None:
    slow, well = curves.endurances(host(site_report, "gpu02"))
    assert (slow.title, slow.status) == ("gpu1 on the host, 10 minutes of load", FAIL)
    assert (well.title, well.status) == ("gpu0 on the host, 10 minutes of load", PASS)
    rate, clocks, power, heat = slow.cards
    assert (rate.heading, rate.figure, rate.note) == ("Rate", "105 → 69.3", "at the end 66% of the first minutes; due 84")
    assert (clocks.figure, clocks.unit) == ("1637 to 2480", "MHz")
    assert (power.figure, power.note) == ("338", "the highest; limit 339")
    assert [line.name for line in heat.legend] == ["edge", "junction", "mem"]
    assert heat.figure == "109"
    for one, kinds in ((rate, ["device-0", "due"]), (power, ["device-0", "cap"]), (heat, ["device-0", "device-2"])):
        assert all(path(one.plot, kind) for kind in kinds)
    assert path(rate.plot, "device-0")[0][1] < path(rate.plot, "device-0")[-1][1]
    assert len(path(rate.plot, "device-0")) == 200


def endurance(**changes: Any) -> HostReport:
    """The shape of a worker's endurance, as tests of the checks have it."""
    seen = {**measured.lasted()["measured"]["endurance"], **changes}
    return HostReport(
        "gpu01", results=(Result("burn.host.gpu0.endurance", PASS, seen, {"at_least": 16.0, "unit": "TFLOP/s"}),)
    )


def test_a_device_whose_driver_tells_little_has_fewer_plots() -> None:
    series_ = [{"s": float(at), "value": 20.0} for at in range(0, 60, 2)]
    [one] = curves.endurances(endurance(series=series_, highest={}, seconds=60.0))
    assert one.title == "gpu0 on the host, 60 seconds of load"
    assert [card.heading for card in one.cards] == ["Rate"]


def test_a_value_that_is_no_number_is_left_out_of_a_curve() -> None:
    series_ = [{"s": 0.0, "value": 20.0}, {"s": 2.0, "value": "nan"}, {"s": 4.0, "value": 20.0}]
    [one] = curves.endurances(endurance(series=series_, highest={}))
    assert len(path(one.cards[0].plot, "device-0")) == 2


def test_what_a_worker_gives_is_drawn() -> None:
    [one] = curves.endurances(endurance())
    assert [card.heading for card in one.cards] == ["Rate", "Clocks", "Power"]
    assert one.cards[0].figure == "20 → 19.5"
