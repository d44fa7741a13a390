"""A site's list of its runs: what a reader finds who looks for an earlier one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from control import report
from control.paths import ROOT
from control.report import index, kept
from tests.unit.report import run_folder, site_folder
from tests.unit.report.test_page import Links, words


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight runs with reports, and one that only looked."""
    folder = tmp_path_factory.mktemp("reports") / "north"
    site_folder.write(folder)
    for stamp in (*site_folder.EARLIER, site_folder.QUICK, site_folder.NOW):
        report.write(folder / stamp)
    run_folder.save(folder / "2026-11-20T100000.000Z/run.json", {"command": "status", "exit_code": 0, "seconds": 2.0})
    index.write(folder)
    return folder


def page(site: Path) -> str:
    return (site / "index.html").read_text(encoding="utf-8")


def test_the_page_says_how_each_host_was_last_seen_the_worst_first(site: Path) -> None:
    said = words(page(site))
    assert "As last seen: 1 of 3 hosts is certified, 1 is certified with warnings, 1 is not certified." in said
    order = [
        said.index(f"{name} {gpus}") for name, gpus in (("gpu02", "2x Radeon"), ("gpu03", "Radeon"), ("gpu01", "Radeon"))
    ]
    assert order == sorted(order)
    assert "2026-11-22 18:15 UTC, burn; 8 rates slower" in said


def test_every_report_is_listed_newest_first_and_reached(site: Path) -> None:
    stamps = [site_folder.NOW, site_folder.QUICK, *site_folder.EARLIER[::-1]]
    links = [address for address in Links(page(site)).follows if "#" not in address]
    assert links == [f"{stamp}/report.html" for stamp in stamps]
    assert all((site / address).is_file() for address in links)


def test_each_host_has_its_past_as_a_strip_that_leads_to_it(site: Path) -> None:
    follows = [address for address in Links(page(site)).follows if address.endswith("#host-gpu02")]
    assert follows[1:] == [
        f"{stamp}/report.html#host-gpu02" for stamp in (*site_folder.EARLIER, site_folder.QUICK, site_folder.NOW)
    ]
    levels = [seen.level for _, seen in index.strip("gpu02", kept.runs(site))]
    assert levels == ["warnings", *["certified"] * 6, "failed"]


def test_the_page_loads_nothing_and_leads_to_nothing_outside(site: Path) -> None:
    links = Links(page(site))
    assert links.loads == ["data:,"]
    assert links.scripts == 0
    assert not any("://" in address or address.startswith("/") for address in links.follows)


def test_runs_without_a_report_are_named_apart(site: Path) -> None:
    assert "1 other run without a report" in words(page(site))
    assert "2026-11-20 10:00 UTC status exit code 0" in words(page(site))


def test_a_link_leads_to_the_newest_report(site: Path) -> None:
    assert (site / kept.LATEST_REPORT).is_symlink()
    assert (site / kept.LATEST_REPORT / "report.html").resolve() == (site / site_folder.NOW / "report.html").resolve()


def test_a_run_that_had_no_need_to_check_a_host_says_nothing_of_it(tmp_path: Path) -> None:
    """`up` on a host where nothing is due looks once and does not check."""
    site_folder.write(tmp_path, site_folder.EARLIER[-2:])
    for stamp in site_folder.EARLIER[-2:]:
        report.write(tmp_path / stamp)
    later = tmp_path / "2026-11-25T070000.000Z"
    run_folder.save(later / "run.json", {"command": "up", "site": "north", "hosts": ["gpu01"], "exit_code": 0})
    run_folder.save(later / "outcome.json", {"gpu01": {"status": "done"}})
    report.write(later)
    run, seen = kept.last_seen(kept.runs(tmp_path))["gpu01"]
    assert (run.run, seen.level) == (site_folder.EARLIER[-1], "certified")
    assert len(index.strip("gpu01", kept.runs(tmp_path))) == 2


@pytest.mark.parametrize(("failed", "level"), [(False, "certified"), (True, "failed")])
def test_a_run_of_some_checks_alone_says_something_only_where_one_fails(tmp_path: Path, failed: bool, level: str) -> None:
    site_folder.write(tmp_path, site_folder.EARLIER[-2:])
    later = site_folder.write(tmp_path, ("2026-11-25T070000.000Z",))
    results = later / "results/gpu01.json"
    document = json.loads(results.read_text()) | {"only": ["torch"]}
    if failed:
        document["results"][0].update(status="fail", why="w", next="n")
    results.write_text(json.dumps(document))
    for folder in (*(tmp_path / stamp for stamp in site_folder.EARLIER[-2:]), later):
        report.write(folder)
    assert kept.last_seen(kept.runs(tmp_path))["gpu01"][1].level == level


def test_a_host_that_is_out_of_reach_now_is_last_seen_so(tmp_path: Path) -> None:
    run = run_folder.write(tmp_path / run_folder.STARTED)
    report.write(run)
    assert kept.last_seen(kept.runs(tmp_path))["gpu03"][1].reason.startswith("unreachable")


def test_what_is_no_run_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{")
    (tmp_path / "file.txt").write_text("mine")
    run_folder.save(tmp_path / "2026-11-20T100000.000Z/run.json", {"command": "plan"})
    (tmp_path / "latest").symlink_to("2026-11-20T100000.000Z")
    assert [run.command for run in kept.runs(tmp_path)] == ["plan"]
    index.write(tmp_path)
    assert "No run here has checked a host yet." in page(tmp_path)
    assert not (tmp_path / kept.LATEST_REPORT).exists()


def test_the_link_to_a_report_that_was_taken_away_goes_with_it(tmp_path: Path) -> None:
    report.write(run_folder.write(tmp_path / run_folder.STARTED))
    shutil.rmtree(tmp_path / run_folder.STARTED)
    index.write(tmp_path)
    assert not (tmp_path / kept.LATEST_REPORT).is_symlink()


def test_what_a_host_said_never_becomes_markup(tmp_path: Path) -> None:
    hostile = kept.Seen("failed", "not certified", run_folder.HOSTILE)
    run = kept.Kept(tmp_path / "2026", "verify", None, None, {"<b>x</b>": hostile})
    text = index.render("<i>", [run])
    assert not any(markup in text for markup in (run_folder.HOSTILE, "<b>x", "<i>"))


def test_the_summary_is_as_its_published_schema_says(site_files: dict[str, Path]) -> None:
    schema = json.loads((ROOT / "control/report/summary-1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(site_files["summary"].read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert document["hosts"]["gpu02"]["words"] == "not certified"
    # What failed is no measure for later runs, nor is what a simulated host did.
    assert "rate.host.gpu1.gemm_float16" not in document["hosts"]["gpu02"]["rated"]
    assert "rate.host.gpu0.gemm_float16" in document["hosts"]["gpu02"]["rated"]
