"""How deep `./gpuhost verify` is told to go."""

from __future__ import annotations

from typing import Any

import pytest

from control.commands import verify as command
from control.commands.verify import Options, _depth
from control.exitcodes import ExitCode
from control.inventory import BadInputError

DEPTHS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"level": "standard"}, {"gpuhost_verify_level": "standard"}),
    ({"level": "burn"}, {"gpuhost_verify_level": "burn"}),
    ({"level": "burn", "minutes": 30}, {"gpuhost_verify_level": "burn", "gpuhost_verify_minutes": 30}),
    ({"only": "driver, containers.ollama,"}, {"gpuhost_verify_only": ["driver", "containers.ollama"]}),
]


@pytest.mark.parametrize(("asked", "variables"), DEPTHS)
def test_what_was_asked_for_reaches_the_role(asked: dict[str, Any], variables: dict[str, Any]) -> None:
    assert _depth(Options(**asked)) == variables


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"level": "deep"}, "there is no level deep; there are quick, standard, burn"),
    ({"minutes": 5}, "--minutes goes with --level burn"),
    ({"level": "standard", "minutes": 5}, "--minutes goes with --level burn"),
    ({"level": "burn", "minutes": -5}, "--minutes is -5"),
    ({"only": "driver,contaners.ollama"}, "no area contaners.ollama (did you mean containers?); there are system, "),
    ({"only": "gpu"}, "there is no area gpu; there are"),
    ({"only": ","}, "there is no area in it; there are"),
]


@pytest.mark.parametrize(("asked", "words"), WRONG)
def test_what_makes_no_sense_is_refused_before_any_host(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        _depth(Options(**asked))
    assert words in caught.value.findings[0].seen


def test_a_refusal_is_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.verify(Options(level="deep", json=True)) == ExitCode.BAD_INPUT
    assert "there is no level deep" in capsys.readouterr().out
