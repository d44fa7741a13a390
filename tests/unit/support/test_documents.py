"""The tables of the documents are those of ``support/``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from control import support, tables
from control.paths import ROOT


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_a_document_has_the_tables_that_support_has(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert tables.rendered(support.load(), text) == text, "`./gpuhost support --write-docs` writes them anew"


def test_every_table_that_can_be_made_stands_somewhere() -> None:
    texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in tables.DOCUMENTS)
    assert set(re.findall(r"<!-- support: ([a-z-]+) -->", texts)) == set(tables.TABLES)


def test_what_was_edited_by_hand_is_written_anew_and_the_words_around_it_stay(tmp_path: Path) -> None:
    for name in tables.DOCUMENTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    guide = tmp_path / "docs" / "support.md"
    right = guide.read_text(encoding="utf-8")
    guide.write_text(right.replace("| 31.50.0 |", "| 31.51.0 |", 1), encoding="utf-8")
    assert tables.write(support.load(), tmp_path) == ["docs/support.md"]
    assert guide.read_text(encoding="utf-8") == right
    assert tables.write(support.load(), tmp_path) == []
