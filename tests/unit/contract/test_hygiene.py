"""What no file of the product may hold, and what the configuration files must agree on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from control.paths import ROOT
from tests.unit.contract import repository

THIS = Path(__file__)
TEXTS = [
    path
    for path in repository.files()
    if path != THIS
    and (path.suffix in (".py", ".yml", ".j2", ".sh", ".cfg", ".toml", ".md", "") or path.name == "Dockerfile")
    and not path.is_relative_to(ROOT / "tests" / "samples")
]
#: Pattern -> what is wrong with it.
NOWHERE = {
    r"(?<![\w.{}])/(?:work|Users)/|/home/(?!jupyter|gpuhost|ada|alice|bob|user)\w+/": "a path of somebody's machine",
    r"\b(?:TODO|FIXME|XXX)\b": "something unfinished",
    r"^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----\s*$": "a private key",
    r"\bvalidate_certs: *(?:false|no)\b|\bverify=False\b|host_key_checking *= *[Ff]alse": "an unchecked peer",
    r"(?<!never )(?<!`)\b(?:trusted=yes\b|apt-key\b|allow_unauthenticated)": "an unsigned source",
    r"\bchmod 666\b|mode: *\"?0?666\b": "a device for everybody",
}
#: A linter's mark -> the mark with the reason behind it.
WITH_REASON = {
    r"# *noqa\b": r"# *noqa: *[A-Z]+\d+(?:, *[A-Z]+\d+)* .*\w+\W+\w+",
    r"# *type: *ignore": r"# *type: *ignore\[[\w, -]+\] .*\w+\W+\w+",
}


@pytest.mark.parametrize("wrong", NOWHERE, ids=NOWHERE.values())
def test_no_file_holds(wrong: str) -> None:
    pattern = re.compile(wrong)
    hits = [
        f"{repository.name(path)}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert hits == []


@pytest.mark.parametrize("mark", WITH_REASON)
def test_a_linter_is_told_to_look_away_only_with_the_reason_beside_it(mark: str) -> None:
    silent = [
        f"{repository.name(path)}:{number}"
        for path in TEXTS
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(mark, line) and not re.search(WITH_REASON[mark], line)
    ]
    assert silent == []


@pytest.mark.parametrize("path", repository.product_files(".py"), ids=repository.name)
def test_a_module_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def pins(name: str) -> dict[str, str]:
    """package -> version of a pinned requirements file."""
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line and line[0] not in "#-"]
    return {package.lower().replace("_", "-"): version for package, _, version in (line.partition("==") for line in lines)}


def wanted(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {re.split(r"[=<>~]", line)[0].lower().replace("_", "-") for line in lines if line and line[0] not in "#-"}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_what_is_wanted_is_pinned_to_one_version(name: str) -> None:
    pinned = pins(f"{name}.txt")
    assert wanted(f"{name}.in") - set(pinned) == set()
    assert [package for package, version in pinned.items() if not version] == []


def test_the_two_sets_of_pins_agree() -> None:
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: (run[name], dev[name]) for name in run.keys() & dev.keys() if run[name] != dev[name]} == {}


def test_the_python_that_the_door_asks_for_is_the_one_that_is_checked_against() -> None:
    door = re.search(r"version_info < \((\d+), (\d+)\)", (ROOT / "gpuhost").read_text(encoding="utf-8"))
    assert door is not None
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert settings["ruff"]["target-version"] == f"py{door[1]}{door[2]}"
    assert settings["mypy"]["python_version"] == f"{door[1]}.{door[2]}"


def test_tests_that_need_more_are_left_out_by_default() -> None:
    from control.quality import MARKERS

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert [marker.partition(":")[0] for marker in settings["markers"]] == list(MARKERS)
    assert " and ".join(f"not {marker}" for marker in MARKERS) in settings["addopts"]


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "./gpuhost test --lab" in ci
    assert "./gpuhost test --lab" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
