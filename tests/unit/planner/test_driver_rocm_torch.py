"""Driver, ROCm on the host, PyTorch of the host."""

from __future__ import annotations

from typing import Any

import pytest

from control.support import Table
from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
SIMULATED = "debian-13-rx6600-simulated"
CLASSIC = "ubuntu-22.04-rx6700xt-classic"


def test_a_simulated_gpu_is_planned_for_and_nothing_is_loaded(make: Make) -> None:
    plan = make(SIMULATED)
    assert plan.simulated
    assert ids(plan, "refuse") == []
    assert "GH-SIMULATED" in ids(plan, "note")
    assert (plan.roles["amdgpu"]["driver"], plan.roles["amdgpu"]["load"]) == ("inbox", False)
    assert plan.roles["verify"]["expected"]["simulated"] is True


@pytest.mark.parametrize(
    ("sample", "wish", "driver", "rule"),
    [
        (RX6600, "auto", "inbox", "driver.inbox.bound"),
        (RX6600, "none", "none", "driver.none"),
        (CLASSIC, "auto", "none", "driver.keep-dkms"),
        (CLASSIC, "inbox", "inbox", "driver.inbox.bound"),
    ],
)
def test_driver(make: Make, sample: str, wish: Any, driver: str, rule: str) -> None:
    plan = make(sample, amdgpu_driver=wish)
    assert plan.roles["amdgpu"]["driver"] == driver
    assert rule in rules(plan)


def test_verify_is_told_which_driver_is_at_work(make: Make) -> None:
    assert make(CLASSIC).roles["verify"]["expected"]["driver"] == {"source": "dkms", "module": "amdgpu"}
    assert make(RX6600).roles["verify"]["expected"]["driver"] == {"source": "inbox", "module": "amdgpu"}


def test_the_plan_for_the_driver_stays_the_same_once_it_is_carried_out(make: Make) -> None:
    def bare(host: dict[str, Any]) -> None:
        host["gpus"][0].update(driver=None, kfd_node=None, gfx=None, render_minor=None)
        host["kernel"]["modules"]["amdgpu"]["loaded"] = False
        host["packages"].pop("firmware-amd-graphics", None)

    def afterwards(host: dict[str, Any]) -> None:
        host["packages"]["firmware-amd-graphics"] = {"version": "1", "origin": None}

    assert make(RX6600, bare).roles["amdgpu"] == make(RX6600, afterwards).roles["amdgpu"]


@pytest.mark.parametrize(
    ("sample", "wish", "stream", "packages"),
    [
        ("debian-12-rx6600", "auto", "distro", ["rocminfo", "rocm-smi"]),
        ("ubuntu-22.04-rx6600", "auto", "distro", ["rocminfo"]),
        (CLASSIC, "auto", "none", []),
        ("debian-12-rx6600", "none", "none", []),
        (CLASSIC, "distro", "distro", ["rocminfo"]),
    ],
)
def test_rocm(make: Make, sample: str, wish: Any, stream: str, packages: Any) -> None:
    plan = make(sample, rocm_stream=wish)
    assert plan.roles["rocm"] == {"stream": stream, "packages": packages}
    assert plan.roles["verify"]["expected"]["rocm"] == {"stream": stream, "tools": packages}


def test_a_rocm_stream_that_the_system_does_not_have_is_refused(
    make: Make, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(table), "rocm_row", lambda *_: None)
    assert "GH-ROCM-NONE" in ids(make(RX6600, rocm_stream="distro"), "refuse")
    assert make(RX6600).roles["rocm"]["stream"] == "none"


def test_a_gpu_host_gets_the_wheel_with_its_targets_kernels_and_no_override(make: Make) -> None:
    plan = make(RX6600)
    torch = plan.roles["pytorch"]
    assert torch["requirements"][0] == "torch[device-gfx1032]==2.13.0+rocm10.0.0"
    assert torch["index_url"] == "https://stable.repo.amd.com/rocm/whl-next/"
    assert torch["extra_index_urls"] == ["https://pypi.org/simple"]
    assert "HSA_OVERRIDE_GFX_VERSION" not in torch["environment"]
    (row,) = [one for one in plan.roles["verify"]["expected"]["torch"] if one["where"] == "host"]
    assert (row["build"], row["version"], row["gpu"], row["override"]) == ("rocm", "2.13.0", True, None)


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
