"""The report on a terminal."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from control import report
from control.report import terminal, words
from control.report.model import HostReport, RunReport
from tests.unit.report import run_folder
from verify.checks import AREAS
from verify.result import Result


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    return report.load(run_folder.write(tmp_path_factory.mktemp("site") / run_folder.STARTED))


def printed(loaded: RunReport, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, no_color=True)
    with console.capture() as captured:
        terminal.show(loaded, console)
        console.print(terminal.services_table(loaded))
    return captured.get()


def test_the_terminal_begins_with_the_banners_and_shows_what_failed(loaded: RunReport) -> None:
    text = printed(loaded)
    assert text.splitlines()[0].strip().startswith("SIMULATED")
    assert "✗ FAIL  containers.ollama.running" in text
    assert "docker start gpuhost-ollama" in text
    assert "✓ 6 pass" in text
    assert re.search(r"ollama +lab1 +http://127\.0\.0\.1:11434 +✓ works +STAND-IN", text)
    assert re.search(r"ollama +gpu02 +http://127\.0\.0\.1:11434 +✗ fails", text)


def test_the_terminal_says_what_is_otherwise_than_before(site_report: RunReport) -> None:
    text = printed(site_report, 160)
    of_gpu02 = text[text.index("gpu02") : text.index("gpu03")]
    assert "since 2026-11-02 07:00 UTC: 8 rates slower; 12 checks worse; changed: Kernel" in of_gpu02
    assert "slower   Products in float16, gpu1 on the host: 104 → 65.7 TFLOP/s (-37 %)" in of_gpu02
    assert "and 2 more: see the report" in of_gpu02
    assert "changed  Kernel: 6.12.48+deb13-amd64 → 6.12.57+deb13-amd64" in of_gpu02
    assert "slower" not in text[: text.index("gpu02")]


def test_the_curve_of_an_endurance_is_not_printed_as_numbers(site_report: RunReport) -> None:
    assert "'s'" not in printed(site_report)
    assert "series" not in printed(site_report)


def test_each_area_of_the_checks_has_its_words() -> None:
    assert set(words.AREAS) == set(AREAS)


def test_without_a_terminal_the_text_is_plain(loaded: RunReport) -> None:
    assert "\x1b" not in printed(loaded)


def test_what_a_host_printed_is_no_markup_on_the_terminal() -> None:
    odd = Result("services.ollama.health", "fail", "[bold]x[/bold] [/]", "ok", "it says [red]no[/red] [/]", "look [here]")
    text = printed(RunReport("verify", "", "", None, None, (HostReport("gpu01", results=(odd,)),)))
    assert "it says [red]no[/red] [/]" in text
    assert "look [here]" in text
