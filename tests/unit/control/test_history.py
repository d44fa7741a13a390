"""Earlier runs of a host, out of the folders of its site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import history, proof
from verify.__main__ import read_history

RATE = "rate.host.gpu0.gemm_float16"


def result(value: Any = 20.0, id: str = RATE, status: str = "pass") -> dict[str, Any]:
    return {"id": id, "status": status, "seen": {"value": value, "unit": "TFLOP/s"}, "wanted": None, "why": "", "next": ""}


def ran(site: Path, stamp: str, *results: dict[str, Any], host: str = "gpu01", simulated: bool = False) -> None:
    """A run of before, in its folder."""
    folder = site / stamp / "results"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"schema": 1, "taken_at": f"{stamp[:10]}T08:00:00Z", "simulated": simulated, "results": list(results)}
    (folder / f"{host}.json").write_text(json.dumps(document))


NOW = "2026-11-22T080000Z"


def test_earlier_runs_come_newest_first_and_this_one_is_none_of_them(tmp_path: Path) -> None:
    for day, value in (("20", 18.0), ("21", 19.0), ("22", 5.0), ("23", 6.0)):
        ran(tmp_path, f"2026-11-{day}T080000Z", result(value))
    assert history.rates(tmp_path / NOW, "gpu01") == [
        {"taken_at": "2026-11-21T08:00:00Z", "rates": {RATE: 19.0}},
        {"taken_at": "2026-11-20T08:00:00Z", "rates": {RATE: 18.0}},
    ]


def test_only_a_few_runs_count(tmp_path: Path) -> None:
    for day in range(1, 20):
        ran(tmp_path, f"2026-11-{day:02}T080000Z", result(float(day)))
    found = history.rates(tmp_path / NOW, "gpu01")
    assert [run["rates"][RATE] for run in found] == [19.0, 18.0, 17.0, 16.0, 15.0]


@pytest.mark.parametrize(
    "other",
    [
        result(status="fail"),
        result(value="nan"),
        {**result(), "seen": "20 TFLOP/s"},
        {**result(), "seen": {"STAND-IN": "x"}},
        {**result(), "seen": None},
    ],
)
def test_what_failed_and_what_is_no_rate_is_left_out(tmp_path: Path, other: dict[str, Any]) -> None:
    ran(tmp_path, "2026-11-20T080000Z", other)
    ran(tmp_path, "2026-11-21T080000Z", other, result(7.0, "rate.host.gpu0.memory", "unverifiable"))
    assert [run["rates"] for run in history.rates(tmp_path / NOW, "gpu01")] == [{"rate.host.gpu0.memory": 7.0}]


def test_other_hosts_simulated_ones_and_runs_cut_off_do_not_count(tmp_path: Path) -> None:
    ran(tmp_path, "2026-11-18T080000Z", result(), host="gpu02")
    ran(tmp_path, "2026-11-19T080000Z", result(), simulated=True)
    ran(tmp_path, "2026-11-20T080000Z", result())
    (tmp_path / "2026-11-20T080000Z/results/gpu01.json").write_text('{"schema": 1, "resul')
    (tmp_path / "2026-11-21T080000Z").mkdir()
    assert history.rates(tmp_path / NOW, "gpu01") == []


def test_plain_ansible_keeps_no_runs() -> None:
    assert history.rates(None, "gpu01") == []


def test_the_checks_on_the_host_read_what_is_handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    past = [{"taken_at": "2026-11-21T08:00:00Z", "rates": {RATE: 19.0}}]
    arguments = proof.command("burn", 30, past)
    assert arguments["argv"][-5:] == ["-", "--level", "burn", "--minutes", "30"]
    (tmp_path / "history").write_text(arguments["stdin"])
    assert read_history(str(tmp_path / "history")) == {"history": past}


def test_without_a_word_the_host_s_own_plan_says_how_deep() -> None:
    assert proof.command(seconds=300, only=["driver"])["argv"][-3:] == ["--limit", "300", "driver"]
    assert proof.command()["argv"] == ["python3", "-m", "verify", "run", "--json", "--history", "-"]
    assert json.loads(proof.command()["stdin"]) == {"history": []}
