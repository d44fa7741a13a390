"""Findings: words, levels, exit codes, and that each one is documented."""

from __future__ import annotations

import re
from typing import Any

import pytest

from control import findings
from control.catalogue import ENTRIES, TOPICS
from control.exitcodes import ExitCode, worst
from control.paths import ROOT

DOCUMENT = ROOT / "docs" / "findings.md"
#: Files that may name a finding.
SOURCES = [
    path
    for folder in ("control", "onhost", "plugins", "verify")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
]


def test_each_finding_is_in_the_document_once_and_nothing_else_is() -> None:
    headings = re.findall(r"^### (GH-[A-Z0-9-]+)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(findings.CATALOGUE)


def test_the_document_gives_each_finding_its_title_its_level_and_its_exit_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for entry in ENTRIES:
        end = f"exit code {int(entry.exit_code)}" if entry.level == "refuse" else "stops nothing"
        assert f"### {entry.id}\n\n**{entry.title}** · {entry.level} · {end}\n" in text


def test_all_findings_of_one_first_word_stand_in_one_module() -> None:
    homes: dict[str, set[str]] = {}
    for topic in TOPICS:
        for entry in topic.ENTRIES:
            homes.setdefault(entry.id.split("-")[1], set()).add(topic.__name__)
    assert {word: found for word, found in homes.items() if len(found) > 1} == {}


def test_no_id_stands_twice() -> None:
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)


def test_every_id_that_the_code_names_is_in_the_catalogue() -> None:
    named = {name for path in SOURCES for name in re.findall(r'"(GH-[A-Z0-9]+(?:-[A-Z0-9]+)*)"', path.read_text())}
    assert len(named) > 40
    assert named <= set(findings.CATALOGUE)


def test_a_finding_that_stops_has_an_exit_code_and_one_that_does_not_has_none() -> None:
    for entry in ENTRIES:
        assert (entry.exit_code is ExitCode.DONE) == (entry.level != "refuse")
        assert entry.why
        assert entry.next


def test_parameters_fill_the_words() -> None:
    setting = "services_ports: {ollama: 11435}"
    made = findings.make("GH-PORT-TAKEN", "gpu01", "port 11434", service="ollama", holder="nginx", setting=setting)
    assert made.why == "ollama could not start"
    assert "(nginx)" in made.next
    assert "{ollama: 11435}" in made.next
    assert findings.from_dict(made.as_dict()) == made


def test_an_optional_part_goes_where_its_parameter_is_missing_and_a_needed_one_shows() -> None:
    assert "nearest" not in findings.make("GH-INPUT-UNKNOWN-HOST", "", "x", near="").next
    assert "the nearest is gpu01" in findings.make("GH-INPUT-UNKNOWN-HOST", "", "x", near="gpu01").next
    assert "<variable>" in findings.make("GH-INPUT-TYPE", "", "x").next


def test_what_was_seen_stands_on_one_line() -> None:
    assert findings.make("GH-BUG", "", "a\n  b").seen == "a b"
    assert "\n" not in findings.make("GH-BUG", "", "a\nb").sentence()


def test_an_unknown_id_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        findings.make("GH-NO-SUCH-THING", "", "")


@pytest.mark.parametrize(
    ("codes", "worst_code"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 12, 0], 12),
        ([11, 12], 12),
        ([12, 14], 14),
        ([15, 14], 14),
        ([14, 17], 17),
        ([17, 1], 1),
        ([18, 0], 18),
        ([16, 12], 16),
    ],
)
def test_a_fleet_ends_as_its_worst_host(codes: Any, worst_code: Any) -> None:
    assert worst(codes) == worst_code


def test_a_code_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="99"):
        worst([99])
