"""How deep the checks go, and that GPU work has the GPUs to itself."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from verify import __main__ as program
from verify import checks
from verify.checks import AREAS, CHECKS, Check, run_checks
from verify.checks.context import Context
from verify.compute import levels
from verify.result import Result

QUICK = [check.area for check in CHECKS if check.level == levels.QUICK]
PARTS = [part.name for part in levels.PARTS]
STANDARD = [part.name for part in levels.PARTS if part.level == levels.STANDARD]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The areas that ran, each with how many were running at its end; the quick ones end once all of them have begun."""
    found: list[tuple[str, int]] = []
    lock, begun, busy = threading.Lock(), threading.Barrier(len(QUICK), timeout=10), [0]

    def run_one(check: Check, expected: dict[str, Any], ctx: Context) -> list[Result]:
        with lock:
            busy[0] += 1
        if check.area in QUICK:
            begun.wait()
        with lock:
            found.append((check.area, busy[0]))
            busy[0] -= 1
        return [Result(f"{check.area}.x.y", "pass")]

    monkeypatch.setattr(checks, "run_one", run_one)
    return found


def context() -> Context:
    ctx = Context(healthy.expected())
    ctx.__dict__["snapshot"] = {}
    return ctx


def test_quick_runs_all_but_the_gpu_work_at_once(ran: list[tuple[str, int]]) -> None:
    run_checks(healthy.expected(), context())
    assert sorted(area for area, _ in ran) == sorted(QUICK)
    assert max(beside for _, beside in ran) == len(QUICK)


@pytest.mark.parametrize(("level", "parts"), [(levels.STANDARD, ["speed", *STANDARD]), (levels.BURN, ["speed", *PARTS])])
def test_the_gpu_work_comes_afterwards_one_part_after_the_other(
    level: str, parts: list[str], ran: list[tuple[str, int]]
) -> None:
    run_checks(healthy.expected(), context(), level=level)
    assert [area for area, _ in ran[len(QUICK) :]] == parts
    assert {beside for _, beside in ran[len(QUICK) :]} == {1}


def test_an_area_that_is_named_runs_at_any_level_with_what_explains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run_one(check: Check, expected: dict[str, Any], ctx: Context) -> list[Result]:
        ran.append(check.area)
        return [Result(f"{check.area}.x.y", "pass")]

    monkeypatch.setattr(checks, "run_one", run_one)
    results = run_checks(healthy.expected(), context(), ["correctness"])
    assert [result.id for result in results] == ["correctness.x.y"]
    assert sorted(ran) == sorted(["correctness", "torch", "containers", "driver", "services"])
    assert ran[-1] == "correctness"


LIMITS = [
    ((), levels.QUICK, 0, 30, []),
    ((), levels.STANDARD, 0, 300, STANDARD),
    ((), levels.BURN, 0, 300 + 60 * 20, PARTS),
    ((), levels.QUICK, 3600, 3600, []),
    (("torch",), levels.STANDARD, 0, 30, []),
    (("correctness.host",), levels.QUICK, 0, 300, ["correctness"]),
    (("burn", "memory"), levels.QUICK, 0, 300 + 60 * 20, ["memory", "burn"]),
]


@pytest.mark.parametrize(("chosen", "level", "asked_for", "seconds", "parts"), LIMITS)
def test_a_level_has_its_time_and_what_is_chosen_that_of_its_level(
    chosen: tuple[str, ...], level: str, asked_for: float, seconds: float, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "run_one", lambda check, expected, ctx: [])
    ctx, began = context(), time.monotonic()
    run_checks({**healthy.expected(), "minutes": 20}, ctx, chosen, level, asked_for)
    assert ctx.until - began == pytest.approx(seconds, abs=5)
    assert ctx.parts == parts


def test_every_part_is_an_area_with_a_stated_duration() -> None:
    assert AREAS[-len(PARTS) :] == tuple(PARTS)
    assert all(check.seconds > 0 for check in CHECKS)
    alone = sum(check.seconds for check in CHECKS if check.level == levels.STANDARD and check.area != "peers")
    assert alone + levels.SECONDS[levels.QUICK] <= levels.SECONDS[levels.STANDARD]
    assert all(part.limit > part.seconds for part in levels.PARTS)
    assert levels.SECONDS[levels.QUICK] >= max(check.seconds for check in CHECKS if check.level == levels.QUICK)


def test_a_part_is_found_by_its_name() -> None:
    assert levels.part("correctness") is levels.PARTS[0]
    with pytest.raises(KeyError):
        levels.part("quick")


HISTORY = {"history": [{"taken_at": "2026-11-21T08:00:00Z", "rates": {"rate.host.gpu0.memory": 812.0}}]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[dict[str, Any], str]]:
    """What the program asked for: expectation and level. It is called with ``--expect`` of a host planned for standard."""
    found: list[tuple[dict[str, Any], str]] = []

    def run_checks(expected: dict[str, Any], ctx: Context, chosen: list[str], level: str, limit: float) -> list[Result]:
        found.append((expected, level))
        expected["limit"] = limit
        return [Result("system.os.release", "pass")]

    monkeypatch.setattr(program, "run_checks", run_checks)
    monkeypatch.setattr(Context, "snapshot", {})
    (tmp_path / "expected.json").write_text(json.dumps({"schema": 1, "host": "here", "level": "standard"}))
    (tmp_path / "history.json").write_text(json.dumps(HISTORY))
    monkeypatch.chdir(tmp_path)
    return found


def start(*words: str) -> int:
    return program.main(["run", "--expect", "expected.json", "--json", *words])


def test_a_host_is_proven_as_deep_as_planned_or_as_asked(
    asked: list[tuple[dict[str, Any], str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert start() == program.PASSED
    assert start("--level", "quick") == program.PASSED
    assert [level for _, level in asked] == ["standard", "quick"]
    assert [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()] == ["standard", "quick"]


def test_the_length_of_the_endurance_is_asked_for(asked: list[tuple[dict[str, Any], str]]) -> None:
    start("--level", "burn", "--minutes", "30")
    start("--level", "burn")
    assert [(expected["minutes"], level) for expected, level in asked] == [(30, "burn"), (levels.DEFAULT_MINUTES, "burn")]


def test_an_own_limit_may_be_set(asked: list[tuple[dict[str, Any], str]]) -> None:
    start()
    start("--limit", "3600")
    assert [expected["limit"] for expected, _ in asked] == [0, 3600]


def test_earlier_rates_come_from_a_file_or_from_whoever_calls(
    asked: list[tuple[dict[str, Any], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start("--history", "history.json")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(HISTORY)))
    start("--history", "-")
    start()
    assert [expected.get("history") for expected, _ in asked] == [HISTORY["history"], HISTORY["history"], None]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"history": [{}]}', '{"history": [{"taken_at": "x", "rates": 1}]}'])
def test_what_is_no_history_could_not_run(
    text: str, asked: list[tuple[dict[str, Any], str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "history.json").write_text(text)
    assert start("--history", "history.json") == program.COULD_NOT_RUN
    assert "history.json: no history of rates" in capsys.readouterr().err
    assert asked == []
