"""What a PyTorch says that does not fit, hangs or dies, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.checks import healthy
from verify.checks import CHECKS, pytorch, pytorch_worker, torch_fit
from verify.checks.context import Ran, run
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]
Device = dict[str, Any]


def place(where: str = "host", **changes: Any) -> Callable[[Seen], None]:
    return lambda seen: seen["places"][where].update(changes)


def cut_off(at: Any, stopped: str = "no end after 150 s", where: str = "host") -> Callable[[Seen], None]:
    """A worker that went no further: what came before is known."""

    def change(seen: Seen) -> None:
        saw = seen["places"][where]
        saw.update(at=at, stopped=stopped)
        order = [(device, name) for device in ("cpu", "cuda:0") for name in pytorch.SAMPLES]
        reached = order.index((at[0], at[1])) if isinstance(at, list) else len(pytorch.SAMPLES)
        saw["computed"] = {
            device: {name: {"error_ratio": 0.0} for one, name in order[:reached] if one == device} for device, _ in order
        }
        if at == "devices":
            saw.update(available=False, devices=[])
        if at == "import":
            for key in set(saw) - {"python", "environment", "at", "stopped"}:
                del saw[key]

    return change


def driver(**changes: Any) -> Callable[[Seen], None]:
    return lambda seen: seen["driver"].update(changes)


OTHER: Device = {"name": "AMD Radeon Graphics", "gfx": "gfx1036", "memory_bytes": 1 << 29, "pci": "0000:0c:00.0"}


def sees_instead(seen: Seen) -> None:
    """The processor's own graphics in place of the card."""
    seen["places"]["host"]["devices"] = [OTHER]
    seen["gpus"].append({"pci": OTHER["pci"], "gfx": "gfx1036", "amd": True})


ROWS: list[tuple[str, Callable[[Seen], None], str, str, str]] = [
    (
        "torch",
        place(version="2.13.0+rocm6.2.4"),
        "torch.host.rocm",
        "brings ROCm 6.2.4, and AMD supports the driver that is loaded with ROCm 6.3.0 to 10.1.0",
        "gpuhost plan",
    ),
    ("torch", place(version="2.13.0+rocm10.2"), "torch.host.rocm", "brings ROCm 10.2", "gpuhost up"),
    ("torch", place(version="2.13.0a0", hip="5.7.31921"), "torch.host.rocm", "brings ROCm 5.7", "gpuhost up"),
    (
        "torch",
        place(packages=["amd-torch-device-gfx1100", "amd-torch-device-gfx11", "rocm-sdk-device-gfx1032"]),
        "torch.host.targets",
        "has kernels for gfx11, gfx1100 and none for gfx1032: it lists the GPU, and every kernel fails",
        "with amd-torch-device-gfx1032",
    ),
    ("torch", place(packages=[]), "torch.host.targets", "gfx942 and none for gfx1032", "gpuhost up"),
    (
        "torch",
        place("gpuhost-jupyter", targets=["gfx900", "gfx1100"]),
        "torch.gpuhost-jupyter.targets",
        "in the container gpuhost-jupyter has kernels for gfx1100, gfx900 and none for gfx1030",
        "gpuhost up",
    ),
    (
        "torch",
        place(environment={"HIP_VISIBLE_DEVICES": "1"}),
        "torch.host.visibility",
        "HIP_VISIBLE_DEVICES=1 on the host: GPUs are hidden",
        "/etc/environment",
    ),
    (
        "torch",
        place(environment={"ROCR_VISIBLE_DEVICES": ""}),
        "torch.host.visibility",
        "ROCR_VISIBLE_DEVICES=(nothing)",
        "log in anew",
    ),
    (
        "torch",
        sees_instead,
        "torch.host.gpu_identity",
        "other GPUs than planned: it sees 0000:0c:00.0 (gfx1036, not planned); it does not see Radeon RX 6600",
        "HIP_VISIBLE_DEVICES",
    ),
    (
        "torch",
        lambda seen: seen["places"]["host"]["devices"][0].update(pci="0000:99:00.0"),
        "torch.host.gpu_identity",
        "it sees 0000:99:00.0, which the host does not list",
        "gpuhost up",
    ),
    (
        "torch",
        lambda seen: seen["places"]["host"]["devices"][0].update(pci=None, gfx="gfx1036"),
        "torch.host.gpu_identity",
        "gfx1036 instead of gfx1032",
        "gpuhost up",
    ),
    (
        "torch",
        cut_off("import"),
        "torch.host.import",
        "PyTorch cannot be imported on the host: no end after 150 s",
        "import torch",
    ),
    (
        "torch",
        cut_off("devices"),
        "torch.host.gpu_available",
        "did not come back from looking for GPUs (no end after 150 s). Programs hang there",
        "iommu=pt",
    ),
    (
        "torch",
        cut_off(["cuda:0", "matmul"]),
        "torch.host.matmul_gpu0",
        "A matrix product on cuda:0 on the host did not come to its end: no end after 150 s. Programs that use this "
        "device hang",
        "iommu=pt",
    ),
    (
        "torch",
        cut_off(["cuda:0", "ones"], "signal SIGABRT: Memory access fault by GPU node-1"),
        "torch.host.ones_gpu0",
        "signal SIGABRT: Memory access fault by GPU node-1",
        "dmesg",
    ),
    ("torch", cut_off(["cpu", "conv"], "signal SIGILL"), "torch.host.conv_cpu", "signal SIGILL", "dmesg"),
]

UNKNOWN: list[tuple[str, Callable[[Seen], None], str, str]] = []


def judge(seen: Seen, expected: dict[str, Any] | None = None) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == "torch")
    return {result.id: result for result in check.judge(seen, expected or healthy.expected())}


def reds(results: dict[str, Result]) -> set[str]:
    return {result.id for result in settle(results.values()) if result.status == FAIL}


ENDS = [
    (cut_off("devices"), "torch.host.gpu_available"),
    (cut_off(["cuda:0", "ones"]), "torch.host.ones_gpu0"),
    (cut_off(["cuda:0", "conv"]), "torch.host.conv_gpu0"),
    (cut_off(["cpu", "matmul"]), "torch.host.matmul_cpu"),
]


@pytest.mark.parametrize(("change", "red"), ENDS, ids=[row[1] for row in ENDS])
def test_what_was_not_reached_follows_from_where_it_ended(change: Callable[[Seen], None], red: str) -> None:
    seen = healthy.seen("torch")
    change(seen)
    assert reds(judge(seen)) == {red}


def test_a_wheel_for_another_target_explains_why_every_kernel_fails() -> None:
    seen = healthy.seen("torch")
    place(packages=["amd-torch-device-gfx1100"])(seen)
    said = {"raised": "RuntimeError: HIP error: invalid device function"}
    seen["places"]["host"]["computed"]["cuda:0"] = dict.fromkeys(pytorch.SAMPLES, said)
    assert reds(judge(seen)) == {"torch.host.targets"}


def test_what_hides_the_gpu_explains_that_none_is_found() -> None:
    seen = healthy.seen("torch")
    place(environment={"CUDA_VISIBLE_DEVICES": "-1"}, available=False, devices=[])(seen)
    seen["places"]["host"]["computed"].pop("cuda:0")
    assert reds(judge(seen)) == {"torch.host.visibility"}


def test_a_planned_choice_of_gpus_is_as_planned() -> None:
    expected = healthy.expected()
    expected["torch"][0]["environment"] = {"ROCR_VISIBLE_DEVICES": "GPU-9abb57639fa80c50", "OTHER": "1"}
    seen = healthy.seen("torch")
    assert judge(seen, expected)["torch.host.visibility"].status == FAIL
    assert "What was planned is not set on the host" in judge(seen, expected)["torch.host.visibility"].why
    place(environment={"ROCR_VISIBLE_DEVICES": "GPU-9abb57639fa80c50"})(seen)
    assert judge(seen, expected)["torch.host.visibility"].status == PASS


def inbox(minimum: str | None, release: str) -> dict[str, Result]:
    """With the kernel's own driver, for which AMD states at most how new it has to be."""
    expected = healthy.expected()
    expected["driver"].update(source="inbox", rocm=None)
    expected["torch"][0]["driver_min"] = {"version": "30.10.0", "kernel": minimum}
    seen = healthy.seen("torch")
    driver(in_tree=True, version=None, release=release)(seen)
    return judge(seen, expected)


def test_for_the_kernel_s_own_driver_its_age_counts() -> None:
    assert inbox("6.14", "6.14.0-33-generic")["torch.host.rocm"].status == PASS
    assert inbox("6.14", "7.0.1")["torch.host.rocm"].status == PASS
    old = inbox("6.14", "6.12.48+deb13-amd64")["torch.host.rocm"]
    assert old.status == UNVERIFIABLE
    assert "asks for AMD's driver 30.10.0, made from Linux 6.14; the driver of this kernel is older (6.12.48" in old.why


@pytest.mark.parametrize("minimum", [None])
def test_where_amd_states_nothing_nothing_is_said(minimum: str | None) -> None:
    assert "torch.host.rocm" not in inbox(minimum, "6.12.48")


def test_a_driver_of_which_no_end_is_known_takes_every_newer_rocm() -> None:
    expected = healthy.expected()
    expected["driver"]["rocm"] = {"min": "7.0.0", "max": None}
    seen = healthy.seen("torch")
    place(version="2.20.0+rocm12.0")(seen)
    assert judge(seen, expected)["torch.host.rocm"].status == PASS


ROCM = [
    ("2.13.0+rocm10.0.0", "7.10", "10.0.0"),
    ("2.9.1+rocm7.2.0.lw.git7e1940d4", "7.2.26015", "7.2.0"),
    ("2.10.0+rocm7.1", "7.1.25424-4179531dcd", "7.1"),
    ("2.4.0a0+gitd990dad", "6.1.40091-a8dbc0c19", "6.1"),
    ("2.13.0+cpu", None, None),
]


@pytest.mark.parametrize(("version", "hip", "rocm"), ROCM)
def test_the_rocm_of_a_build_is_read(version: str, hip: str | None, rocm: str | None) -> None:
    assert torch_fit.rocm_of({"version": version, "hip": hip}) == rocm


TARGETS = [
    (["gfx11-generic"], "gfx1103", None, True),
    (["gfx10-3-generic"], "gfx1032", None, True),
    (["gfx9-4-generic"], "gfx950", None, True),
    (["gfx11-generic"], "gfx1200", None, False),
    (["gfx1030"], "gfx1032", "10.3.0", True),
    (["gfx1030"], "gfx1032", None, False),
    (["gfx90a:sramecc+:xnack-"], "gfx90a", None, True),
    (["gfx90a"], "gfx902", "9.0.10", True),
]


@pytest.mark.parametrize(("has", "gfx", "override", "fits"), TARGETS)
def test_kernels_fit_by_target_by_family_and_by_override(has: list[str], gfx: str, override: str | None, fits: bool) -> None:
    expected = healthy.expected()
    expected["gpus"][0]["gfx"], expected["torch"][0]["override"] = gfx, override
    seen = healthy.seen("torch")
    place(packages=[], targets=has)(seen)
    assert (judge(seen, expected)["torch.host.targets"].status == PASS) is fits


@pytest.mark.parametrize("targets", [[], ["gfx1032"]])
def test_a_build_that_does_not_tell_its_targets_is_not_judged_by_them(targets: list[str]) -> None:
    seen = healthy.seen("torch")
    place(packages=[], targets=targets)(seen)
    assert ("torch.host.targets" in judge(seen)) is bool(targets)


def test_where_torch_tells_no_addresses_its_devices_are_known_by_their_targets() -> None:
    seen = healthy.seen("torch")
    seen["places"]["host"]["devices"][0]["pci"] = None
    assert judge(seen)["torch.host.gpu_identity"].status == PASS


def test_a_partitioned_card_is_as_many_devices_as_it_has_parts() -> None:
    expected = healthy.expected()
    expected["gpus"][0]["parts"] = 2
    seen = healthy.seen("torch")
    assert judge(seen, expected)["torch.host.gpu_count"].status == FAIL
    seen["places"]["host"]["devices"] *= 2
    seen["places"]["host"]["computed"]["cuda:1"] = seen["places"]["host"]["computed"]["cuda:0"]
    results = judge(seen, expected)
    assert results["torch.host.gpu_count"].status == PASS
    assert results["torch.host.gpu_identity"].status == PASS


def test_a_worker_says_what_it_is_about_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "import_error" in pytorch_worker.look(said.append)
    assert [one["at"] for one in said] == ["import"]


def worker(script: str, seconds: float = 20) -> Seen:
    """What is known of a process that printed lines and then did something else."""
    done = run([sys.executable, "-c", script], seconds)
    return {**pytorch.interpreters.read(done), "stopped": pytorch.stopped(done)}


LINE = json.dumps({"at": ["cuda:0", "ones"]})


def test_of_a_worker_that_hangs_or_dies_the_last_line_and_the_end_are_kept() -> None:
    begin = f"import os, sys, time; print('noise'); print({LINE!r}, flush=True); "
    hung = worker(begin + "time.sleep(60)", seconds=2)
    assert hung == {"at": ["cuda:0", "ones"], "stopped": "no end after 2 s"}
    died = worker(begin + "sys.stderr.write('Memory access fault by GPU node-1\\n'); sys.stderr.flush(); os.abort()")
    assert died["stopped"] == "signal SIGABRT: Memory access fault by GPU node-1"
    assert worker(begin + "sys.exit(3)")["stopped"] == "exit status 3"
    assert worker(begin)["stopped"] == ""


def test_what_did_not_start_says_why() -> None:
    assert pytorch.stopped(Ran(None, error="No such file or directory")) == "No such file or directory"
