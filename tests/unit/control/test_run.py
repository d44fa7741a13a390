"""A run from its start to its end, with a script in Ansible's place."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from control import run
from control.exitcodes import ExitCode
from control.inventory import Selection

#: Takes two hosts, gives one of them back, loses the third, and then works on, unless it is told to fail.
SITE = """
import json, os, pathlib, sys, time
folder = pathlib.Path(os.environ["GPUHOST_RUN_DIR"])
def say(path, text):
    path = folder / path
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
say("events.jsonl", json.dumps({"host": "gone", "event": "unreachable"}) + chr(10) + '{"ho')
for host, held in (("gpu01", True), ("gpu02", False), ("gone", True)):
    say(f"leases/{host}.json", json.dumps({"held": held}))
say("ready", "")
time.sleep(60)
"""
RELEASE = """
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["GPUHOST_RUN_DIR"])
said = [sys.argv[1:], os.environ["GPUHOST_RUN_PID"], os.environ.get("ANSIBLE_CALLBACKS_ENABLED")]
(folder / "released").write_text(json.dumps(said))
"""


class Interrupting:
    """A display whose reader presses Ctrl-C once the run has begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refresh(self) -> None:
        if (self.folder / "ready").exists():
            raise KeyboardInterrupt


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one run of a test leaves its files."""
    scripts = {"site": SITE, "release": RELEASE}

    def playbook(name: str, inventories: Any, limit: Any = (), variables: Any = None) -> list[str]:
        return [sys.executable, "-c", scripts[name], *limit]

    @contextmanager
    def display(at: Path, hosts: Any, command: str, quiet: bool) -> Iterator[Interrupting]:
        yield Interrupting(at)

    monkeypatch.setattr(run, "REPORTS_DIR", tmp_path)
    monkeypatch.setattr(run.ansible, "playbook", playbook)
    monkeypatch.setattr(run, "display", display)
    monkeypatch.setattr(run, "select", lambda *given: Selection("lab", (), ("gpu01", "gpu02", "gone"), False))
    return tmp_path / "lab"


def test_an_interrupted_run_gives_back_what_it_still_holds_and_can_reach(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run.execute(run.Request("up", "site", site="lab"))
    (written,) = folder.glob("*/released")
    limit, pid, recorder = json.loads(written.read_text())
    assert limit == ["gpu01"]
    assert pid == str(os.getpid())
    # It would write over how the run ended.
    assert recorder is None
    assert "giving back gpu01" in capsys.readouterr().err


def test_a_run_that_ends_by_itself_has_nothing_to_give_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(run.ansible, "playbook", lambda *given, **named: ended)
    finished = run.execute(run.Request("up", "site", site="lab"))
    assert finished.exit_code == ExitCode.BUG
    assert list(folder.glob("*/released")) == []
    assert "ended with 3" in finished.hosts["gpu01"]["findings"][0]["seen"]
