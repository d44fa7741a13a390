"""``./gpuhost support``."""

from __future__ import annotations

import json

import pytest
from invoke import Exit, MockContext

from control.tasks.support import support


def test_json_answers_with_gpus_consumers_and_systems(capsys: pytest.CaptureFixture[str]) -> None:
    support(MockContext(), gpu="gfx1032", os="debian-13", json=True)
    answer = json.loads(capsys.readouterr().out)
    assert {one["gfx"] for one in answer["gpus"]} == {"gfx1032"}
    (target,) = answer["answers"]
    assert [one["id"] for one in target["systems"]] == ["debian-13"]
    assert {one["name"]: one["override"] for one in target["consumers"]}["ollama/ollama:rocm"] == "10.3.0"


def test_without_a_question_it_lists_systems_images_and_services(capsys: pytest.CaptureFixture[str]) -> None:
    support(MockContext())
    text = capsys.readouterr().out
    for word in ("debian-12", "ubuntu-24.04", "ollama/ollama:rocm", "JupyterLab"):
        assert word in text


def test_check_counts_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    support(MockContext(), check=True)
    assert "support/ is well formed" in capsys.readouterr().out


@pytest.mark.parametrize(("gpu", "os"), [("RX 66000", ""), ("", "debian-11"), ("RX 6600", "windows")])
def test_an_unknown_name_is_bad_input(gpu: str, os: str) -> None:
    with pytest.raises(Exit) as caught:
        support(MockContext(), gpu=gpu, os=os)
    assert caught.value.code == 10
