"""Virtual environments: what is asked for, what is there, what pip says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from onhost import files, paths, step_pip
from onhost.finding import FindingError
from onhost.report import Report
from onhost.requirements import unmet

INSTALLED = {"torch": "2.9.1+rocm6.4", "numpy": "2.3.0", "typing-extensions": "4.15.0"}


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("torch", True),
        ("torch==2.9.1", True),
        ("torch==2.9.1+rocm6.4", True),
        ("torch==2.9.1+cpu", False),
        ("torch==2.9", False),
        ("numpy==2.3", True),
        ("numpy>=2,<3", True),
        ("numpy>=2.10", False),
        ("numpy~=2.3", True),
        ("numpy~=2.2.5", False),
        ("numpy!=2.3.0", False),
        ("numpy>2.3", False),
        ("typing_extensions>=4", True),
        ("Typing.Extensions", True),
        ("torch[opt] >= 2.0", True),
        ("ollama", False),
        ("numpy; python_version > '3'", False),
        ("x @ https://host/x.whl", False),
        ("numpy===2.3.0", False),
    ],
)
def test_requirements_against_what_is_installed(requirement: str, met: bool) -> None:
    assert unmet([requirement], INSTALLED) == ([] if met else [requirement])


@pytest.mark.parametrize(
    ("text", "id", "words"),
    [
        (
            "ERROR: Could not find a version that satisfies the requirement torch==9 (from versions: 2.8)\n"
            "ERROR: No matching distribution found for torch==9",
            "GH-PIP-NOT-FOUND",
            "torch==9",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(refused)': /simple/torch/\n"
            "ERROR: No matching distribution found for torch",
            "GH-PIP-FAILED",
            "NewConnectionError",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "GH-DISK-FULL", "28"),
        ("ERROR: ResolutionImpossible: for help visit", "GH-PIP-FAILED", "ResolutionImpossible"),
        (
            "Looking in indexes: https://ada:pw@host/simple\nERROR: HTTP error 403 https://ada:pw@host/x",
            "GH-PIP-FAILED",
            "403",
        ),
        ("", "GH-PIP-FAILED", "said nothing"),
    ],
)
def test_pip_s_words_become_findings(text: str, id: str, words: str) -> None:
    found, seen = step_pip.classify(text)
    assert found == id
    assert words in seen
    assert "ada:pw" not in seen


FAKE_PYTHON = """#!/bin/sh
# `python -m venv [options] DIR` and `DIR/bin/python -m pip install -r FILE ...`: packages are folders.
case "$*" in
  *"-m venv"*)
    for target; do :; done
    mkdir -p "$target/bin" "$target/lib/python3.11/site-packages"
    touch "$target/pyvenv.cfg"; cp "$0" "$target/bin/python"; exit 0;;
esac
echo "$*" >> "$NOTES/pip"
cat "$PIP_CONFIG_FILE" > "$NOTES/conf"
while [ $# -gt 0 ]; do case $1 in -r) wanted=$2;; -c) bounds=$2;; esac; shift; done
[ -e "$NOTES/failure" ] && { cat "$NOTES/failure"; exit 1; }
site=$(dirname "$0")/../lib/python3.11/site-packages
echo "Progress 10 of 20"
for name in $(cat "$wanted") numpy; do
  version=2.0; [ -n "$bounds" ] && version=$(sed -n "s/^$name==//p" "$bounds")
  ls -d "$site/$name"-*.dist-info > /dev/null 2>&1 || mkdir "$site/$name-$version.dist-info"
done
"""


@pytest.fixture
def python(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    script = tmp_path / "python"
    script.write_text(FAKE_PYTHON)
    script.chmod(0o755)
    monkeypatch.setenv("NOTES", str(tmp_path))
    return str(script)


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("torch"), "torch")


def spec(python: str, **more: Any) -> dict[str, Any]:
    return {
        "venv": "/opt/torch",
        "python": python,
        "requirements": ["torch"],
        "index_url": "https://ada:pw@i/simple",
        **more,
    }


def site(root: Path) -> Path:
    return root / "opt/torch/lib/python3.11/site-packages"


def test_an_environment_is_made_once(root: Path, python: str, report: Report) -> None:
    wanted = spec(python)
    assert step_pip.needed(wanted)
    assert step_pip.run(wanted, report)["distributions"] == {"numpy": "2.0", "torch": "2.0"}
    assert not step_pip.needed(wanted)
    assert step_pip.needed(spec(python, requirements=["torch", "ollama"]))


def test_addresses_reach_pip_through_a_closed_file_and_are_gone_afterwards(
    root: Path, python: str, report: Report, tmp_path: Path
) -> None:
    step_pip.run(spec(python, extra_index_urls=["https://other/simple"]), report)
    assert "ada:pw" not in (tmp_path / "pip").read_text()
    assert "index-url = https://ada:pw@i/simple" in (tmp_path / "conf").read_text()
    assert "https://other/simple" in (tmp_path / "conf").read_text()
    assert not (report.folder / "pip.conf").exists()
    assert "ada:pw" not in (report.folder / "output.log").read_text()


def test_a_part_that_somebody_removed_comes_back_in_its_version(root: Path, python: str, report: Report) -> None:
    step_pip.run(spec(python), report)
    record = root / "opt/torch" / step_pip.RECORD
    (site(root) / "numpy-2.0.dist-info").rename(site(root) / "numpy-1.26.dist-info")
    document = json.loads(record.read_text())
    document["distributions"]["numpy"] = "1.26"
    files.write_json(record, document)
    (site(root) / "numpy-1.26.dist-info").rmdir()
    assert step_pip.needed(spec(python))
    assert step_pip.run(spec(python), report)["distributions"]["numpy"] == "1.26"


def test_what_a_kill_left_behind_is_made_anew(root: Path, python: str, report: Report) -> None:
    step_pip.run(spec(python), report)
    (root / "opt/torch" / step_pip.UNFINISHED).touch()
    (site(root) / "half-1.0.dist-info").mkdir()
    assert step_pip.needed(spec(python))
    assert "half" not in step_pip.run(spec(python), report)["distributions"]


def test_a_failure_is_a_finding_and_the_next_run_starts_over(
    root: Path, python: str, report: Report, tmp_path: Path
) -> None:
    (tmp_path / "failure").write_text("ERROR: No matching distribution found for torch\n")
    with pytest.raises(FindingError) as caught:
        step_pip.run(spec(python), report)
    assert caught.value.id == "GH-PIP-NOT-FOUND"
    assert step_pip.needed(spec(python))


def test_a_folder_of_somebody_else_is_left_alone(root: Path, python: str, report: Report) -> None:
    (root / "opt/torch").mkdir(parents=True)
    (root / "opt/torch/thesis.tex").write_text("years of work")
    with pytest.raises(FindingError, match="holds something else"):
        step_pip.run(spec(python), report)
    assert (root / "opt/torch/thesis.tex").exists()


def test_the_system_s_packages_count_where_the_environment_sees_them(root: Path, python: str, report: Report) -> None:
    step_pip.run(spec(python, requirements=["numpy"]), report)
    system = root / "usr/lib/python3/dist-packages"
    (system / "torch-2.6.0.egg-info").mkdir(parents=True)
    wanted = spec(python, requirements=["torch==2.6.0"])
    assert step_pip.needed(wanted)
    assert not step_pip.needed({**wanted, "system_site_packages": True})


def test_a_real_environment_is_recognised(root: Path) -> None:
    """The names of installers' records are as this Python's own environment has them."""
    link = root / "opt"
    link.mkdir()
    (link / "torch").symlink_to(sys.prefix)
    assert not unmet(["pytest", "PyYAML"], step_pip.distributions(link / "torch"))
