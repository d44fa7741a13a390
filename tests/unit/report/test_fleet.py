"""Cards of one kind beside each other: one that is slow from its first day has no history that would say so."""

from __future__ import annotations

from typing import Any

import pytest

from control.report import fleet, html
from control.report.model import HostReport, RunReport
from tests.unit.report.test_compare import measured
from tests.unit.report.test_page import words
from tests.unit.report.test_plots import dots, path


def host(name: str, *values: float, product: str = "Radeon RX 6600", **more: Any) -> HostReport:
    gpus = [{"pci": str(at), "name": product} for at in range(len(values))]
    results = [measured(value, f"rate.host.gpu{at}.gemm_float16") for at, value in enumerate(values)]
    return HostReport(name, results=tuple(results), plan={"roles": {"verify": {"expected": {"gpus": gpus}}}}, **more)


def run(*hosts: HostReport) -> RunReport:
    return RunReport("verify", "north", "", None, None, hosts)


def test_a_card_that_is_slower_than_its_like_is_named() -> None:
    [kind] = fleet.kinds(run(host("gpu01", 20.0, 19.8), host("gpu02", 16.0), host("gpu03", 20.2)))
    assert (kind.product, kind.number, kind.odd) == ("Radeon RX 6600", 4, ["gpu02 gpu0"])
    [card] = kind.cards
    assert (card.heading, card.figure, card.unit) == ("Products in float16", "16 to 20.2", "TFLOP/s")
    assert card.note == "median 19.9; beside it gpu02 gpu0 -20 %"
    points = dots(card.plot, "device-0")
    assert [tip for _, _, _, tip in points] == [
        "gpu02 gpu0: 16 TFLOP/s",
        "gpu01 gpu1: 19.8 TFLOP/s",
        "gpu01 gpu0: 20 TFLOP/s",
        "gpu03 gpu0: 20.2 TFLOP/s",
    ]
    assert points[0][2] == "dot bad"
    assert len(path(card.plot, "floor")) == 2
    with pytest.raises(ValueError, match="not enough values"):
        path(card.plot, "device-0")  # no line joins one card to another


def test_cards_that_differ_as_cards_do_are_alike() -> None:
    [kind] = fleet.kinds(run(*(host(f"gpu{at}", 20.0 - 0.3 * at) for at in range(5))))
    assert not kind.odd
    assert kind.cards[0].note == "median 19.4"


CROWDS: dict[str, tuple[HostReport, ...]] = {
    "two are no crowd": (host("a", 20.0), host("b", 10.0)),
    "other products are no crowd": (host("a", 20.0), host("b", 10.0, product="X"), host("c", 10.0, product="Y")),
    "a simulated one is no card": (host("a", 20.0), host("b", 20.0), host("c", 10.0, simulated=True)),
}


@pytest.mark.parametrize("case", CROWDS)
def test_what_cannot_be_compared_is_not(case: str) -> None:
    assert fleet.kinds(run(*CROWDS[case])) == []


def test_a_host_with_cards_of_several_kinds_is_left_out() -> None:
    mixed = host("d", 20.0, 10.0)
    mixed.plan["roles"]["verify"]["expected"]["gpus"][1]["name"] = "X"
    assert fleet.kinds(run(host("a", 20.0), host("b", 20.0), mixed)) == []


def test_the_kind_with_a_slow_card_comes_first_and_names_it() -> None:
    alike = [host(f"x{at}", 20.0, product="A card") for at in range(3)]
    odd = [host(f"y{at}", 20.0 if at else 15.0, product="B card") for at in range(3)]
    text = html.render(run(*alike, *odd))
    section = text[text.index('aria-label="Cards of one kind"') : text.index("<article")]
    assert words(section).index("3x B card slower than the others: y0 gpu0") < words(section).index("3x A card ✓ all alike")


def test_a_single_host_has_no_such_section() -> None:
    assert "Cards of one kind" not in html.render(run(host("gpu01", 20.0)))
