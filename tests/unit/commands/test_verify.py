"""How deep `./gpuhost verify` is told to go, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control.commands import verify as command
from control.commands.verify import Options, _depth
from control.exitcodes import ExitCode
from control.inventory import BadInputError, Selection
from control.run import Run

DEPTHS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"level": "standard"}, {"gpuhost_verify_level": "standard"}),
    ({"level": "burn"}, {"gpuhost_verify_level": "burn"}),
    ({"level": "burn", "minutes": 30}, {"gpuhost_verify_level": "burn", "gpuhost_verify_minutes": 30}),
    ({"only": "driver, containers.ollama,"}, {"gpuhost_verify_only": ["driver", "containers.ollama"]}),
]


@pytest.mark.parametrize(("asked", "variables"), DEPTHS)
def test_what_was_asked_for_reaches_the_role(asked: dict[str, Any], variables: dict[str, Any]) -> None:
    assert _depth(Options(**asked)) == variables


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"level": "deep"}, "there is no level deep; there are quick, standard, burn"),
    ({"minutes": 5}, "--minutes goes with --level burn"),
    ({"level": "standard", "minutes": 5}, "--minutes goes with --level burn"),
    ({"level": "burn", "minutes": -5}, "--minutes is -5"),
    ({"only": "driver,contaners.ollama"}, "no area contaners.ollama (did you mean containers?); there are system, "),
    ({"only": "gpu"}, "there is no area gpu; there are"),
    ({"only": ","}, "there is no area in it; there are"),
]


@pytest.mark.parametrize(("asked", "words"), WRONG)
def test_what_makes_no_sense_is_refused_before_any_host(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        _depth(Options(**asked))
    assert words in caught.value.findings[0].seen


def test_a_refusal_is_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.verify(Options(level="deep", json=True)) == ExitCode.BAD_INPUT
    assert "there is no level deep" in capsys.readouterr().out


@pytest.fixture
def ran(site_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `verify` does after the checks, with a run of three hosts of which one failed."""
    names = json.loads((site_run / "run.json").read_text())["hosts"]
    outcome = json.loads((site_run / "outcome.json").read_text())
    selection = Selection("north", (), tuple(names), False)
    finished = Run(site_run, selection, outcome, {}, 12.0, int(ExitCode.VERIFY_FAILED), "verify")
    monkeypatch.setattr(command, "perform", lambda *given, **named: finished)
    return site_run


def test_the_files_that_were_asked_for_are_written_and_stand_alone(ran: Path, tmp_path: Path) -> None:
    html, junit = tmp_path / "out.html", tmp_path / "out.xml"
    assert command.verify(Options(html=str(html), junit=str(junit))) == ExitCode.VERIFY_FAILED
    assert junit.read_text() == (ran / "junit.xml").read_text()
    text = html.read_text()
    assert "1 of 3 hosts is certified" in text
    assert "../index.html" not in text
    assert "../index.html" in (ran / "report.html").read_text()


def test_json_is_one_document_with_the_verdicts_and_where_the_files_are(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.verify(Options(json=True)) == ExitCode.VERIFY_FAILED
    document = json.loads(capsys.readouterr().out)
    assert document["hosts"]["gpu02"]["verdict"]["words"] == "not certified"
    assert document["hosts"]["gpu02"]["comparison"]["run"] == "2026-11-02T070000.000Z"
    assert document["schema"] == 2
    assert {kind: Path(path).is_file() for kind, path in document["report"].items()} == dict.fromkeys(
        ("html", "json", "junit", "summary", "index"), True
    )


def test_the_terminal_ends_with_where_the_report_and_the_list_of_runs_are(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.verify(Options())
    said = capsys.readouterr().out.replace("\n", "")
    assert str(ran / "report.html") in said
    assert str(ran.parent / "index.html") in said


def test_a_file_in_a_folder_that_is_not_there_is_refused_before_any_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "perform", lambda *given, **named: pytest.fail("a host was contacted"))
    assert command.verify(Options(html=str(tmp_path / "no/out.html"))) == ExitCode.BAD_INPUT
    assert "there is no such folder" in capsys.readouterr().out
