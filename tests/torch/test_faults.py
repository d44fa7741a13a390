"""`standard` with real PyTorch on this machine's processors: it passes, and finds each fault that is planted.

The whole path runs: the program on the host, its workers in processes of their own, and the verdicts.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control import support
from control.paths import ROOT
from tests.unit.checks import measured
from tests.unit.verify import parts
from tests.unit.verify.builder import Builder
from verify.checks import correctness, memory, rate, run_checks
from verify.checks.context import Context

pytestmark = pytest.mark.torch

Results = dict[str, dict[str, Any]]
#: What the level runs of a host without GPU and services.
AREAS = ("torch", "correctness", "memory", "rate")

Prove = Callable[..., Results]


@pytest.fixture(scope="module")
def prove(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Prove:
    """Runs `verify run --level standard` for a host whose PyTorch has a fault, or none."""
    folder = tmp_path_factory.mktemp("host")

    def run(fault: str = "", areas: tuple[str, ...] = AREAS, history: list[Any] | None = None, **row: Any) -> Results:
        python = folder / f"python-{fault or 'sound'}"
        planted = [f"GPUHOST_PLANTED={fault}", f"PYTHONPATH={ROOT}/tests/torch/planted"] if fault in PLANTED else []
        override = ["HSA_OVERRIDE_GFX_VERSION=11.0.0"] if fault == "override" else []
        python.write_text(f'#!/bin/sh\nexec {shlex.join(["env", *planted, *override, str(torch_python)])} "$@"\n')
        python.chmod(0o755)
        gpus = row.pop("gpus", [])
        torch = {"where": "host", "python": str(python), "build": "cpu", "gpu": bool(gpus), "override": None, **row}
        torch["version"] = support.load().torch_rows("cpu")[0].version
        expected = {"schema": 1, "host": "here", "simulated": False, "gpus": gpus, "torch": [torch]}
        # Nothing else explains what torch does not see.
        expected["driver"] = {"source": "none", "module": None}
        (folder / "expected.json").write_text(json.dumps(expected))
        (folder / "history.json").write_text(json.dumps({"history": history or []}))
        options = ["--expect", f"{folder}/expected.json", "--history", f"{folder}/history.json", "--level", "standard"]
        done = subprocess.run(
            [sys.executable, "-m", "verify", "run", "--json", *options, *areas],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode in (0, 1), done.stderr
        return {result["id"]: result for result in json.loads(done.stdout)["results"]}

    return run


PLANTED = ("element", "narrowed", "unsteady", "slow", "not_a_number", "bit", "build")


@pytest.fixture(scope="module")
def sound(prove: Prove) -> Results:
    """What a host without a fault comes to, twice: the second run has the first one's rates to compare with."""
    return prove()


@pytest.fixture(scope="module")
def history(sound: Results) -> list[Any]:
    """The first run's rates."""
    rates = {id: one["seen"]["value"] for id, one in sound.items() if id.startswith("rate.") and "finished" not in id}
    return [{"taken_at": "2026-11-21T08:00:00Z", "rates": rates}]


def reds(results: Results) -> set[str]:
    return {id for id, result in results.items() if result["status"] == "fail"}


def test_a_sound_host_passes(sound: Results) -> None:
    assert reds(sound) == set(), [(id, sound[id]["why"]) for id in reds(sound)]
    unknown = {id for id, result in sound.items() if result["status"] == "unverifiable"}
    assert unknown == {id for id in sound if id.startswith("rate.") and not id.endswith("finished")}
    device = {"kind": "cpu", "formats": ["int8"]}
    for module, part in ((correctness, "correctness"), (memory, "memory"), (rate, "rate")):
        assert {id for id in sound if id.startswith(f"{part}.")} >= {
            f"{part}.host.cpu.{name}" for name in module.names(device)
        }


#: Each fault: the areas that find it, the one red, and words of its sentence.
FAULTS = [
    ("element", ("correctness",), "correctness.host.cpu.gemm_float32_exact", "element (101, 7) is"),
    ("narrowed", ("correctness",), "correctness.host.cpu.gemm_float32_significand", "in a narrower format"),
    ("unsteady", ("correctness",), "correctness.host.cpu.repeatable", "results differ where PyTorch promises"),
    (
        "not_a_number",
        ("correctness",),
        "correctness.host.cpu.conv_float32",
        "holds NaN or infinity where every input is an ordinary number",
    ),
    ("bit", ("memory",), "memory.host.cpu.address", "in the bits 0000000000100000"),
    ("build", ("torch",), "torch.host.build", "is built for cuda, not for cpu"),
    ("override", ("torch",), "torch.host.override", "HSA_OVERRIDE_GFX_VERSION is 11.0.0"),
]
#: Reds that a fault may bring along: the same products, asked otherwise.
ALONG = {
    "element": {"correctness.host.cpu.gemm_float32_bound", "torch.host.matmul_cpu"},
    "narrowed": {"correctness.host.cpu.gemm_float32_bound", "torch.host.matmul_cpu"},
    "unsteady": {"correctness.host.cpu.gemm_float32_exact", "correctness.host.cpu.gemm_float32_significand"},
    "not_a_number": {"torch.host.conv_cpu"},
}


@pytest.mark.parametrize(("fault", "areas", "id", "words"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_planted_fault_is_found(prove: Prove, fault: str, areas: tuple[str, ...], id: str, words: str) -> None:
    results = prove(fault, areas)
    assert results[id]["status"] == "fail"
    assert words in results[id]["why"]
    assert reds(results) - ALONG.get(fault, set()) == {id}, {one: results[one]["why"] for one in reds(results)}


def test_a_slow_device_is_found_by_its_own_past(prove: Prove, history: list[Any]) -> None:
    results = prove("slow", ("rate",), history)
    assert results["rate.host.cpu.gemm_float32"]["status"] == "fail"
    assert "something changed on this host" in results["rate.host.cpu.gemm_float32"]["why"]


def test_a_missing_device_is_found_and_explains_what_follows(torch_python: Path, tmp_path: Path) -> None:
    """The kernel of a recorded host offers the card, and this PyTorch does not see it."""
    host = Builder(tmp_path, parts.DEBIAN12).gpus(parts.RX6600)
    row = {"where": "host", "python": str(torch_python), "build": "cpu", "gpu": True, "override": None}
    row["version"] = support.load().torch_rows("cpu")[0].version
    card = {"pci": parts.RX6600.pci, "gfx": "gfx1032", "name": "Radeon RX 6600"}
    expected = {"schema": 1, "gpus": [card], "driver": {"source": "inbox", "module": "amdgpu"}, "torch": [row]}
    seen = run_checks(expected, Context(expected, root=host.root), ("torch", "correctness", "memory"), "standard")
    results = {result.id: result.as_dict() for result in seen}
    assert reds(results) == {"torch.host.gpu_available"}, [(id, results[id]["why"]) for id in reds(results)]
    assert "finds no GPU" in results["torch.host.gpu_available"]["why"]
    for part in ("correctness", "memory"):
        one = results[f"{part}.host.gpu0.finished"]
        assert one["status"] == "unverifiable"
        assert "follows from torch.host.gpu_available" in one["why"]


def test_a_hang_ends_at_its_limit_with_the_measure_and_the_hint(torch_python: Path) -> None:
    environment = {**os.environ, "GPUHOST_PLANTED": "hang", "PYTHONPATH": f"{ROOT}/tests/torch/planted"}
    done = subprocess.run(
        [str(torch_python), "-m", "verify", "compute", "correctness", "--devices", "cpu", "--json", "--silent", "20"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    results = {one["id"]: one for one in json.loads(done.stdout)["results"]}
    assert reds(results) == {"correctness.host.cpu.finished"}
    assert "hung in fft: no sign of life for 20 s" in results["correctness.host.cpu.finished"]["why"]
    assert "iommu=pt" in results["correctness.host.cpu.finished"]["next"]
    assert results["correctness.host.cpu.gemm_float32_exact"]["status"] == "pass"
    assert "follows from" in results["correctness.host.cpu.training"]["why"]


def test_two_processes_get_from_each_other_what_was_sent(torch_python: Path) -> None:
    done = subprocess.run(
        [str(torch_python), "-m", "verify", "compute", "peers", "--devices", "cpu,cpu:1", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = {one["id"]: one["status"] for one in json.loads(done.stdout)["results"]}
    wanted = {f"peers.host.{device}.{name}" for device in ("cpu", "cpu1") for name in ("finished", "all_reduce", "copies")}
    assert results == dict.fromkeys(wanted, "pass")


def test_what_the_workers_say_has_the_shapes_that_the_unit_tests_use(torch_python: Path) -> None:
    for part, made in (("correctness", measured.numbers), ("memory", measured.cells)):
        done = subprocess.run(
            [str(torch_python), "-m", "verify", "compute", part, "--devices", "cpu", "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        seen = json.loads(done.stdout)["seen"]["devices"]["cpu"]
        used = made(seen["device"])
        assert set(used) == set(seen)
        assert set(used["measured"]) == set(seen["measured"])
        for name, one in used["measured"].items():
            assert set(one) - set(seen["measured"][name]) <= {"worst"}, name
