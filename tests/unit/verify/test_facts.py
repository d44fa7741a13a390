"""What is noted of a host beside its results: what may explain a change, and nothing that is secret or not known."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from control.paths import ROOT
from tests.unit.checks import healthy
from verify.facts import facts
from verify.result import PASS, Result

SNAPSHOTS = sorted((ROOT / "tests/samples/snapshots").glob("*.json"))
CLASSIC = json.loads((ROOT / "tests/samples/snapshots/ubuntu-22.04-rx6700xt-classic.json").read_text(encoding="utf-8"))
EXPECTED: dict[str, Any] = {
    "gpus": [{"pci": "0000:03:00.0", "name": "Radeon RX 6700 XT", "gfx": "gfx1031"}],
    "services": [{"name": "ollama", "container": "ollama"}],
    "torch": [{"where": "host", "python": "/opt/webui/venv/bin/python"}, {"where": "gpuhost-jupyter", "python": "python3"}],
}
RESULTS = [
    Result("torch.host.version", PASS, "2.5.1", "2.5.1"),
    Result("torch.gpuhost-jupyter.version", PASS, "2.12.0", "2.12.0"),
    Result("services.ollama.version", PASS, "0.35.0", "a version"),
    Result("services.jupyter.version", PASS, None, "a version"),
]


def test_what_may_explain_a_change_is_noted() -> None:
    assert facts(CLASSIC, EXPECTED, RESULTS) == {
        "system": "Ubuntu 22.04 LTS",
        "kernel": "6.8.0-90-generic",
        "parameters": "none that concern GPUs",
        "cpu": "AMD Ryzen 7 5700X 8-Core Processor, 16 threads",
        "memory": "31 GiB",
        "driver": "amdgpu, AMD's 6.8.5, build 9E1C07B5D2A4F86B30C4D7E",
        "driver_package": "amdgpu-dkms 1:6.8.5.60204-2041575.22.04",
        "firmware": "linux-firmware 20240318.git3b128b60-0ubuntu2.18",
        "rocm": "6.2.4 (classic, /opt/rocm-6.2.4)",
        "engine": "27.5.1",
        "image.ollama": "ollama/ollama:rocm dddddddddddd",
        "torch.host": "2.5.1+rocm6.2, HIP 6.2.41133-dd7f95766",
        "torch.gpuhost-jupyter": "2.12.0",
        "version.ollama": "0.35.0",
        "gpus": "1",
        "gpu.0000:03:00.0": "Radeon RX 6700 XT, gfx1031, 12 GiB",
    }


def test_of_the_kernels_command_line_only_what_concerns_gpus_is_noted() -> None:
    told = "root=UUID=5f2c ro quiet iommu=pt amdgpu.ppfeaturemask=0xffff rd.luks.key=hunter2 ks=http://ada:pw@10.0.0.1/ks"
    snapshot = {"kernel": {"cmdline": told}}
    assert facts(snapshot, {}, [])["parameters"] == "iommu=pt amdgpu.ppfeaturemask=0xffff"


def test_a_card_of_the_same_kind_is_told_from_another_by_its_id() -> None:
    snapshot = json.loads((ROOT / "tests/samples/snapshots/ubuntu-24.04-rx7900xtx.json").read_text(encoding="utf-8"))
    assert facts(snapshot, {}, [])["gpu.0000:03:00.0"] == "1002:744c, gfx1100, 24 GiB, id a1ffb3c9d5e7f011"


def test_a_driver_that_is_the_kernels_own_or_simulated_or_not_there_says_so() -> None:
    def driver(**module: Any) -> str:
        return facts({"kernel": {"modules": {"amdgpu": module}}}, {}, [])["driver"]

    assert driver(loaded=True, in_tree=True, srcversion=None) == "amdgpu, the kernel's own"
    assert driver(loaded=True, in_tree=True, srcversion=None, simulated=True) == "amdgpu, the kernel's own, simulated"
    assert driver(loaded=True, in_tree=None) == "amdgpu"
    assert driver(loaded=False, in_tree=None) == "not loaded"


def test_a_gpu_that_is_gone_changes_their_number() -> None:
    snapshot = copy.deepcopy(CLASSIC)
    snapshot["gpus"] = []
    assert facts(snapshot, EXPECTED, [])["gpus"] == "0"


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_recorded_host_has_facts(path: Path) -> None:
    found = facts(json.loads(path.read_text(encoding="utf-8")), healthy.expected(), [])
    assert {"system", "kernel", "cpu", "memory"} <= set(found)
    assert all(isinstance(text, str) and text for text in found.values())


@pytest.mark.parametrize("section", sorted(CLASSIC))
def test_a_section_that_could_not_be_read_leaves_the_others(section: str) -> None:
    whole, broken = facts(CLASSIC, EXPECTED, RESULTS), copy.deepcopy(CLASSIC)
    broken[section] = {"error": "no"}
    found = facts(broken, EXPECTED, RESULTS)
    # What is told is told the same: less is not otherwise.
    assert found.items() <= whole.items()
    assert len(found) >= len(whole) - 4
    del broken[section]
    assert facts(broken, EXPECTED, RESULTS) == found
