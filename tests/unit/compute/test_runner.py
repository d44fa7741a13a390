"""Workers that end, die and hang, as real processes; a small stand-in named ``torch`` gives them a device."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from verify.compute import levels, runner

#: As much of torch as a worker needs to answer: one GPU that computes nothing.
STAND_IN = """
    import os, time
    from types import SimpleNamespace as N
    __version__ = "2.13.0"
    COUNT = int(os.environ.get("STAND_IN_GPUS", "1"))
    if os.environ.get("STAND_IN_IMPORT"): raise OSError("libamdhip64.so.7: cannot open shared object file")
    def is_available():
        if os.environ.get("STAND_IN_STARTS") == "never": time.sleep(60)
        return COUNT > 0
    properties = N(name="Stand-in", gcnArchName="gfx1032:xnack-", total_memory=1 << 30, pci_domain_id=0, pci_bus_id=3,
                   pci_device_id=0, is_integrated=0)
    cuda = N(is_available=is_available, device_count=lambda: COUNT, set_device=lambda index: None,
             get_device_properties=lambda index: properties)
    backends = N(cuda=N(matmul=N()), cudnn=N())
    def ones(*a, **k): return N(sum=lambda: N(item=lambda: 2.0))
    def get_num_threads(): return 1
"""

WORK = {
    "well": "yield 'first', lambda: {'error_ratio': 0.5}",
    "hangs": "yield 'first', lambda: {'error_ratio': 0.5}\n    yield 'second', lambda: __import__('time').sleep(60)",
    "slow": "\n    for n in range(4): yield f'{n}', lambda: __import__('time').sleep(0.6) or {}",
    "dies": "yield 'first', lambda: __import__('os').kill(__import__('os').getpid(), 11)",
    "raises": "yield 'first', lambda: 1 / 0",
    "nan": "yield 'first', lambda: {'error_ratio': float('nan')}",
    "leaves": "print('a remark'); print('[1]')\n    yield 'first', lambda: {}\n    raise SystemExit('out of luck')",
}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a worker whose part does as one of WORK says."""
    (tmp_path / "torch.py").write_text(textwrap.dedent(STAND_IN))
    program = "import sys; from verify.compute import worker; worker.measures = part; sys.exit(worker.main(sys.argv[1:]))"
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{runner.HOME}")

    def run(does: str, device: str = "cuda:0", limit: float = 1.0, **times: float) -> dict[str, Any]:
        text = f"def part(name, torch, device, seconds):\n    {WORK[does]}\n{program}"
        (tmp_path / "as_told.py").write_text(text)
        return runner.run_worker(["any", device, "1"], runner.Times(limit, **{"start": 20.0, **times}), module="as_told")

    return run


def test_a_worker_that_ends_well_tells_device_and_measures(start: Any) -> None:
    seen = start("well")
    assert (seen["done"], seen["ended"], seen["hung"], seen["at"]) == (True, "", False, None)
    assert seen["measured"] == {"first": {"error_ratio": 0.5}}
    assert seen["device"]["gfx"] == "gfx1032"
    assert seen["device"]["pci"] == "0000:03:00.0"


def test_a_hang_is_ended_and_leaves_what_was_measured_and_where_it_was(start: Any) -> None:
    began = time.monotonic()
    seen = start("hangs")
    assert time.monotonic() - began < 15
    assert seen["hung"]
    assert seen["ended"] == "no end after 1 s"
    assert seen["at"] == "second"
    assert seen["measured"] == {"first": {"error_ratio": 0.5}}
    assert not seen["done"]


def test_a_device_that_never_answers_is_given_up(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_STARTS", "never")
    seen = start("well", start=1.5)
    assert (seen["hung"], seen["device"], seen["ended"]) == (True, None, "no end after 1.5 s")


def test_silence_is_a_hang_however_much_time_is_left(start: Any) -> None:
    began = time.monotonic()
    seen = start("hangs", limit=50.0, silent=1.5)
    assert time.monotonic() - began < 15
    assert (seen["hung"], seen["late"], seen["ended"], seen["at"]) == (True, False, "no sign of life for 1.5 s", "second")


def test_work_that_goes_on_is_no_silence(start: Any) -> None:
    seen = start("slow", limit=50.0, silent=1.5)
    assert (seen["done"], seen["hung"], list(seen["measured"])) == (True, False, ["0", "1", "2", "3"])


def test_what_has_no_time_left_is_late_and_not_hung(start: Any) -> None:
    seen = start("hangs", limit=50.0, within=5.0)
    assert (seen["hung"], seen["late"], seen["ended"]) == (False, True, "not finished after 5 s")
    assert seen["measured"] == {"first": {"error_ratio": 0.5}}


def test_devices_that_work_one_after_the_other_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[runner.Times] = []

    def run(words: list[str], times: runner.Times, environment: dict[str, str]) -> dict[str, Any]:
        told.append(times)
        return {}

    monkeypatch.setattr(runner, "run_worker", run)
    part = levels.Part("any", "", seconds=10, limit=60, together=False)
    runner.run_part(part, ["cuda:0", "cuda:1"], within=100)
    # The first took no time: the second has all that is left.
    assert [round(times.within) for times in told] == [50, 100]
    runner.run_part(levels.Part("any", "", seconds=10, limit=60), ["cuda:0", "cuda:1"], within=100)
    assert [round(times.within) for times in told[2:]] == [100, 100]


def test_a_death_is_told_by_its_signal_and_where_it_was(start: Any) -> None:
    seen = start("dies")
    assert (seen["done"], seen["hung"], seen["at"]) == (False, False, "first")
    assert seen["ended"].startswith("signal SIGSEGV")


def test_last_words_are_kept_and_remarks_are_passed_over(start: Any) -> None:
    seen = start("leaves")
    assert seen["ended"] == "exit status 1: out of luck"
    assert seen["measured"] == {"first": {}}


SAID = [
    ("raises", {"raised": "ZeroDivisionError: division by zero"}),
    ("nan", {"error_ratio": "nan"}),
]


@pytest.mark.parametrize(("does", "said"), SAID)
def test_what_a_measure_raises_and_what_is_no_number_is_its_answer(start: Any, does: str, said: dict[str, str]) -> None:
    seen = start(does)
    assert seen["done"]
    assert seen["measured"]["first"] == said


def test_a_device_that_is_missing_is_an_answer(start: Any) -> None:
    seen = start("well", device="cuda:1")
    assert seen["ended"] == "RuntimeError: cuda:1 is not there: torch sees 1 GPUs"
    assert not seen["done"]


def test_a_torch_that_cannot_be_imported_is_an_answer(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_IMPORT", "fails")
    assert "libamdhip64.so.7" in start("well")["ended"]


@pytest.mark.parametrize(("count", "found"), [("2", ["cuda:0", "cuda:1"]), ("0", ["cpu"])])
def test_without_a_plan_the_gpus_that_torch_sees_are_worked_on(
    count: str, found: list[str], start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_GPUS", count)
    assert runner.find_devices() == found


def test_without_torch_the_processors_are_named() -> None:
    assert runner.find_devices() == ["cpu"]


@pytest.mark.parametrize("together", [True, False])
def test_each_device_has_a_worker_of_its_own(together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[str], float]] = []

    def run(words: list[str], times: runner.Times, environment: dict[str, str]) -> dict[str, Any]:
        assert environment.get("OMP_NUM_THREADS") == (None if words[1] == "cpu" else threads)
        assert times.silent == levels.SILENT_SECONDS
        told.append((words, times.limit))
        return {"device": words[1]}

    monkeypatch.setattr(runner, "run_worker", run)
    monkeypatch.setattr("os.cpu_count", lambda: 17)
    threads = "8"
    part = levels.Part("any", "", seconds=10, limit=60, together=together)
    assert runner.run_part(part, ["cuda:0", "cuda:1"]) == {name: {"device": name} for name in ("cuda:0", "cuda:1")}
    assert sorted(told) == [(["any", name, "10"], 60) for name in ("cuda:0", "cuda:1")]
    told.clear()
    runner.run_part(part, ["cpu"], 40)
    assert told == [(["any", "cpu", "40"], 90)]


def test_processes_that_talk_to_each_other_know_where_they_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []
    begun = threading.Barrier(2, timeout=10)

    def run(words: list[str], times: runner.Times, environment: dict[str, str]) -> dict[str, Any]:
        begun.wait()
        told.append({"device": words[1], **environment})
        return {}

    monkeypatch.setattr(runner, "run_worker", run)
    runner.run_part(levels.part("peers"), ["cuda:0", "cuda:1"])
    told.sort(key=lambda one: one["GPUHOST_RANK"])
    assert [(one["device"], one["GPUHOST_RANK"]) for one in told] == [("cuda:0", "0"), ("cuda:1", "1")]
    assert {one["GPUHOST_RANKS"] for one in told} == {"cuda:0,cuda:1"}
    assert len({one["GPUHOST_RENDEZVOUS"] for one in told}) == 1


def test_the_command_prints_the_outcome_of_each_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.unit.checks import measured
    from verify.__main__ import FAILED, PASSED, main

    cpu = measured.numbers({"kind": "cpu", "formats": []})
    monkeypatch.setattr(runner, "run_part", lambda part, devices, *times: dict.fromkeys(devices, cpu))
    assert main(["compute", "correctness", "--devices", "cpu", "--json"]) == PASSED
    document = json.loads(capsys.readouterr().out)
    assert document["seen"]["devices"]["cpu"]["done"]
    assert {row["status"] for row in document["results"]} == {"pass"}
    cpu["measured"]["fft"] = {"error_ratio": 2.0, "worst": "length 4096"}
    assert main(["compute", "correctness", "--devices", "cpu"]) == FAILED
    assert "fail         correctness.host.cpu.fft  2 of the bound (length 4096)" in capsys.readouterr().out
