"""What GPU work can come to, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import healthy, measured
from tests.unit.checks.changes import Change, Row
from verify.checks import CHECKS, correctness, memory, rate, work
from verify.compute import memory as compute_memory
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]

HOST = {"where": "host", "python": "/opt/gpuhost/torch/bin/python"}


def of_device(where: str = "host", **changes: Any) -> Change:
    """Of how the work on the GPU went, seen from a place."""
    return lambda seen: seen["places"][where]["devices"]["cuda:0"].update(changes)


def of_measure(name: str, where: str = "host", **changes: Any) -> Change:
    """Of one measure."""
    return lambda seen: seen["places"][where]["devices"]["cuda:0"]["measured"][name].update(changes)


def instead(name: str, **seen_now: Any) -> Change:
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
        ({"error_ratio": "nan"}, "holds NaN or infinity where every input is an ordinary number (error_ratio: nan)"),
        ({"error_ratio": "inf"}, "(error_ratio: inf)"),
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
        ({"last": "-inf"}, "holds NaN or infinity where every input is an ordinary number (last: -inf)"),
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
    for part in ("correctness", "memory", "rate", "burn")
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
FAILED = "RuntimeError: HIP error: invalid device function"
CELLS = {"wrong": 2, "first_cell": 4096, "bits": "0000000000000010"}
MEMORY: list[Row] = [
    *(("memory", instead(name, raised=FAILED), f"memory.host.gpu0.{name}", FAILED, "dmesg") for name in memory.names({})),
    *(
        ("memory", of_measure(name, **changes), f"memory.host.gpu0.{name}", words, step)
        for name in compute_memory.PATTERNS
        for changes, words, step in (
            (
                CELLS,
                "2 cells of 8 bytes read back otherwise, the first at 0x8000 in the bits 0000000000000010",
                "out of use",
            ),
            ({"wrong_on_host": 1}, "are wrong when the host reads them", "out of use"),
            ({"bytes": 0}, "No cell on cuda:0 on the host was tested", "Stop what uses the GPU"),
        )
    ),
    ("memory", of_measure("filled", bytes=0), "memory.host.gpu0.filled", "all of it is taken", "gpuhost-ollama"),
    ("memory", of_measure("leak", held_bytes=1), "memory.host.gpu0.leak", "is not free again", "Update the driver"),
    ("memory", of_measure("leak", lost_bytes=memory.KEPT + 1), "memory.host.gpu0.leak", "0.1 GiB not given back", "Update"),
]
SLOW = [
    (
        "gemm_float16",
        15.9,
        "reach 15.9 TFLOP/s, and at least 16.0 are due. It was 20.0 in 1 earlier run, the last on 2026-11-21",
    ),
    ("gemm_float16", 15.9, "Under load: 2410 MHz, 98 W, junction 81 °C."),
    ("gemm_float32", 1.0, "something changed on this host"),
    ("gemm_float64", 1.0, "something changed on this host"),
    ("gemm_bfloat16", 1.0, "something changed on this host"),
    ("memory", 159.0, "Its own memory on cuda:0 on the host reach 159.0 GB/s"),
    ("to_device", 15.7, "The link at 0000:03:00.0 runs at 16 GT/s x16, which carries 31.5 GB/s."),
    ("from_device", 15.7, "at least 15.8 are due"),
    ("launch", 99_000.0, "at least 100000.0 are due"),
]
SLOW_LINKS: list[tuple[dict[str, Any], str]] = [
    (
        {"gt_s": 8.0},
        "Under load the link at 0000:03:00.0 on the way to the device on cuda:0 on the host runs at 8 GT/s x16, and",
    ),
    ({"lanes": 4}, "runs at 16 GT/s x4, and both of its ends could 16 GT/s x16: models load"),
]
RATE: list[Row] = [
    *(
        ("rate", instead("link", link={**measured.LINK, **changes}), "rate.host.gpu0.link", words, "BIOS")
        for changes, words in SLOW_LINKS
    ),
    *(("rate", of_measure(name, value=value), f"rate.host.gpu0.{name}", words, "") for name, value, words in SLOW),
    *(("rate", instead(name, raised=FAILED), f"rate.host.gpu0.{name}", FAILED, "dmesg") for name in rate.names({})),
]
BURN: list[Row] = [
    ("burn", of_measure("endurance", **changes), "burn.host.gpu0.endurance", words, step)
    for changes, words, step in (
        ({"wrong_products": 1}, "10.0 minutes of load on cuda:0 on the host, 1 of 300 products and 0 cells", "out of use"),
        ({"wrong_cells": 2}, "0 of 300 products and 2 cells of memory came out otherwise", "out of use"),
        ({"late": 15.9}, "products reach 15.9 TFLOP/s and at the beginning they reached 20.0: the card slows", "cooling"),
        ({"late": 15.9}, "Held down by power in 90% of the time.", "cooling"),
        (
            {"errors": {"memory": 2, "bus": 1}},
            "the card counted 2 errors of its memory and 1 errors of its bus that nothing",
            "aer",
        ),
        ({"late": 15.9}, "(highest: 2410 MHz, 98 W, junction 104 °C)", "the power cap"),
    )
]
BURN += [("burn", instead("endurance", raised=FAILED), "burn.host.gpu0.endurance", FAILED, "dmesg")]
ROWS: list[Row] = [*ENDS, *CORRECTNESS, *RAISED, *MEMORY, *RATE, *BURN]


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
    (
        "attention_float32",
        "AttributeError: module 'torch.nn.functional' has no attribute 'scaled_dot_product_attention'",
        UNVERIFIABLE,
    ),
    ("fft", "AttributeError: 'NoneType' object has no attribute 'shape'", FAIL),
    ("gemm_int8_exact", "RuntimeError: _int_mm is not supported on this device", UNVERIFIABLE),
    ("gemm_float8_e4m3fn_bound", "RuntimeError: torch._scaled_mm is only supported on devices…", UNVERIFIABLE),
    ("gemm_int8_exact", "RuntimeError: HIP error: invalid device function", FAIL),
    ("gemm_float16_exact", "RuntimeError: Half is not supported", FAIL),
]


@pytest.mark.parametrize(("name", "said", "status"), NARROW)
def test_only_what_a_build_may_lack_is_not_the_device_s_fault(name: str, said: str, status: str) -> None:
    device = {**measured.GPU, "formats": ["int8", "float8_e4m3fn"]}
    came = measured.numbers(device)
    came["measured"][name] = {"raised": said}
    results = {result.id: result for result in work.judge_device("correctness", HOST, "cuda:0", came)}
    assert results[f"correctness.host.gpu0.{name}"].status == status
    assert {result.status for id, result in results.items() if not id.endswith(name)} == {PASS}


def test_on_processors_a_build_may_lack_a_format() -> None:
    came = measured.numbers({"kind": "cpu", "formats": []})
    came["measured"]["gemm_float16_bound"] = {"raised": """RuntimeError: "addmm_impl_cpu_" not implemented for 'Half'"""}
    came["measured"]["fft"] = {"raised": "RuntimeError: MKL FFT error: Intel oneMKL DFTI ERROR"}
    results = {result.id: result for result in work.judge_device("correctness", HOST, "cpu", came)}
    assert results["correctness.host.cpu.gemm_float16_bound"].status == UNVERIFIABLE
    assert results["correctness.host.cpu.fft"].status == FAIL


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
    assert work.devices("memory", torch[0], healthy.expected(), False, None) == ["cpu"]
    assert work.gpus(torch[0], healthy.expected()) == []


def two_gpus(**changes: Any) -> dict[str, Result]:
    """The results of what lies between two GPUs, on a host planned with both."""
    planned = [{"pci": f"0000:{bus}:00.0", "gfx": "gfx942", "name": "Instinct MI300X"} for bus in ("03", "83")]
    devices = {f"cuda:{index}": measured.between({**measured.GPU, "pci": gpu["pci"]}) for index, gpu in enumerate(planned)}
    seen: Seen = {"simulated": False, "stand_ins": {}, "places": {"host": {"devices": devices, "after": {}}}}
    for name, value in changes.pop("measured", {}).items():
        devices["cuda:0"]["measured"][name].update(value)
    devices["cuda:0"].update(changes.pop("device", {}))
    return judge("peers", {**seen, **changes.pop("seen", {})}, gpus=planned, **changes)


def test_between_two_gpus_everything_is_asked_of_each() -> None:
    results = two_gpus()
    assert {result.status for result in results.values()} == {PASS}
    assert sorted(results) == sorted(
        f"peers.host.gpu{index}.{name}" for index in (0, 1) for name in ("finished", "all_reduce", "copies")
    )


PEERS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"measured": {"all_reduce": {"wrong": 3}}},
        "all_reduce",
        "an all-reduce over all GPUs on cuda:0 on the host, 3 of 67108864",
    ),
    ({"measured": {"copies": {"wrong": 1}}}, "copies", "what is trained on several GPUs is worthless"),
    (
        {"measured": {"all_reduce": {"raised": "DistBackendError: timeout"}}},
        "all_reduce",
        "failed: DistBackendError: timeout",
    ),
    ({"device": HUNG}, "finished", "cuda:0 on the host hung in gemm_float32_exact"),
]


@pytest.mark.parametrize(("changes", "name", "words"), PEERS)
def test_what_is_wrong_between_gpus_points_to_the_iommu(changes: dict[str, Any], name: str, words: str) -> None:
    results = two_gpus(**changes)
    result = results[f"peers.host.gpu0.{name}"]
    assert result.status == FAIL
    assert words in result.why
    assert "iommu=pt" in result.next
    assert {id for id, one in results.items() if one.status == FAIL} == {f"peers.host.gpu0.{name}"}


def test_a_rate_between_gpus_is_compared_with_earlier_runs_alone() -> None:
    before = measured.earlier("peers", measured.between())
    assert two_gpus(history=before)["peers.host.gpu0.copies"].status == PASS
    slow = two_gpus(history=before, measured={"copies": {"value": 15.9}})["peers.host.gpu0.copies"]
    assert slow.status == FAIL
    assert "A copy to another GPU on cuda:0 on the host reaches 15.9 GB/s, and at least 16.0 are due" in slow.why


@pytest.mark.parametrize(("part", "asked"), [("correctness", 2), ("memory", 1), ("rate", 2), ("peers", 1)])
def test_what_a_simulated_gpu_cannot_show_is_said_once_for_each_gpu_and_place(part: str, asked: int) -> None:
    planned = [{"pci": f"0000:{bus}:00.0", "gfx": "gfx942", "name": "Instinct MI300X"} for bus in ("03", "83")]
    seen: Seen = {"simulated": True, "stand_ins": {}, "places": {}}
    unknown = [result for result in judge(part, seen, gpus=planned).values() if "simulated" in result.why]
    assert len(unknown) == 2 * asked
    assert {result.status for result in unknown} == {UNVERIFIABLE}


def test_one_gpu_has_no_peers() -> None:
    assert judge("peers", healthy.seen("peers")) == {}
    assert judge("peers", {**healthy.seen("peers"), "simulated": True}) == {}


def test_a_link_that_the_system_does_not_show_is_not_known() -> None:
    seen = healthy.seen("rate")
    instead("link", link=None)(seen)
    result = judge("rate", seen)["rate.host.gpu0.link"]
    assert result.status == UNVERIFIABLE
    assert "it is a virtual function, or on no bus" in result.why


def test_a_link_that_is_faster_than_its_port_says_is_fast_enough() -> None:
    seen = healthy.seen("rate")
    instead("link", link={**measured.LINK, "could_gt_s": 8.0, "could_lanes": 8})(seen)
    assert judge("rate", seen)["rate.host.gpu0.link"].status == PASS


def test_a_transfer_over_a_link_that_is_not_shown_is_compared_with_what_else_is_known() -> None:
    seen = healthy.seen("rate")
    of_measure("to_device", link=None, limit=None)(seen)
    result = judge("rate", seen)["rate.host.gpu0.to_device"]
    assert result.status == PASS
    assert not {"link", "limit"} & set(result.seen)


def test_power_is_told_beside_its_cap() -> None:
    said = {"core_mhz": 2480, "power_w": 338.0, "power_cap_w": 339.0, "junction_c": 108.9}
    assert rate.readings(said) == "2480 MHz, 338 W of 339 W, junction 108.9 °C"
    assert rate.readings({"power_w": 338.0}) == "338 W"


def test_memory_is_tested_from_one_place_that_has_the_gpu() -> None:
    host, jupyter, other = ({"where": name, "gpu": name != "host"} for name in ("host", "gpuhost-jupyter", "gpuhost-other"))
    assert work.rows({"torch": [host, jupyter, other]}, "memory") == [jupyter]
    assert work.rows({"torch": [host, {**jupyter, "gpu": False}]}, "memory") == [host]
    assert work.rows({"torch": [host, jupyter]}, "correctness") == [host, jupyter]


def test_of_processors_that_told_nothing_no_link_is_asked() -> None:
    came = measured.outcome({}) | {"device": None}
    asked = {device: [one.id for one in work.judge_device("rate", HOST, device, came)] for device in ("cpu", "cuda:0")}
    assert "rate.host.cpu.link" not in asked["cpu"]
    assert "rate.host.gpu0.link" in asked["cuda:0"]


def test_what_explains_silent_processors_is_no_gpu() -> None:
    assert work.causes(HOST, "cpu") == ("torch.host.import",)
    assert work.causes(HOST, "cuda:0") == ("torch.host.import", "torch.host.gpu_available", "torch.host.gpu_count")


def test_processors_have_no_link() -> None:
    assert "link" not in rate.names({"kind": "cpu"})


def test_half_filled_memory_says_nothing_of_the_rest() -> None:
    seen = healthy.seen("memory")
    of_measure("filled", bytes=(4 << 30) - 1)(seen)
    result = judge("memory", seen)["memory.host.gpu0.filled"]
    assert result.status == UNVERIFIABLE
    assert "only 4.0 GiB of 8.0 GiB were free" in result.why
    of_measure("filled", bytes=4 << 30)(seen)
    assert judge("memory", seen)["memory.host.gpu0.filled"].status == PASS


@pytest.mark.parametrize(("size", "status"), [(1, PASS), (0, FAIL)])
def test_of_a_host_s_own_memory_a_sample_is_tested(size: int, status: str) -> None:
    came = measured.cells({"kind": "cpu"})
    assert "leak" not in came["measured"]
    came["measured"]["filled"]["bytes"] = size
    results = {result.id: result for result in work.judge_device("memory", HOST, "cpu", came)}
    assert results["memory.host.cpu.filled"].status == status


def test_a_driver_may_keep_a_little() -> None:
    seen = healthy.seen("memory")
    of_measure("leak", lost_bytes=memory.KEPT)(seen)
    assert judge("memory", seen)["memory.host.gpu0.leak"].status == PASS


FLOORS = {"gemm_float16": 20.0, "gemm_float8_e4m3fn": 100.0}
CARD = {"pci": "0000:03:00.0", "gfx": "gfx1032", "name": "Radeon RX 6600", "rates": FLOORS}


@pytest.mark.parametrize(
    ("value", "history", "status", "source"),
    [
        (18.0, [], PASS, "RVS: 20.0 less 10%"),
        (17.9, [], FAIL, "RVS: 20.0 less 10%"),
        (18.0, [15.0], PASS, "RVS: 20.0 less 10%"),
        (18.0, [30.0], FAIL, "80% of 30.0, 1 earlier run, the last on 2026-11-21"),
        (24.0, [30.0, 30.0, 90.0], PASS, "80% of 30.0, 3 earlier runs, the last on 2026-11-21"),
        (10.0, [30.0], FAIL, "RVS: 20.0 less 10%"),
    ],
)
def test_a_rate_has_to_reach_the_floor_and_its_own_past(
    value: float, history: list[float], status: str, source: str
) -> None:
    seen = healthy.seen("rate")
    of_measure("gemm_float16", value=value)(seen)
    runs = [{"taken_at": "2026-11-21T08:00:00Z", "rates": {"rate.host.gpu0.gemm_float16": rate}} for rate in history]
    result = judge("rate", seen, gpus=[CARD], history=runs)["rate.host.gpu0.gemm_float16"]
    assert result.status == status
    assert result.wanted["source"] == source
    assert result.wanted["unit"] == "TFLOP/s"
    assert result.seen["value"] == value


def test_the_first_run_of_a_card_without_a_floor_has_nothing_to_compare_with() -> None:
    results = judge("rate", healthy.seen("rate"), history=[])
    assert results["rate.host.gpu0.gemm_float16"].status == UNVERIFIABLE
    assert "the next one is compared with this one" in results["rate.host.gpu0.gemm_float16"].why
    assert results["rate.host.gpu0.to_device"].status == PASS


def test_processors_share_their_time_and_may_be_half_as_fast() -> None:
    device = {"kind": "cpu", "formats": []}
    came = measured.rates(device)
    before = {"history": measured.earlier("rate", came, device="cpu")}
    for name in ("gemm_float32", "launch"):
        came["measured"][name]["value"] *= 0.5
    results = {result.id: result for result in work.judge_device("rate", HOST, "cpu", came, before)}
    assert results["rate.host.cpu.gemm_float32"].status == PASS
    assert results["rate.host.cpu.launch"].status == PASS
    came["measured"]["gemm_float32"]["value"] *= 0.99
    results = {result.id: result for result in work.judge_device("rate", HOST, "cpu", came, before)}
    assert results["rate.host.cpu.gemm_float32"].status == FAIL


def test_a_gpu_is_known_by_its_address_whatever_torch_s_order() -> None:
    other = {**CARD, "pci": "0000:83:00.0", "name": "Instinct MI210"}
    expected = {"gpus": [other, CARD], "history": []}
    assert work.against(expected, {"device": {"kind": "gpu", "pci": CARD["pci"]}})["gpu"] == CARD
    assert work.against(expected, {"device": {"kind": "gpu", "pci": None}})["gpu"] is None
    assert work.against({"gpus": [CARD, CARD]}, {"device": {"kind": "gpu", "pci": None}})["gpu"] == CARD
    assert work.against({"gpus": [CARD]}, {"device": {"kind": "cpu"}})["gpu"] is None
    assert work.against({"gpus": [CARD]}, {"device": None})["gpu"] is None


def test_both_spellings_of_eight_bits_have_one_floor() -> None:
    device = {**measured.GPU, "formats": ["float8_e4m3fnuz"]}
    came = measured.rates(device)
    [result] = [
        one
        for one in work.judge_device("rate", HOST, "cuda:0", came, {"gpu": CARD})
        if one.id.endswith("gemm_float8_e4m3fnuz")
    ]
    assert (result.status, result.wanted["at_least"]) == (FAIL, 90.0)


def test_a_card_that_keeps_four_fifths_of_its_rate_has_lasted() -> None:
    seen = healthy.seen("burn")
    of_measure("endurance", late=16.0)(seen)
    result = judge("burn", seen)["burn.host.gpu0.endurance"]
    assert result.status == PASS
    assert result.wanted == {"at_least": 16.0, "unit": "TFLOP/s", "source": "80% of its first minutes"}
    assert result.seen["series"]


def test_processors_that_share_their_time_last_with_half_of_their_rate() -> None:
    came = measured.lasted({**measured.GPU, "kind": "cpu"})
    came["measured"]["endurance"]["late"] = 10.5
    [result] = [one for one in work.judge_device("burn", HOST, "cpu", came, {}) if one.id.endswith("endurance")]
    assert (result.status, result.wanted["at_least"]) == (PASS, 10.0)


@pytest.mark.parametrize("name", ["gemm_int8", "gemm_float8_e4m3fn"])
def test_a_build_without_a_narrow_product_has_no_rate_of_it(name: str) -> None:
    came = measured.rates({**measured.GPU, "formats": ["int8", "float8_e4m3fn"]})
    came["measured"][name] = {"raised": "RuntimeError: not supported on this device"}
    results = {result.id: result for result in work.judge_device("rate", HOST, "cuda:0", came, {"gpu": CARD})}
    assert results[f"rate.host.gpu0.{name}"].status == UNVERIFIABLE
