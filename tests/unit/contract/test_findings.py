"""Every problem that is named anywhere has its words in the catalogue and its entry in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from control.findings import CATALOGUE
from control.paths import ROOT
from tests.unit.contract import repository

ID = re.compile(r"\bGH-[A-Z0-9]+(?:-[A-Z0-9]+)*\b(?![-{])")
DOCUMENTED = ROOT / "docs" / "findings.md"
HOME = ROOT / "control" / "catalogue"


def named_in(paths: list[Path]) -> dict[str, str]:
    """Each id with a file that names it."""
    found: dict[str, str] = {}
    for path in paths:
        for match in ID.findall(path.read_text(encoding="utf-8")):
            found.setdefault(match, repository.name(path))
    return found


SOURCES = [path for path in repository.product_files(".py", ".yml", ".j2", ".md") if HOME not in path.parents]
USED = named_in([*SOURCES, ROOT / "gpuhost", *sorted((ROOT / "docs").glob("*.md"))])


def test_ids_are_named_outside_of_the_catalogue() -> None:
    assert len(USED) > 10


@pytest.mark.parametrize("name", sorted(USED))
def test_an_id_that_is_used_is_in_the_catalogue(name: str) -> None:
    assert name in CATALOGUE, f"{USED[name]} names it"


def test_the_documentation_has_an_entry_for_each_id_and_no_other() -> None:
    headings = re.findall(r"^#+ .*?(GH-[A-Z0-9-]+)", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(CATALOGUE)
    assert len(headings) == len(set(headings))


def test_an_entry_says_what_to_do_next() -> None:
    assert [entry.id for entry in CATALOGUE.values() if not (entry.title and entry.why and entry.next)] == []
