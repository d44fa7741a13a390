"""Why Ollama runs on the CPU, from logs in its own words: the verdict names the cause and the step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from verify.checks import CHECKS, fallback, versions
from verify.parsers import ollama_log
from verify.result import FAIL, PASS, Result, settle

SAMPLES = Path(__file__).parents[2] / "samples" / "ollama"
NEW, OLD = {"in_tree": True, "version": None, "release": "7.0.1"}, {"in_tree": True, "version": None, "release": "6.8.0-90"}
LEAST = {"version": "30.10", "kernel": "6.14"}


def judge(log: dict[str, Any], driver: dict[str, Any] | None = None, **loaded: int) -> dict[str, Result]:
    """What a host comes to whose Ollama wrote that log at its start, with the model in RAM."""
    expected = healthy.expected()
    next(row for row in expected["services"] if row["name"] == "ollama")["driver_min"] = LEAST
    seen = healthy.seen("generate") | {"log": log, "driver": driver or NEW}
    seen["loaded"]["size_vram"] = loaded.get("size_vram", 0)
    check = next(check for check in CHECKS if check.area == "generate")
    return {result.id: result for result in settle(check.judge(seen, expected))}


def parsed(name: str) -> dict[str, Any]:
    return ollama_log.parse((SAMPLES / f"{name}.log").read_text(encoding="utf-8"))


LOGS = [
    (
        "0.3-kfd-permission",
        NEW,
        "it runs without the numbers of the groups that own them",
        "docker exec gpuhost-ollama ls -ln",
    ),
    ("0.35-igpu-dropped", NEW, "it drops integrated GPUs unless it is told otherwise", "OLLAMA_IGPU_ENABLE=1"),
    (
        "0.12-discovery-timeout",
        NEW,
        "the GPU did not answer in time: a driver older than its ROCm, or a card that",
        "health",
    ),
    (
        "0.12-discovery-timeout",
        OLD,
        "(made from Linux 6.14 or newer, and here is 6.8.0-90)",
        "`gpuhost plan` names a driver",
    ),
]


@pytest.mark.parametrize(("name", "driver", "words", "step"), LOGS, ids=[f"{row[0]}-{n}" for n, row in enumerate(LOGS)])
def test_the_cause_is_named_from_the_log_of_a_real_form(name: str, driver: dict[str, Any], words: str, step: str) -> None:
    results = judge(parsed(name), driver)
    found = results["generate.ollama.discovery"]
    assert found.status == FAIL
    assert words in found.why
    assert "Its log says: " in found.why
    assert step in found.next
    assert {id for id, result in results.items() if result.status == FAIL} == {"generate.ollama.discovery"}


def line(text: str) -> dict[str, Any]:
    """A log with one telling line, and the choice of the CPU."""
    return ollama_log.parse(f'{text}\nmsg="inference compute" id=cpu library=cpu')


LINES = [
    ('msg="amdgpu [0] gfx1103 is not supported by /tmp/rocm [gfx1030]"', "no kernels for this GPU's target", "override"),
    (
        'error="open /dev/kfd: operation not permitted"',
        "it was not given the devices",
        "HostConfig.Devices}}",
    ),
    ('error="open /dev/kfd: no such file or directory"', "it was not given the devices", "gpuhost-ollama"),
    ('msg="amdgpu driver not detected /sys/module/amdgpu"', "no amdgpu driver is loaded", "modprobe"),
    (
        'msg="failure during GPU discovery" error="runner crashed"',
        "mostly an override or kernels for another",
        "containers,torch",
    ),
    ("HSA_OVERRIDE_GFX_VERSION value abc is invalid", "has a value that names no target", "its settings"),
    ('msg="no compatible GPUs were discovered"', "it sees no GPU that it can use", "--only containers,driver,torch"),
    ("ROCm error: out of memory", "the GPU's memory is full", "smaller model"),
    ("ROCm error: unspecified launch failure", "the GPU gave an error", "dmesg"),
]


@pytest.mark.parametrize(("text", "words", "step"), LINES)
def test_each_known_cause_has_its_words_and_its_step(text: str, words: str, step: str) -> None:
    found = judge(line(text))["generate.ollama.discovery"]
    assert words in found.why
    assert step in found.next
    assert "{" not in found.next.replace("{{json .HostConfig.Devices}}", "")


def test_every_kind_of_the_log_has_a_cause() -> None:
    assert {kind for kind, _ in ollama_log.REASONS} | {"too_old"} == set(fallback.CAUSES)


def test_a_log_that_does_not_say_why_says_that() -> None:
    found = judge(line("nothing"))["generate.ollama.discovery"]
    assert "its log does not say why" in found.why
    assert found.next == "docker logs gpuhost-ollama 2>&1 | grep -iE 'inference compute|gpu|rocm'"


def test_that_there_is_no_gpu_is_said_besides_the_reason() -> None:
    assert fallback.cause([{"kind": "no_gpu", "text": ""}, {"kind": "EACCES", "text": ""}]) == fallback.CAUSES["EACCES"]


@pytest.mark.parametrize("kind", ["EACCES", "integrated", "out_of_memory"])
def test_an_old_driver_is_not_blamed_for_what_has_another_cause(kind: str) -> None:
    assert fallback.cause([{"kind": kind, "text": ""}], OLD, LEAST) == fallback.CAUSES[kind]


DRIVERS = [
    (OLD, LEAST, True),
    (NEW, LEAST, False),
    ({"in_tree": False, "version": "6.12.12", "release": "7.0.1"}, LEAST, True),
    ({"in_tree": False, "version": "6.14.14", "release": "6.8.0"}, LEAST, False),
    ({"in_tree": False, "version": "6.14", "release": "6.8.0"}, LEAST, False),
    (OLD, {"version": "30.10", "kernel": None}, False),
    (OLD, None, False),
    ({}, LEAST, False),
    (None, LEAST, False),
]


@pytest.mark.parametrize(("driver", "least", "old"), DRIVERS)
def test_a_driver_s_age_is_that_of_the_kernel_it_was_made_from(driver: Any, least: Any, old: bool) -> None:
    assert versions.too_old(driver, least) is old


def test_a_gpu_that_was_found_and_not_used_is_a_fault_too() -> None:
    log = {"gpu": True, "reasons": [{"kind": "out_of_memory", "text": "ROCm error: out of memory"}]}
    results = judge(log)
    assert results["generate.ollama.discovery"].status == PASS
    found = results["generate.ollama.residency"]
    assert (
        "runs the model on the CPU, at about a tenth of the GPU's speed, and reports no error: the GPU's memory is"
        in found.why
    )
    assert "Stop what else uses the GPU" in found.next


def test_a_service_planned_for_the_cpu_that_uses_the_gpu_says_so() -> None:
    seen = healthy.seen("generate")
    check = next(check for check in CHECKS if check.area == "generate")
    expected = healthy.expected() | {"services": [healthy.service("ollama", gpu=False)]}
    results = {result.id: result for result in check.judge(seen, expected)}
    assert "the plan has no GPU for it" in results["generate.ollama.residency"].why
    assert "the plan has none for it" in results["generate.ollama.discovery"].why
    assert all("starts it without devices" in results[f"generate.ollama.{name}"].next for name in ("residency", "discovery"))
