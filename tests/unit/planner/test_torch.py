"""PyTorch of the host's own environment."""

from __future__ import annotations

from typing import Any

import pytest

from control.planner import torch as planned
from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
TWO = "ubuntu-24.04-rx6600-plus-igpu"


def test_a_gpu_host_gets_the_wheel_with_its_targets_kernels_and_no_override(make: Make) -> None:
    plan = make(RX6600)
    torch = plan.roles["pytorch"]
    assert torch["requirements"][0] == "torch[device-gfx1032]==2.14.0+rocm10.1.0"
    assert torch["index_url"] == "https://stable.repo.amd.com/rocm/whl-next/"
    assert torch["extra_index_urls"] == ["https://pypi.org/simple"]
    assert "HSA_OVERRIDE_GFX_VERSION" not in torch["environment"]
    (row,) = [one for one in plan.roles["verify"]["expected"]["torch"] if one["where"] == "host"]
    assert (row["build"], row["version"], row["gpu"], row["override"]) == ("rocm", "2.14.0", True, None)


def test_the_sites_indexes_take_the_place_of_the_public_ones(make: Make) -> None:
    torch = make(RX6600, sources_torch_index="https://mirror/torch", sources_python_index="https://mirror/simple").roles[
        "pytorch"
    ]
    assert (torch["index_url"], torch["extra_index_urls"]) == ("https://mirror/torch", ["https://mirror/simple"])


def test_the_distributions_pytorch_comes_by_apt_and_shows_through(make: Make) -> None:
    torch = make(RX6600, pytorch_build="distro").roles["pytorch"]
    assert torch["packages"] == ["python3-venv", "python3-torch"]
    assert torch["system_site_packages"] is True
    assert torch["requirements"] == ["numpy", "ollama"]
    assert (torch["index_url"], torch["extra_index_urls"]) == ("https://pypi.org/simple", [])


def test_no_pytorch_means_nothing_to_install(make: Make) -> None:
    plan = make(RX6600, pytorch_build="none")
    torch = plan.roles["pytorch"]
    assert (torch["build"], torch["packages"], torch["requirements"]) == ("none", [], [])
    assert [one["where"] for one in plan.roles["verify"]["expected"]["torch"]] == ["gpuhost-jupyter"]


@pytest.mark.parametrize(
    ("edit", "wish", "finding"),
    [
        (lambda host: host["python"].update(version="3.9.2"), "auto", "GH-TORCH-PYTHON"),
        (lambda host: host["python"].update(version="3.15.0"), "cpu", "GH-TORCH-PYTHON"),
        (lambda host: host["gpus"][0].update(device_id="67df", gfx="gfx803"), "rocm", "GH-TORCH-TARGET"),
    ],
)
def test_a_wheel_that_does_not_exist_for_this_host_is_refused(make: Make, edit: Any, wish: Any, finding: str) -> None:
    assert finding in ids(make(RX6600, edit, pytorch_build=wish), "refuse")


def test_a_build_that_the_system_does_not_have_is_refused(make: Make) -> None:
    assert "GH-TORCH-NONE" in ids(make("ubuntu-24.04-rx7900xtx", pytorch_build="distro"), "refuse")


def test_rocm_wheels_without_a_gpu_are_refused(make: Make) -> None:
    assert "GH-TORCH-TARGET" in ids(make(RX6600, preflight_cpu_only=True, pytorch_build="rocm"), "refuse")


def test_a_gpu_too_old_for_every_wheel_gets_the_build_for_processors_and_is_told(make: Make) -> None:
    plan = make(RX6600, lambda host: host["gpus"][0].update(device_id="67df", gfx="gfx803"))
    assert plan.roles["pytorch"]["build"] == "cpu"
    assert ids(plan, "refuse") == []
    assert ids(plan, "warn").count("GH-GPU-TARGET") == 3  # the host's PyTorch, Ollama, JupyterLab
    assert all(one["devices"] == [] for one in plan.roles["services"]["containers"])


def two_cards(host: dict[str, Any]) -> None:
    """The integrated GPU becomes a second card, of another target."""
    host["gpus"][1].update(device_id="744c", revision="c8", gfx="gfx1100", vram_bytes=24 << 30)


def test_one_environment_has_kernels_for_every_card_that_the_wheels_know(make: Make) -> None:
    plan = make(TWO, two_cards)
    assert plan.roles["pytorch"]["requirements"][0].startswith("torch[device-gfx1100,device-gfx1032]==")
    assert plan.roles["pytorch"]["environment"] == {}


def test_a_card_without_kernels_is_hidden_from_the_wheel_and_named(make: Make) -> None:
    def old_second_card(host: dict[str, Any]) -> None:
        host["gpus"][1].update(device_id="67df", revision="e7", gfx="gfx803", vram_bytes=8 << 30)

    plan = make(TWO, old_second_card)
    assert plan.roles["pytorch"]["requirements"][0].startswith("torch[device-gfx1032]==")
    assert plan.roles["pytorch"]["environment"] == {"ROCR_VISIBLE_DEVICES": "0"}
    seen = [one.seen for one in plan.findings if one.id == "GH-GPU-PARTLY"]
    assert any(text.startswith(planned.NAME) and "gfx803" in text for text in seen)


def test_a_gpu_shown_by_number_says_what_the_number_hangs_on(make: Make) -> None:
    (decision,) = [one for one in make(TWO).decisions if one.rule == "gpu.visible.host"]
    assert decision.choice == "ROCR_VISIBLE_DEVICES=0"
    assert "put in or taken out" in decision.reason


def test_the_override_must_not_be_set_where_the_wheel_has_kernels(make: Make) -> None:
    (decision,) = [one for one in make(RX6600).decisions if one.topic == "override for PyTorch on the host"]
    assert (decision.choice, decision.rule) == ("must not be set", "override.not-needed")
    assert "override.set" in rules(make(RX6600)), "Ollama's own is another matter"
