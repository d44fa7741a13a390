"""`monitor` as a command: once and on and on, as text and as JSON. The host is this machine."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from control.commands import monitor
from control.commands.common import Target
from control.monitor import reach
from control.monitor.program import Way

HERE = Way("gpu01", python=sys.executable)
GONE = Way("gpu02", problem="ssh: connect to host gpu02 port 22: No route to host")
Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command over ways; its exit code and what it printed."""

    def run(*ways: Way, **options: Any) -> tuple[int, str]:
        monkeypatch.setattr(reach, "ways", lambda *_: {way.host: way for way in ways})
        capsys.readouterr()
        code = monitor.monitor(monitor.Options(Target(host=",".join(way.host for way in ways)), **options))
        return code, capsys.readouterr().out

    return run


def test_once_as_json_is_one_document_with_every_host(ask: Ask) -> None:
    code, text = ask(HERE, GONE, once=True, json=True)
    said = json.loads(text)
    assert code == said["exit_code"] == 12
    assert said["hosts"]["gpu01"]["status"] == "live"
    assert said["hosts"]["gpu01"]["sample"]["sequence"] == 2
    assert said["hosts"]["gpu02"]["sample"] is None
    assert [one["id"] for one in said["hosts"]["gpu02"]["findings"]] == ["GH-HOST-UNREACHABLE"]


def test_once_as_text_shows_what_came_and_what_to_do_about_the_rest(ask: Ask) -> None:
    code, text = ask(HERE, GONE, once=True)
    assert code == 12
    assert "● gpu01  CPU " in text
    assert "GH-HOST-UNREACHABLE  gpu02" in text
    assert "nothing was changed" in text
    assert ask(HERE, once=True)[0] == 0


def test_as_json_without_an_end_there_is_a_document_per_line(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []

    class Reader(io.StringIO):
        def flush(self) -> None:
            lines.append(json.loads(self.getvalue().splitlines()[-1]))
            if sum(one["status"] == "live" for one in lines) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Reader())
    assert ask(HERE, GONE, json=True, interval=0.1)[0] == 0
    live = [one["sample"]["sequence"] for one in lines if one["host"] == "gpu01"]
    assert live == [1, 2, 3]
    assert [one["status"] for one in lines if one["host"] == "gpu02"] == ["away"]


def test_in_a_log_there_is_a_line_per_gpu_and_look_and_one_for_each_change(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = io.StringIO()

    class Lines(Console):
        def print(self, *what: Any, **how: Any) -> None:
            super().print(*what, **how)
            if seen.getvalue().count("no AMD GPU") == 2 and "gpu02" in seen.getvalue():
                raise KeyboardInterrupt

    monkeypatch.setattr(monitor, "console", lambda: Lines(file=seen, width=160, highlight=False))
    assert ask(HERE, GONE, interval=0.1)[0] == 0
    lines = [line.partition("  ")[2] for line in seen.getvalue().splitlines()]
    assert lines.count("gpu02  GH-HOST-UNREACHABLE ssh: connect to host gpu02 port 22: No route to host") == 1
    assert lines.count("gpu01  no AMD GPU") == 2


def test_where_no_host_can_be_watched_it_ends_and_says_why(ask: Ask) -> None:
    begun = time.monotonic()
    code, text = ask(GONE)
    assert code == 12
    assert "GH-HOST-UNREACHABLE" in text
    assert time.monotonic() - begun < 20


def test_on_a_terminal_the_screen_is_drawn_until_ctrl_c(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    out = Console(file=screen, force_terminal=True, width=150, height=20, highlight=False, color_system=None)
    monkeypatch.setattr(monitor, "console", lambda: out)
    fitted, drawn = monitor.view.fitted, []

    def counting(*arguments: Any) -> Any:
        drawn.append(1)
        if "CPU" in screen.getvalue():
            raise KeyboardInterrupt
        return fitted(*arguments)

    monkeypatch.setattr(monitor.view, "fitted", counting)
    assert ask(HERE)[0] == 0
    assert "● gpu01  CPU" in screen.getvalue()
    # The screen that was there comes back.
    assert screen.getvalue().endswith("\x1b[?25h\x1b[?1049l")
    assert len(drawn) > 1


def test_a_time_that_is_none_is_bad_input(ask: Ask) -> None:
    code, text = ask(HERE, interval=-1.0)
    assert code == 10
    assert "--interval" in text


def test_an_unknown_site_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor.monitor(monitor.Options(Target(site="no-such-site"), json=True)) == 10
    assert json.loads(capsys.readouterr().out)["findings"][0]["id"] == "GH-INPUT-UNKNOWN-SITE"


def test_the_names_are_those_of_the_truth_table() -> None:
    assert monitor._names("73ff", "c7") == "Radeon RX 6600"
    assert "1002:ffff" in monitor._names("ffff", "00")
