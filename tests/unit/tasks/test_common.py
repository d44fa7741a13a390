"""Whoever asks for JSON gets one document, however a command ends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from control import findings
from control.commands.common import guarded
from control.inventory import BadInputError


def raising(error: BaseException) -> Callable[[], int]:
    def action() -> int:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "ids"),
    [
        (KeyboardInterrupt(), 130, []),
        (RuntimeError("a wheel came off"), 1, ["GH-BUG"]),
    ],
)
def test_an_interruption_and_a_fault_are_still_one_json_document(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, ids: list[str]
) -> None:
    with pytest.raises(type(error)):
        guarded(raising(error), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["exit_code"], [one["id"] for one in said["findings"]]) == (code, ids)


def test_bad_input_is_a_document_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = BadInputError([findings.make("GH-INPUT-UNKNOWN-HOST", "", "--host ',' names no host")])
    assert guarded(raising(wrong), as_json=True) == json.loads(capsys.readouterr().out)["exit_code"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a wheel came off")])
def test_without_json_nothing_is_printed_twice(capsys: pytest.CaptureFixture[str], error: BaseException) -> None:
    with pytest.raises(type(error)):
        guarded(raising(error), as_json=False)
    assert capsys.readouterr().out == ""
