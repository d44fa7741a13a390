"""`docs/checks.md` names every check there is, and none that is not."""

from __future__ import annotations

import re

from control.paths import ROOT
from tests.unit.checks import healthy, test_work_sentences
from tests.unit.checks.test_sentences import judge, kind
from verify.checks import CHECKS

TEXT = (ROOT / "docs/checks.md").read_text(encoding="utf-8")


def as_written(id: str) -> str:
    """The form in which the page writes an id."""
    id = re.sub(r"\.gemm_[a-z]+[0-9]+", ".gemm_<format>", id)
    id = re.sub(r"(correctness.*)\.(conv|attention)_[a-z0-9]+$", r"\1.\2_<format>", id)
    id = re.sub(r"^driver\.0000-\S+\.bound", "driver.<pci>.bound", kind(id))
    id = re.sub(r"^health\.0000-[^.]+", "health.<pci>", id)
    id = re.sub(r"^driver\.\*\.built", "driver.<kernel>.built", id)
    id = re.sub(r"^(driver\.parameter|gateway\.certificate)\.\*", r"\1.<name>", id)
    id = re.sub(r"^rocm\.(?!override)[^.]+\.", "rocm.<tool>.", id)
    return re.sub(r"\.model\..*", ".model.*", id)


def documented() -> set[str]:
    rows = re.findall(r"^\| (`.*?`) \|", TEXT, re.MULTILINE)
    return {id for row in rows for id in re.findall(r"`([^`]+)`", row) if "." in id}


def test_every_check_is_documented_and_nothing_else_is() -> None:
    ids = {as_written(id) for check in CHECKS for id in judge(check.area, healthy.seen(check.area))}
    ids |= {as_written(id) for id in test_work_sentences.two_gpus() if ".gpu0." in id}
    assert documented() == ids


def test_every_area_is_described_in_the_words_of_the_code() -> None:
    headings = re.findall(r"^### (\w+): ", TEXT, re.MULTILINE)
    assert headings == [check.area for check in CHECKS]
