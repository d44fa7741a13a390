"""What CI's script does with the outcomes of the commands that it runs; the door is a stand-in that notes its arguments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from control.paths import ROOT

DOOR = """#!/bin/sh
echo "$*" >> asked
case "$1" in
    test) echo "a test's own 1 failed attempt"; echo "{summary}"; echo "more"; exit {tests} ;;
    lint) exit {lint} ;;
    lab.down) exit {down} ;;
esac
"""
GREEN, RED = "===== 3 passed in 1.00s =====", "===== 1 failed, 2 passed in 1.00s ====="


@pytest.mark.parametrize(
    ("tests", "lint", "summary", "code"), [(0, 0, GREEN, 0), (1, 0, RED, 1), (2, 1, RED, 2), (0, 1, GREEN, 1)]
)
def test_the_exit_code_is_pytests_then_the_linters_and_the_last_line_is_pytests(
    tmp_path: Path, tests: int, lint: int, summary: str, code: int
) -> None:
    done = run(tmp_path, DOOR.format(summary=summary, tests=tests, lint=lint, down=0))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, summary)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["--list", "lint", "test --lab --torch --durations --jobs 2", "lab.down --engine"]


def test_a_lab_that_stays_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, DOOR.format(summary=GREEN, tests=0, lint=0, down=1))
    assert done.returncode == 0
    assert "the lab was not removed completely" in done.stdout


def test_a_start_that_fails_ends_it_and_still_cleans_up(tmp_path: Path) -> None:
    done = run(tmp_path, '#!/bin/sh\necho "$*" >> asked\n[ "$1" != --list ] || exit 14\n')
    assert done.returncode == 14
    assert (tmp_path / "asked").read_text().splitlines() == ["--list", "lab.down --engine"]


def run(folder: Path, door: str) -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    (folder / "gpuhost").write_text(door)
    (folder / "gpuhost").chmod(0o755)
    return subprocess.run([str(folder / ".ci" / "run")], cwd="/", capture_output=True, text=True, timeout=20, check=False)
