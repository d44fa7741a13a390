"""What a PyTorch says that does not fit, hangs or dies, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify.checks import CHECKS, pytorch, pytorch_worker, torch_fit, torch_look, versions
from verify.checks.context import Context, Ran
from verify.compute import runner
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]
Device = dict[str, Any]


def place(where: str = "host", **changes: Any) -> Change:
    return lambda seen: seen["places"][where].update(changes)


def cut_off(at: Any, stopped: str = "no end after 150 s", where: str = "host") -> Change:
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


def driver(**changes: Any) -> Change:
    return lambda seen: seen["driver"].update(changes)


OTHER: Device = {"name": "AMD Radeon Graphics", "gfx": "gfx1036", "memory_bytes": 1 << 29, "pci": "0000:0c:00.0"}


def sees_instead(seen: Seen) -> None:
    """The processor's own graphics in place of the card."""
    seen["places"]["host"]["devices"] = [OTHER]
    seen["gpus"].append({"pci": OTHER["pci"], "gfx": "gfx1036", "amd": True})


ROWS: list[Row] = [
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

UNKNOWN: list[Unknown] = []


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
def test_what_was_not_reached_follows_from_where_it_ended(change: Change, red: str) -> None:
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
    place(environment={"ROCR_VISIBLE_DEVICES": "GPU-9abb57639fa80c50", "PATH": "/usr/bin"})(seen)
    assert judge(seen, expected)["torch.host.visibility"].status == PASS


def test_of_what_hides_gpus_only_that_is_named_which_was_not_planned() -> None:
    expected, seen = healthy.expected(), healthy.seen("torch")
    expected["torch"][0]["environment"] = {"ROCR_VISIBLE_DEVICES": "GPU-9abb57639fa80c50"}
    place(environment={"ROCR_VISIBLE_DEVICES": "GPU-9abb57639fa80c50", "CUDA_VISIBLE_DEVICES": "-1"})(seen)
    assert judge(seen, expected)["torch.host.visibility"].why.startswith("CUDA_VISIBLE_DEVICES=-1 ")


def test_versions_are_compared_by_three_numbers() -> None:
    assert versions.parts("6.2.4.1-7") == (6, 2, 4)


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
    assert inbox("6.14", "6.14-generic")["torch.host.rocm"].status == PASS
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


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Seen]:
    """What is known of a worker that says these lines and then does something else."""
    real = runner.converse

    def ask(*lines: Any, then: str = "", silent: float = 20.0, start: float = 20.0, within: float = 60.0) -> Seen:
        text = "".join(f"print({json.dumps(line)!r}, flush=True)\n" for line in lines)
        (tmp_path / "worker.py").write_text(f"import os, sys, time\nprint('noise')\n{text}{then}\n")
        times = runner.Times(start, silent, within, start)
        argv = [sys.executable, str(tmp_path / "worker.py")]
        monkeypatch.setattr(runner, "converse", lambda _, asked, hear: real(argv, times, hear))
        return torch_look.look_here()

    return ask


IMPORTING, LOOKING, AT = {"at": "import"}, {"at": "devices"}, {"at": ["cuda:0", "ones"]}


def test_of_a_worker_that_hangs_or_dies_the_last_line_and_the_end_are_kept(worker: Callable[..., Seen]) -> None:
    hung = worker(IMPORTING, LOOKING, AT, then="time.sleep(60)", silent=1.5)
    assert hung == {**AT, "stopped": "no sign of life for 1.5 s", "hung": True, "late": False}
    died = worker(
        IMPORTING, AT, then="sys.stderr.write('Memory access fault by GPU node-1'); sys.stderr.flush(); os.abort()"
    )
    assert died == {**AT, "stopped": "signal SIGABRT: Memory access fault by GPU node-1", "hung": False, "late": False}
    assert worker({"version": "2.13.0"})["stopped"] == ""


def test_an_import_may_take_longer_than_any_other_silence(worker: Callable[..., Seen]) -> None:
    seen = worker(IMPORTING, then="time.sleep(1.5); print('{}', flush=True)", silent=0.5)
    assert (seen["hung"], seen["stopped"]) == (False, "")
    assert worker(IMPORTING, then="time.sleep(60)", start=1.5)["stopped"] == "no end after 1.5 s"


def test_a_level_whose_time_is_over_says_nothing_against_a_worker(worker: Callable[..., Seen]) -> None:
    seen = worker(IMPORTING, LOOKING, then="time.sleep(60)", within=2.0)
    assert seen == {**LOOKING, "stopped": "not finished after 2 s", "hung": False, "late": True}


def test_a_worker_that_says_nothing_is_an_error(worker: Callable[..., Seen]) -> None:
    assert worker(then="sys.exit(3)")["error"] == "exit status 3"


LATE = [
    ("import", {"torch.host.import"}),
    (["cpu", "matmul"], {"torch.host.matmul_cpu", "torch.host.conv_cpu"}),
    ("devices", set()),
    (["cuda:0", "tensor"], {f"torch.host.{name}_gpu0" for name in ("tensor", "matmul", "conv")}),
]
#: What is about GPUs, and not known before torch has looked for them.
OF_GPUS = {f"torch.host.{name}_gpu0" for name in pytorch.SAMPLES} | {
    f"torch.host.gpu_{name}" for name in ("available", "count", "identity")
}


@pytest.mark.parametrize(("at", "unknown"), LATE, ids=[str(row[0]) for row in LATE])
def test_what_was_not_reached_in_time_is_not_known_and_no_fault(at: Any, unknown: set[str]) -> None:
    seen = healthy.seen("torch")
    cut_off(at, "not finished after 24 s")(seen)
    place(late=True)(seen)
    if isinstance(at, list) and at[0] == "cpu":
        place(available=False, devices=[])(seen)
    results = {id: result for id, result in judge(seen).items() if id.startswith("torch.host.")}
    wanted = unknown | (OF_GPUS if at == "devices" or at[0] == "cpu" else set())
    assert {id for id, result in results.items() if result.status != PASS} == wanted
    assert {results[id].status for id in wanted} == {UNVERIFIABLE}
    assert {results[id].why for id in wanted} == {
        "PyTorch on the host was not finished after 24 s, all that the level has left for it"
    }
    assert "verify run --limit 3600 torch" in results[next(iter(wanted))].next


def test_what_is_known_to_be_wrong_stays_so_however_late_it_is() -> None:
    seen = healthy.seen("torch")
    cut_off(["cuda:0", "tensor"], "not finished after 24 s")(seen)
    place(late=True, build="cuda")(seen)
    seen["places"]["host"]["computed"]["cuda:0"]["ones"] = {"error_ratio": 2.0}
    assert {"torch.host.build", "torch.host.ones_gpu0"} <= {id for id, one in judge(seen).items() if one.status == FAIL}


def test_processors_that_hang_explain_that_no_gpu_was_looked_for() -> None:
    seen = healthy.seen("torch")
    cut_off(["cpu", "conv"])(seen)
    place(available=False, devices=[])(seen)
    assert reds(judge(seen)) == {"torch.host.conv_cpu"}


HUNG = [
    ("devices", {"cuda:0": "torch.host.gpu_available"}),
    (["cuda:0", "conv"], {"cuda:0": "torch.host.conv_gpu0"}),
    (["cpu", "conv"], {}),
    ("import", {}),
]


@pytest.mark.parametrize(("at", "left"), HUNG, ids=[str(row[0]) for row in HUNG])
def test_a_gpu_that_hung_here_is_left_alone_later(at: Any, left: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = Context(healthy.expected())
    ctx.__dict__["snapshot"] = {}
    ctx._containers["gpuhost-jupyter"] = {}
    answers = {"host": {"at": at, "hung": True}, "gpuhost-jupyter": {}}
    monkeypatch.setattr(torch_look.interpreters, "ask", lambda row, words, ctx, seconds: answers[row["where"]])
    pytorch.probe(healthy.expected(), ctx)
    assert ctx.hung == left


@pytest.mark.parametrize(("left", "parts", "words"), [(30.0, [], "28"), (290.0, ["correctness"], "96"), (None, [], None)])
def test_a_place_has_what_the_level_has_left(
    left: float | None, parts: list[str], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = Context(healthy.expected(), parts=parts, until=math.inf if left is None else time.monotonic() + left + 0.4)
    ctx.__dict__["snapshot"] = {}
    asked: list[tuple[list[str], float]] = []

    def ask(row: Any, words: list[str], ctx: Context, seconds: float) -> Seen:
        asked.append((words, seconds))
        return {"error": "x"}

    monkeypatch.setattr(torch_look.interpreters, "ask", ask)
    ctx._containers["gpuhost-jupyter"] = {}
    pytorch.probe(healthy.expected(), ctx)
    assert [one for one, _ in asked] == [["torch", *(["--within", words] if words else [])]] * 2
    if words is None:
        assert asked[0][1] == 2 * torch_look.SECONDS + torch_look.interpreters.MARGIN


ENDINGS = [
    (Ran(None, error="No such file or directory"), "No such file or directory"),
    (Ran(-6, err="x\nMemory access fault by GPU node-1\n"), "signal SIGABRT: Memory access fault by GPU node-1"),
    (Ran(3), "exit status 3"),
    (Ran(0, err="a warning"), ""),
]


@pytest.mark.parametrize(("ran", "words"), ENDINGS)
def test_how_a_command_ended_is_said_in_its_last_words(ran: Ran, words: str) -> None:
    assert ran.ending == words
