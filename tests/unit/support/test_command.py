"""``./gpuhost support``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from invoke import Exit, MockContext

from control.tasks.support import support


def asked(capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    support(MockContext(), json=True, **options)
    return json.loads(capsys.readouterr().out)


def test_json_answers_with_gpus_programs_and_systems(capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(capsys, gpu="gfx1032", os="debian-13")
    assert {one["gfx"] for one in answer["gpus"]} == {"gfx1032"}
    (target,) = answer["answers"]
    assert [one["id"] for one in target["systems"]] == ["debian-13"]
    assert {one["name"]: one["override"] for one in target["programs"]}["ollama/ollama:rocm"] == "10.3.0"


def test_without_a_question_it_lists_systems_images_and_services(capsys: pytest.CaptureFixture[str]) -> None:
    support(MockContext())
    text = capsys.readouterr().out
    for word in ("gfx1032", "Navi 23", "debian-12", "ubuntu-24.04", "rhel-9.6", "ollama/ollama:rocm", "JupyterLab"):
        assert word in text


def test_check_counts_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    support(MockContext(), check=True)
    assert "support/ is well formed" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"rocm": "10.1"}, {"need": "rocm 10.1"}, {"need": "10.1"}])
def test_what_a_release_needs_is_asked_in_either_way(capsys: pytest.CaptureFixture[str], options: Any) -> None:
    answer = asked(capsys, gpu="Strix Halo", os="ubuntu-24.04", **options)
    assert answer["release"]["version"] == "10.1.0"
    assert [(one["gfx"], one["kernels"], one["listed"]) for one in answer["fits"]] == [("gfx1151", "own", True)]


def test_what_a_driver_needs_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, need="driver 31.60")["release"]["kernel_base"] == "7.1.9"


def test_a_system_that_amd_supports_and_gpuhost_does_not_set_up_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked(capsys, os="rhel-9.6")["elsewhere"]["families"] == ["instinct"]
    support(MockContext(), os="rhel-9.6")
    assert "does not set it up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("gpu", "system", "left_out"),
    [("7900 XTX", "rhel-9.6", ["radeon"]), ("7900 XTX", "rhel-9.8", []), ("MI300X", "rhel-9.6", [])],
)
def test_such_a_system_does_not_take_the_gpu_out_of_the_answer(
    capsys: pytest.CaptureFixture[str], gpu: str, system: str, left_out: list[str]
) -> None:
    answer = asked(capsys, gpu=gpu, os=system)
    assert answer["elsewhere"]["not_for"] == left_out
    assert {one["systems"] == [] for one in answer["answers"]} == {True}
    support(MockContext(), gpu=gpu, os=system)
    text = capsys.readouterr().out
    for word in ("does not set it up", gpu, "Programs"):
        assert word in text
    assert ("AMD does not support it on this system" in text) == bool(left_out)


def test_such_a_system_does_not_take_the_release_out_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(capsys, rocm="10.1", os="rhel-9.6")
    assert (answer["elsewhere"]["id"], answer["release"]["version"]) == ("rhel-9.6", "10.1.0")


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"gpu": "RX 66000"}, "nearest"),
        ({"gpu": "zzz"}, "does not know 'zzz'"),
        ({"os": "debian-11"}, "debian-12"),
        ({"os": "25.10"}, "does not know '25.10'"),
        ({"gpu": "RX 6600", "os": "windows"}, "does not know 'windows'"),
        ({"os": "ubuntu-25.10"}, "ubuntu-24.04"),
        ({"rocm": "7.2.9"}, "7.2.4"),
        ({"rocm": "9.0"}, "nearest"),
        ({"need": "driver 31.6"}, "31.60.0"),
        ({"need": "cuda 13"}, "rocm NUMBER"),
    ],
)
def test_an_unknown_name_is_bad_input_and_gets_the_nearest(options: Any, near: str) -> None:
    with pytest.raises(Exit) as caught:
        support(MockContext(), **options)
    assert caught.value.code == 10
    assert near in str(caught.value)
    assert "./gpuhost support lists all" in str(caught.value)
