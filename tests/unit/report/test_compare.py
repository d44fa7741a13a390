"""A host beside its earlier runs: what became slower, what may explain it, and which checks say otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control import report
from control.report.compare import FASTER, SAME, SLOWER, CheckChange, Comparison, FactChange, change
from control.report.model import HostReport, RunReport
from control.report.past import Past, previous
from control.report.rates import Rate, among
from control.report.sentences import moved, since
from tests.unit.report import site_folder
from verify.result import FAIL, PASS, UNVERIFIABLE, Result


def compared(run: RunReport, name: str) -> Comparison:
    found = next(host for host in run.hosts if host.name == name).comparison
    assert found is not None
    return found


SLOWED = [
    f"rate.{place}.gpu1.gemm_{width}"
    for place in ("host", "gpuhost-jupyter")
    for width in ("float64", "float32", "float16", "bfloat16")
]


def test_the_card_that_became_slow_is_named_with_each_of_its_rates(site_report: RunReport) -> None:
    slower = compared(site_report, "gpu02").of(SLOWER)
    assert sorted(one.id for one in slower) == sorted(SLOWED)
    assert all(one.ratio == pytest.approx(0.63, abs=0.02) for one in slower)
    assert moved(next(one for one in slower if one.id == "rate.host.gpu1.gemm_float16")) == (
        "Products in float16, gpu1 on the host: 104 → 65.7 TFLOP/s (-37 %)"
    )


@pytest.mark.parametrize("name", ["gpu01", "gpu03"])
def test_a_wobble_from_run_to_run_is_no_change(site_report: RunReport, name: str) -> None:
    found = compared(site_report, name)
    assert {one.change for one in found.rates} == {SAME}
    assert len(found.rates) > 10


def test_what_changed_on_the_host_since_its_rates_were_measured_is_named(site_report: RunReport) -> None:
    """ROCm was exchanged before the quick run in between, which measured nothing: it may still explain a rate."""
    found = compared(site_report, "gpu02")
    assert found.previous.run == site_folder.EARLIER[-1]
    assert found.facts == (
        FactChange("kernel", "6.12.48+deb13-amd64", "6.12.57+deb13-amd64"),
        FactChange("rocm", "7.2.1 (classic, /opt/rocm)", "7.2.4 (classic, /opt/rocm)"),
        FactChange("image.ollama", "example/ollama:1 91ab02cc77d0", "example/ollama:1 4f1c0a97d2be"),
    )


def test_a_run_that_measures_nothing_is_compared_with_the_one_before(tmp_path: Path) -> None:
    run = site_folder.write(tmp_path, (*site_folder.EARLIER, site_folder.QUICK))
    found = compared(report.load(run), "gpu01")
    assert found.previous.run == site_folder.EARLIER[-1]
    assert found.rates == ()
    assert [one.id for one in found.facts] == ["rocm"]


def test_checks_that_say_otherwise_are_named_the_cause_before_what_follows(site_report: RunReport) -> None:
    found = compared(site_report, "gpu02")
    assert CheckChange("containers.ollama.running", PASS, FAIL) in found.checks
    assert CheckChange("generate.ollama.text", PASS, UNVERIFIABLE) in found.checks
    assert [one for one in found.turned if one.now == FAIL] == [CheckChange("containers.ollama.running", PASS, FAIL)]
    assert {one.id for one in found.checks if one.rated} == set(SLOWED) | {"burn.host.gpu1.endurance"}


def test_in_a_line(site_report: RunReport) -> None:
    assert since(compared(site_report, "gpu02")) == (
        "8 rates slower; 12 checks worse; changed: Kernel, ROCm, Image of ollama"
    )


def past(run: str = "2026-11-21T080000.000Z", simulated: bool = False, **document: Any) -> Past:
    rows = [result.as_dict() for result in document.pop("results", ())]
    return Past(run, "verify", "2026-11-21T08:00:00Z", {"results": rows, "simulated": simulated, **document})


def test_a_run_of_some_checks_alone_is_nothing_to_compare_with(tmp_path: Path) -> None:
    for run, only in (("2026-11-20T080000.000Z", None), ("2026-11-21T080000.000Z", ["driver"])):
        (tmp_path / run / "results").mkdir(parents=True)
        document = {"taken_at": run, "simulated": False, "results": [], **({"only": only} if only else {})}
        (tmp_path / run / "results" / "gpu01.json").write_text(json.dumps(document))
    before = previous(tmp_path / "2026-11-22T080000.000Z", "gpu01")
    assert before is not None
    assert before.run == "2026-11-20T080000.000Z"


RATE = "rate.host.gpu0.gemm_float16"


def measured(value: float, id: str = RATE, spread: float = 0.01, unit: str = "TFLOP/s", status: str = PASS) -> Result:
    seen = {"value": value, "unit": unit, "low": value * (1 - spread), "high": value * (1 + spread), "samples": 30}
    return Result(id, status, seen, {"at_least": 1.0, "unit": unit, "source": "x"}, "why", "next")


def host(*results: Result, **more: Any) -> HostReport:
    return HostReport("gpu01", results=results, **more)


def test_the_first_run_of_a_host_has_nothing_to_be_compared_with() -> None:
    assert host(measured(20.0)).comparison is None
    assert HostReport("gpu01", results=None, previous=past()).comparison is None


PAIRS = [
    ((20.0, 0.01), (15.0, 0.01), RATE, SLOWER),
    ((20.0, 0.01), (25.0, 0.01), RATE, FASTER),
    ((20.0, 0.01), (19.2, 0.001), RATE, SAME),  # 4 %
    ((20.0, 0.01), (18.8, 0.01), RATE, SLOWER),  # 6 %, apart
    ((20.0, 0.06), (18.8, 0.06), RATE, SAME),  # 6 %, and as much from sample to sample
    ((20.0, 0.01), (17.0, 0.01), "rate.host.cpu.gemm_float32", SAME),
    ((20.0, 0.01), (15.0, 0.01), "rate.host.cpu.gemm_float32", SLOWER),
    ((20.0, 0.01), (17.0, 0.01), "rate.host.gpu0.launch", SAME),
]


@pytest.mark.parametrize(("before", "now", "id", "expected"), PAIRS)
def test_what_counts_as_slower(before: tuple[float, float], now: tuple[float, float], id: str, expected: str) -> None:
    rates = [among([measured(value, id, spread).as_dict()])[id] for value, spread in (before, now)]
    assert change(*rates) == expected


def test_without_a_spread_the_difference_decides() -> None:
    def lasted(late: float) -> Rate:
        seen = {"late": late, "early": 20.0, "unit": "TFLOP/s", "series": []}
        return among([Result("burn.host.gpu0.endurance", PASS, seen, None).as_dict()])["burn.host.gpu0.endurance"]

    assert change(lasted(20.0), lasted(18.0)) == SLOWER
    assert change(lasted(18.0), lasted(20.0)) == FASTER


def test_a_rate_is_compared_with_the_last_run_that_measured_it() -> None:
    """Not every run burns."""
    burnt = Result("burn.host.gpu0.endurance", PASS, {"late": 20.0, "early": 20.0, "unit": "TFLOP/s"}, None)
    newest, oldest = past("2026-11-21", results=[measured(20.0)]), past("2026-10-01", results=[measured(30.0), burnt])
    now = host(measured(20.0), replace(burnt, seen={**burnt.seen, "late": 10.0}), previous=newest, measured=(newest, oldest))
    found = now.comparison
    assert found is not None
    assert [(one.id, one.run, one.change) for one in found.rates] == [
        (RATE, "2026-11-21", SAME),
        ("burn.host.gpu0.endurance", "2026-10-01", SLOWER),
    ]
    assert found.previous is newest


FORMATS = [f"rate.host.gpu0.gemm_{width}" for width in ("float64", "float32", "float16", "bfloat16")]


def ran_with(run: str, *ids: str) -> Past:
    return past(run, results=[measured(20.0, id) for id in ids])


@pytest.mark.parametrize(
    ("newer", "expected"),
    [(FORMATS[:2], "newer"), (FORMATS[:1], "older"), (["rate.host.gpu9.memory", *FORMATS[:1]], "older")],
)
def test_the_run_that_measured_half_of_the_rates_or_more_is_the_one_to_compare_with(newer: list[str], expected: str) -> None:
    last, older, quick = ran_with("newer", *newer), ran_with("older", *FORMATS), past("quick")
    found = host(*(measured(20.0, id) for id in FORMATS), previous=quick, measured=(last, older)).comparison
    assert found is not None
    assert found.previous.run == expected


def test_without_rates_of_its_own_a_run_is_compared_with_the_last_one() -> None:
    found = host(Result("a.b", PASS), previous=past("quick"), measured=(ran_with("older", *FORMATS),)).comparison
    assert found is not None
    assert found.previous.run == "quick"


@pytest.mark.parametrize(("before", "now"), [(0.0, 20.0), (20.0, 0.0)])
def test_a_rate_of_nothing_has_no_ratio(before: float, now: float) -> None:
    then = past(results=[measured(before)])
    found = host(measured(now), previous=then, measured=(then,)).comparison
    assert found is not None
    assert found.rates == ()


def test_less_than_one_is_a_rate() -> None:
    then = past(results=[measured(0.8)])
    found = host(measured(0.4), previous=then, measured=(then,)).comparison
    assert found is not None
    assert [one.ratio for one in found.rates] == [0.5]


def test_a_rate_in_another_unit_is_another_rate() -> None:
    before = past(results=[measured(20.0, unit="GB/s")])
    found = host(measured(20.0), previous=before, measured=(before,)).comparison
    assert found is not None
    assert found.rates == ()


FACTS: list[tuple[dict[str, str], dict[str, str], list[tuple[str, str | None, str | None]]]] = [
    ({"kernel": "6.1"}, {"kernel": "6.12"}, [("kernel", "6.1", "6.12")]),
    ({"kernel": "6.1"}, {"kernel": "6.1"}, []),
    # Not read is not changed, on either side.
    ({"kernel": "6.1", "rocm": "7.2"}, {"kernel": "6.1"}, []),
    ({"kernel": "6.1"}, {"kernel": "6.1", "rocm": "7.2"}, []),
    ({"gpus": "2", "gpu.a": "x", "gpu.b": "x"}, {"gpus": "1", "gpu.a": "x"}, [("gpus", "2", "1"), ("gpu.b", "x", None)]),
    ({"gpus": "1", "gpu.a": "x"}, {"kernel": "6.1"}, []),
    ({"engine": "26"}, {"engine": "26", "image.ollama": "y"}, [("image.ollama", None, "y")]),
    ({"engine": "26", "image.ollama": "y"}, {"kernel": "6.1"}, []),
    ({}, {"kernel": "6.1"}, []),
]


@pytest.mark.parametrize(("before", "now", "expected"), FACTS)
def test_what_changed_is_told_from_what_was_not_read(
    before: dict[str, str], now: dict[str, str], expected: list[tuple[str, str | None, str | None]]
) -> None:
    found = host(previous=past(facts=before), facts=now).comparison
    assert found is not None
    assert list(found.facts) == [FactChange(*one) for one in expected]
    assert found.known == bool(before and now)


def test_a_gpu_that_is_simulated_now_is_the_first_thing_that_changed() -> None:
    found = host(previous=past(), simulated=True).comparison
    assert found is not None
    assert found.facts[0] == FactChange("simulated", "real", "simulated")


CHECKS = [
    (PASS, FAIL, True),
    (PASS, UNVERIFIABLE, True),
    (FAIL, PASS, False),
    (UNVERIFIABLE, PASS, False),
    (FAIL, UNVERIFIABLE, False),
    (None, FAIL, True),
]


@pytest.mark.parametrize(("before", "now", "worse"), CHECKS)
def test_a_check_that_turned_is_worse_or_better(before: str | None, now: str, worse: bool) -> None:
    then = [Result("driver.module.loaded", before)] if before else []
    found = host(Result("driver.module.loaded", now), previous=past(results=then)).comparison
    assert found is not None
    assert [(one.id, one.before, one.now, one.worse) for one in found.checks] == [
        ("driver.module.loaded", before, now, worse)
    ]
    assert not found.nothing


@pytest.mark.parametrize("now", [PASS, UNVERIFIABLE])
def test_a_check_that_was_not_made_before_and_does_not_fail_is_no_change(now: str) -> None:
    found = host(Result("driver.module.loaded", now), previous=past()).comparison
    assert found is not None
    assert found.nothing


def test_runs_with_a_simulated_gpu_and_with_a_real_one_are_not_compared_by_rate(tmp_path: Path) -> None:
    run = site_folder.write(tmp_path, site_folder.EARLIER[-2:])
    earlier = tmp_path / site_folder.EARLIER[-2] / "results/gpu01.json"
    earlier.write_text(earlier.read_text().replace('"simulated": false', '"simulated": true', 1))
    found = compared(report.load(run), "gpu01")
    assert found.rates == ()
    assert ("simulated", "simulated", "real") in [(one.id, one.before, one.now) for one in found.facts]


def test_an_earlier_run_that_was_cut_off_or_is_of_an_older_version_does_no_harm(tmp_path: Path) -> None:
    run = site_folder.write(tmp_path, site_folder.EARLIER[-3:])
    oldest, newest = (tmp_path / stamp / "results/gpu01.json" for stamp in site_folder.EARLIER[-3:-1])
    newest.write_text('{"schema": 1, "resul')
    (tmp_path / site_folder.EARLIER[-3] / "run.json").unlink()
    oldest.write_text(oldest.read_text().replace('"facts"', '"older"'))
    found = compared(report.load(run), "gpu01")
    assert found.previous.run == site_folder.EARLIER[-3]
    assert not found.known
    assert found.facts == ()
    assert found.rates
