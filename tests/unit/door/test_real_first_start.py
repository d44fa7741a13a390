"""A newcomer's first start: a fresh copy of this repository, its real requirements, a path with spaces."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from control import quality
from control.paths import ROOT

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's files, without an environment."""
    folder = tmp_path_factory.mktemp("newcomer") / "a clone with spaces"
    for path in quality.own_files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


def start(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "gpuhost"), *arguments],
        cwd="/",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_the_first_start_makes_the_environment_and_says_so(clone: Path) -> None:
    done = start(clone, "--list")
    assert done.returncode == 0, done.stderr
    assert "Installing what requirements.txt pins: done in" in done.stderr
    assert "  up  " in done.stdout


def test_later_starts_need_no_network_and_list_in_less_than_four_tenths_of_a_second(clone: Path) -> None:
    """In time on a processor, which other work on the machine does not stretch as it does the clock."""
    nowhere = "http://127.0.0.1:9"

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = start(clone, "--list", http_proxy=nowhere, https_proxy=nowhere, PIP_INDEX_URL=f"{nowhere}/simple")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (done.returncode, done.stderr) == (0, "")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < 0.4


def test_ansible_itself_runs_from_a_path_with_spaces(clone: Path) -> None:
    done = subprocess.run(
        [str(clone / ".venv/bin/ansible-playbook"), "--version"], capture_output=True, text=True, check=True
    )
    assert str(clone) in done.stdout
