"""Which runs could go, and that nothing goes that somebody wants."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from control import history
from control.commands import reports as command
from control.commands.reports import Options
from control.exitcodes import ExitCode
from control.report import kept, prune
from tests.unit.report.run_folder import save

RATE = "rate.host.gpu0.gemm_float16"


def ran(site: Path, day: int, host: dict[str, Any] | None = None, **run: Any) -> Path:
    """A run of that day in November; with a report where it says something of a host."""
    folder = site / f"2026-11-{day:02}T080000.000Z"
    save(folder / "run.json", {"command": "verify" if host else "status", "exit_code": 0, "seconds": 2.0, **run})
    (folder / "ansible.log").write_text("x" * 1000)
    if host is not None:
        row = {"reason": "r", "checked": True, "depth": "quick", "gpus": "", "since": "", "rated": [], **host}
        save(folder / "summary.json", {"schema": 1, "hosts": {"gpu01": {"words": row["level"], **row}}})
        (folder / "report.html").write_text("<!doctype html>")
    return folder


FAILED, CERTIFIED = {"level": "failed"}, {"level": "certified"}
LATER = datetime(2026, 12, 24, tzinfo=UTC)


def stays(site: Path, keep: int) -> dict[int, str]:
    """Day to the reason why that day's run stays."""
    return {int(one.run.run[8:10]): one.why for one in prune.choose(kept.runs(site), keep, LATER) if one.why}


def test_the_newest_stay_those_with_a_report_and_the_others_each_for_themselves(tmp_path: Path) -> None:
    for day in range(1, 11):
        ran(tmp_path, day, FAILED if day % 2 else None)
    assert stays(tmp_path, 2) == {
        10: "one of the newest 2 without a report",
        9: "one of the newest 2",
        8: "one of the newest 2 without a report",
        7: "one of the newest 2",
    }


def test_the_last_run_that_certified_a_host_stays(tmp_path: Path) -> None:
    for day, host in enumerate([CERTIFIED, {"level": "warnings"}, FAILED, FAILED, FAILED], 1):
        ran(tmp_path, day, host)
    assert stays(tmp_path, 1) == {5: "one of the newest 1", 2: "the last in which gpu01 was certified"}


def test_runs_that_a_rate_is_compared_with_stay(tmp_path: Path) -> None:
    for day in range(1, 21):
        ran(tmp_path, day, {**FAILED, "rated": [RATE] if day <= 10 else []})
    assert [day for day, why in stays(tmp_path, 1).items() if why == "the rates of gpu01 are compared with it"] == [
        *range(10, 10 - history.RUNS, -1)
    ]


def test_the_rates_of_the_next_run_are_compared_with_the_same_after_pruning(tmp_path: Path) -> None:
    site = tmp_path / "north"
    for day in range(1, 21):
        folder = ran(site, day, {**CERTIFIED, "rated": [RATE]})
        row = {"id": RATE, "status": "pass", "seen": {"value": float(day), "unit": "TFLOP/s"}, "wanted": None}
        document = {"taken_at": "", "simulated": False, "results": [{**row, "why": "", "next": ""}]}
        save(folder / "results/gpu01.json", document)
    next_run = site / "2026-12-01T080000.000Z"
    before = history.rates(next_run, "gpu01")
    assert command.reports(Options(keep=1, yes=True, folder=tmp_path, json=True)) == ExitCode.DONE
    assert history.rates(next_run, "gpu01") == before
    assert len(kept.runs(site)) == history.RUNS


@pytest.mark.parametrize("link", [kept.LATEST, kept.LATEST_REPORT])
def test_where_a_link_leads_stays(tmp_path: Path, link: str) -> None:
    for day in (1, 2, 3):
        ran(tmp_path, day, FAILED)
    (tmp_path / link).symlink_to("2026-11-01T080000.000Z")
    assert stays(tmp_path, 1)[1] == "a link leads to it"


def test_what_somebody_marked_or_put_something_into_stays(tmp_path: Path) -> None:
    for day in (1, 2, 3, 4):
        ran(tmp_path, day, FAILED)
    (tmp_path / "2026-11-01T080000.000Z" / prune.MARK).touch()
    (tmp_path / "2026-11-02T080000.000Z/notes.txt").write_text("asked the vendor")
    assert stays(tmp_path, 1) == {
        4: "one of the newest 1",
        2: "it holds 1 file that no run wrote (notes.txt)",
        1: "it has a file named keep",
    }


def test_a_run_that_may_be_at_work_stays_and_one_that_was_killed_long_ago_does_not(tmp_path: Path) -> None:
    ran(tmp_path, 1, exit_code=None)
    ran(tmp_path, 20, exit_code=None)
    ran(tmp_path, 21)
    found = prune.choose(kept.runs(tmp_path), 1, datetime(2026, 11, 21, tzinfo=UTC))
    assert [one.why for one in found] == ["one of the newest 1 without a report", "it may still be at work", ""]


def test_results_that_are_in_no_report_stay(tmp_path: Path) -> None:
    ran(tmp_path, 2)
    save(ran(tmp_path, 1) / "results/gpu01.json", {})
    assert stays(tmp_path, 1)[1] == "its results are in no report"


def test_a_folder_with_another_name_stays(tmp_path: Path) -> None:
    ran(tmp_path, 1).rename(tmp_path / "0-the-good-one")
    ran(tmp_path, 2)
    [_, other] = prune.choose(kept.runs(tmp_path), 1, LATER)
    assert other.why == "its name is no time of a run"


def site_with_old_runs(folder: Path) -> Path:
    for day in range(1, 6):
        ran(folder / "north", day, FAILED)
    return folder / "north"


def test_without_yes_nothing_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_with_old_runs(tmp_path)
    assert command.reports(Options(keep=2, folder=tmp_path)) == ExitCode.DONE
    assert "could go: 3 runs from 2026-11-01 08:00 UTC to 2026-11-03 08:00 UTC" in capsys.readouterr().out
    assert len(kept.runs(site)) == 5


def test_with_yes_they_go_and_the_list_of_runs_has_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_with_old_runs(tmp_path)
    (site / "mine").mkdir()
    assert command.reports(Options(keep=2, yes=True, folder=tmp_path)) == ExitCode.DONE
    assert "taken away: 3 runs" in capsys.readouterr().out
    assert [run.run[8:10] for run in kept.runs(site)] == ["05", "04"]
    assert (site / "mine").is_dir()
    listed = (site / "index.html").read_text()
    assert "2026-11-04T080000.000Z/report.html" in listed
    assert "2026-11-03T080000.000Z" not in listed


def test_only_the_named_site_is_pruned(tmp_path: Path) -> None:
    site_with_old_runs(tmp_path)
    for day in range(1, 6):
        ran(tmp_path / "south", day, FAILED)
    command.reports(Options(site="south", keep=1, yes=True, folder=tmp_path))
    assert (len(kept.runs(tmp_path / "north")), len(kept.runs(tmp_path / "south"))) == (5, 1)


def test_a_link_in_place_of_a_run_is_not_followed(tmp_path: Path) -> None:
    elsewhere = ran(tmp_path / "elsewhere", 1, FAILED)
    site = tmp_path / "reports/north"
    ran(site, 2, FAILED)
    (site / elsewhere.name).symlink_to(elsewhere)
    command.reports(Options(keep=1, yes=True, folder=tmp_path / "reports"))
    assert (elsewhere / "run.json").is_file()
    assert (site / elsewhere.name).is_symlink()


def test_the_list_says_what_each_run_came_to_and_where_its_report_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in range(1, 15):
        ran(tmp_path / "north", day, CERTIFIED if day < 14 else FAILED)
    ran(tmp_path / "north", 15)
    assert command.reports(Options(folder=tmp_path)) == ExitCode.DONE
    said = " ".join(capsys.readouterr().out.split())
    assert "north 14 reports, 15 runs in all" in said
    assert "2026-11-14 08:00 UTC verify The host is not certified." in said
    assert "and 4 earlier" in said
    assert "north/2026-11-14T080000.000Z/report.html" in said


def test_as_json_the_list_has_every_run_and_what_pruning_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site_with_old_runs(tmp_path)
    command.reports(Options(keep=2, yes=True, json=True, folder=tmp_path))
    document = json.loads(capsys.readouterr().out)
    rows = document["sites"]["north"]
    assert (document["exit_code"], document["findings"]) == (0, [])
    assert [row["gone"] for row in rows] == [False, False, True, True, True]
    assert rows[0]["hosts"] == {"gpu01": "failed"}
    assert (rows[0]["stays"], rows[4]["stays"]) == ("one of the newest 2", None)


def test_what_cannot_be_removed_is_said_and_not_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    site_with_old_runs(tmp_path)
    monkeypatch.setattr(command.shutil, "rmtree", denied)
    assert command.reports(Options(keep=2, yes=True, folder=tmp_path)) == ExitCode.STEP_FAILED
    said = capsys.readouterr().out
    assert "GH-REPORTS-DENIED" in said
    assert "2026-11-03T080000.000Z: Permission denied" in " ".join(said.split())
    assert "taken away" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"site": "nroth"}, "the nearest is north"),
        ({"keep": -1}, "--keep is -1"),
        ({"yes": True}, "--yes goes with --keep"),
    ],
)
def test_bad_input_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], words: str
) -> None:
    site = site_with_old_runs(tmp_path)
    assert command.reports(Options(folder=tmp_path, **options)) == ExitCode.BAD_INPUT
    assert words in capsys.readouterr().out
    assert len(kept.runs(site)) == 5


def test_before_the_first_run_the_list_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.reports(Options(folder=tmp_path / "reports")) == ExitCode.DONE
    assert "No run is kept yet" in capsys.readouterr().out
