"""Every word that the checks say in the cases of these tests is as it was when somebody last read it."""

from __future__ import annotations

import difflib

import pytest

from tests.unit.checks import verdicts
from verify.checks import AREAS


@pytest.mark.parametrize("area", AREAS)
def test_what_is_said_is_what_was_read(area: str) -> None:
    kept = (verdicts.FOLDER / f"{area}.txt").read_text(encoding="utf-8")
    now = verdicts.text(area)
    difference = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "was", "is", lineterm="", n=2))
    assert kept == now, f"python -m tests.unit.checks.verdicts writes it anew; read what changes:\n{difference}"
