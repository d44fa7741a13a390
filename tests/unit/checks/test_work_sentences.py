"""What GPU work can come to, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.checks import healthy, measured
from verify.checks import CHECKS, correctness, work
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]
Row = tuple[str, Callable[[Seen], None], str, str, str]

HOST = {"where": "host", "python": "/opt/gpuhost/torch/bin/python"}


def of_device(where: str = "host", **changes: Any) -> Callable[[Seen], None]:
    """Of how the work on the GPU went, seen from a place."""
    return lambda seen: seen["places"][where]["devices"]["cuda:0"].update(changes)


def of_measure(name: str, where: str = "host", **changes: Any) -> Callable[[Seen], None]:
    """Of one measure."""
    return lambda seen: seen["places"][where]["devices"]["cuda:0"]["measured"][name].update(changes)


def instead(name: str, **seen_now: Any) -> Callable[[Seen], None]:
    """Another outcome of one measure."""

    def change(seen: Seen) -> None:
        seen["places"]["host"]["devices"]["cuda:0"]["measured"][name] = seen_now

    return change


HUNG: dict[str, Any] = {
    "hung": True,
    "done": False,
    "ended": "no end after 180 s",
    "measured": {},
    "at": "gemm_float32_exact",
}
DIED: dict[str, Any] = {
    "done": False,
    "ended": "signal SIGSEGV: Memory access fault by GPU node-1",
    "measured": {},
    "at": "fft",
    "device": None,
}
ELEMENT = {"wrong_rows": 1, "row": 17, "column": 4711, "is": 5.0, "should_be": 4.0}

#: By the judge: what a wrong measure holds, and words of its sentence.
WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {
    "exact": [
        (ELEMENT, "element (17, 4711) is 5 and not 4; 1 rows are wrong. Results computed there cannot be trusted."),
        ({"wrong_rows": 3, "row": 0, "column": 1, "should_be": 4.0, "not_finite": "nan"}, "element (0, 1) is nan and not 4"),
        ({**ELEMENT, "side": 320, "limited_by": "memory"}, "320 x 320 (smaller than wanted: memory), has no rounding"),
    ],
    "bound": [
        ({"error_ratio": 1.5}, "is wrong: its error is 1.5 times what rounding allows"),
        ({"error_ratio": float("inf")}, "its error is inf times"),
        ({"error_ratio": -1.0}, "its error is -1 times"),
    ],
    "significand": [
        ({"wrong": 9000, "kept": 10}, "keeps 10 of 24 bits: it is computed in a narrower format than was asked for")
    ],
    "count": [({"wrong": 1}, "is wrong in 1 of 200106 places, of which none may be")],
    "random": [
        ({"deviations": {"mean": 6.01}}, "mean is off by 6.01 standard errors"),
        ({"deviations": {"mean": -6.01}}, "mean is off by -6.01 standard errors"),
        ({"deviations": {"mean": "nan"}}, "mean is off by nan standard errors"),
        ({"in_range": False}, "a uniform number lies outside [0, 1)"),
        ({"repeats": False}, "the same seed gives other numbers"),
    ],
    "training": [
        ({"last": 0.0149}, "does not learn: loss 0.149 to 0.0149 in 100 steps"),
        ({"last": -1.0}, "does not learn: loss 0.149 to -1 in 100 steps"),
    ],
    "repeatable": [
        ({"differed": {"product": 2, "index_add": 0}}, "do not (product: 2 of 7)"),
        ({"differed": {}}, "runs cannot be reproduced"),
    ],
}

CORRECTNESS: list[Row] = [
    ("correctness", of_measure(name, **changes), f"correctness.host.gpu0.{name}", words, "points to its memory, its clocks")
    for name in correctness.names(measured.GPU)
    for changes, words in WRONG[correctness.kind_of(name)]
]
RAISED: list[Row] = [
    (
        "correctness",
        instead(name, raised="RuntimeError: HIP error: invalid device function"),
        f"correctness.host.gpu0.{name}",
        "failed: RuntimeError: HIP error: invalid device function. Kernels do not run there",
        "Compare the GPU's target",
    )
    for name in correctness.names(measured.GPU)
]
ENDS: list[Row] = [
    (part, change, f"{part}.host.gpu0.finished", words, step)
    for part in ("correctness",)
    for change, words, step in (
        (
            of_device(**HUNG),
            "cuda:0 on the host hung in gemm_float32_exact: no end after 180 s, and was given up",
            "iommu=pt",
        ),
        (
            of_device(**DIED),
            "ended early in fft: signal SIGSEGV: Memory access fault by GPU node-1",
            f"compute {part} --devices",
        ),
        (of_device(done=False), "ended early: it did not say why", "sudo dmesg"),
        (lambda seen: seen["places"].update(host={"error": "no engine"}), "ended early: no engine", "sudo dmesg"),
        (lambda seen: seen["places"].pop("host"), "ended early: not looked at", "sudo dmesg"),
        (lambda seen: seen["places"].update(host={"after": {"cuda:0": "x"}}), "Nothing was tried on cuda:0", "compute"),
    )
]
ROWS: list[Row] = [*ENDS, *CORRECTNESS, *RAISED]


def judge(part: str, seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == part)
    return {result.id: result for result in settle(check.judge(seen, healthy.expected() | changes))}


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_at_its_limit_a_measure_still_passes(kind: str) -> None:
    limits: dict[str, dict[str, Any]] = {
        "bound": {"error_ratio": 1.0},
        "random": {"deviations": {"mean": 6.0, "variance": -6.0}},
        "training": {"last": 0.01489, "first": 0.149},
    }
    seen = {**measured.RIGHT[kind], **limits.get(kind, {})}
    assert correctness.JUDGES[kind]("gemm_float32_exact", "on cuda:0", seen)[0] is True


def test_a_device_that_hung_is_one_red_and_its_measures_follow_from_it() -> None:
    seen = healthy.seen("correctness")
    of_device(**HUNG)(seen)
    results = judge("correctness", seen)
    mine = {id: result for id, result in results.items() if id.startswith("correctness.host.")}
    assert [id for id, result in mine.items() if result.status == FAIL] == ["correctness.host.gpu0.finished"]
    others = [result for id, result in mine.items() if not id.endswith("finished")]
    assert len(others) == len(correctness.names(measured.GPU))
    assert {result.status for result in others} == {UNVERIFIABLE}
    assert all("follows from correctness.host.gpu0.finished" in result.why for result in others)


def test_a_device_that_hung_before_follows_from_that() -> None:
    seen = healthy.seen("correctness")
    of_device(**HUNG)(seen)
    seen["places"]["gpuhost-jupyter"] = {"after": {"cuda:0": "correctness.host.gpu0.finished"}}
    result = judge("correctness", seen)["correctness.gpuhost-jupyter.gpu0.finished"]
    assert result.status == UNVERIFIABLE
    assert "follows from correctness.host.gpu0.finished" in result.why


def test_a_worker_that_leaves_a_measure_out_is_found_out() -> None:
    seen = healthy.seen("correctness")
    del seen["places"]["host"]["devices"]["cuda:0"]["measured"]["fft"]
    result = judge("correctness", seen)["correctness.host.gpu0.fft"]
    assert result.status == FAIL
    assert "was not measured" in result.why


def test_a_device_that_does_not_tell_its_formats_owes_those_that_all_have() -> None:
    assert [name for name in correctness.names({}) if name.endswith("_exact")] == [
        f"gemm_{name}_exact" for name in ("float64", "float32", "float16", "bfloat16")
    ]
    assert "gemm_int8_exact" in correctness.names({"formats": ["int8"]})


NARROW = [
    ("gemm_int8_exact", "RuntimeError: _int_mm is not supported on this device", UNVERIFIABLE),
    ("gemm_float8_e4m3fn_bound", "RuntimeError: torch._scaled_mm is only supported on devices…", UNVERIFIABLE),
    ("gemm_int8_exact", "RuntimeError: HIP error: invalid device function", FAIL),
    ("gemm_float16_exact", "RuntimeError: Half is not supported", FAIL),
]


@pytest.mark.parametrize(("name", "said", "status"), NARROW)
def test_only_a_narrow_format_may_be_missing_in_a_build(name: str, said: str, status: str) -> None:
    device = {**measured.GPU, "formats": ["int8", "float8_e4m3fn"]}
    came = measured.numbers(device)
    came["measured"][name] = {"raised": said}
    results = {result.id: result for result in work.judge_device("correctness", HOST, "cuda:0", came)}
    assert results[f"correctness.host.gpu0.{name}"].status == status
    assert {result.status for id, result in results.items() if not id.endswith(name)} == {PASS}


def test_a_simulated_gpu_is_not_verifiable_and_the_processors_stand_for_themselves() -> None:
    seen = healthy.seen("correctness") | {"simulated": True}
    for where in seen["places"]:
        seen["places"][where] = {"devices": {"cpu": measured.numbers({"kind": "cpu"})}}
    results = judge("correctness", seen)
    gpu = results["correctness.host.gpu0.finished"]
    assert gpu.status == UNVERIFIABLE
    assert "simulated" in gpu.why
    assert results["correctness.host.cpu.gemm_float32_exact"].status == PASS
    assert not [id for id in results if ".gpu0." in id and not id.endswith("finished")]


def test_a_host_planned_without_gpu_proves_its_processors() -> None:
    torch = [{"where": "host", "python": "python3", "gpu": False}]
    assert work.devices(torch[0], healthy.expected(), False, None) == ["cpu"]
    assert work.gpus(torch[0], healthy.expected()) == []
