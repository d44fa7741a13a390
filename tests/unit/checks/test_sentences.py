"""Each check can fail, alone, and then says what was seen, why it matters and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import (
    healthy,
    rows_containers,
    rows_gateway,
    rows_host,
    rows_services,
    rows_torch,
    test_driver_sentences,
    test_health_sentences,
    test_inside_sentences,
    test_model_sentences,
    test_service_sentences,
    test_speed,
    test_torch_sentences,
    test_unit_sentences,
    test_work_sentences,
)
from tests.unit.checks.changes import Change, Row, Unknown, put
from verify.checks import CHECKS
from verify.checks.inspection import OVERRIDE
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

Seen = dict[str, Any]

ROWS: list[Row] = [
    *rows_containers.ROWS,
    *rows_gateway.ROWS,
    *rows_host.ROWS,
    *rows_services.ROWS,
    *rows_torch.ROWS,
    *test_driver_sentences.ROWS,
    *test_health_sentences.ROWS,
    *test_inside_sentences.ROWS,
    *test_model_sentences.ROWS,
    *test_service_sentences.ROWS,
    *test_speed.ROWS,
    *test_torch_sentences.ROWS,
    *test_unit_sentences.ROWS,
    *test_work_sentences.ROWS,
]


def judge(area: str, seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == area)
    return {result.id: result for result in check.judge(seen, healthy.expected(area) | changes)}


@pytest.mark.parametrize(("area", "change", "id", "why", "step"), ROWS, ids=[f"{row[2]}-{n}" for n, row in enumerate(ROWS)])
def test_it_fails_and_says_why_and_what_next(area: str, change: Change, id: str, why: str, step: str) -> None:
    seen = healthy.seen(area)
    assert judge(area, seen).get(id, Result(id, PASS)).status == PASS
    change(seen)
    result = judge(area, seen)[id]
    assert result.status == FAIL
    assert why in result.why
    assert step in result.next
    assert result.why.endswith((".", ")", "…")) or ": " in result.why
    assert result.next


def kind(id: str) -> str:
    """An id with the names of this host's services, users and places taken out: what one sentence is written for."""
    area, subject, *rest = id.replace("gpuhost-jupyter", "host").split(".")
    services = ("anythingllm", "jupyter", "llamacpp", "ollama")
    containers = (*services, "gateway", "gateway-login")
    places = {"access": ("alice", "kfd", "renderD128"), "models": ("tiny_1b", "careful_latest"), "containers": containers}
    named = places.get(area, services)
    rest = ["*" if word in ("kfd", "renderD128") else word for word in rest]
    if area == "driver" and rest == ["built"]:
        subject = "*"
    if (area, subject) in (("driver", "parameter"), ("gateway", "certificate")):
        rest = ["*"]
    return ".".join([area, "*" if subject in named else subject, *rest])


def test_every_check_has_a_row_here_that_makes_it_fail() -> None:
    broken = {kind(row[2]) for row in ROWS}
    # Its page is the health page: what breaks it breaks that first, in test_causes.py.
    unbroken = {"services.*.version"} - broken
    every = {kind(id) for check in CHECKS for id in judge(check.area, healthy.seen(check.area))}
    assert every - broken - unbroken == set()


UNKNOWN: list[Unknown] = [
    *rows_host.UNKNOWN,
    *rows_services.UNKNOWN,
    *test_driver_sentences.UNKNOWN,
    *test_health_sentences.UNKNOWN,
    *test_inside_sentences.UNKNOWN,
    *test_model_sentences.UNKNOWN,
    *test_speed.UNKNOWN,
    *test_torch_sentences.UNKNOWN,
]


@pytest.mark.parametrize(("area", "change", "id", "why"), UNKNOWN, ids=[row[2] for row in UNKNOWN])
def test_what_cannot_be_seen_is_unverifiable_with_the_reason(area: str, change: Change, id: str, why: str) -> None:
    seen = healthy.seen(area)
    change(seen)
    result = judge(area, seen)[id]
    assert result.status == UNVERIFIABLE
    assert why in result.why


def test_on_a_host_planned_without_gpu_nothing_about_one_is_asked() -> None:
    without: dict[str, Any] = {"gpus": [], "driver": {"source": "none", "module": None}}
    assert judge("driver", healthy.seen("driver"), **without) == {}
    seen = healthy.seen("rocm")
    assert judge("rocm", seen, **without)["rocm.rocminfo.gpus"].status == UNVERIFIABLE


def test_on_a_simulated_host_a_tool_that_finds_no_driver_has_run_and_one_that_breaks_has_not() -> None:
    seen = healthy.seen("rocm") | {"simulated": True}
    seen["tools"]["rocminfo"].update(rc=1, parsed=rows_host.NOT_LOADED)
    seen["tools"]["rocm-smi"].update(rc=127, parsed={"error": "no agents", "kind": "unknown"}, last_line="not found")
    results = judge("rocm", seen)
    assert results["rocm.rocminfo.runs"].status == PASS
    assert results["rocm.rocm-smi.runs"].status == FAIL
    assert results["rocm.rocminfo.gpus"].status == UNVERIFIABLE


def test_the_plan_s_cpu_service_must_not_use_the_gpu() -> None:
    seen = healthy.seen("generate")
    services = [healthy.service("ollama", gpu=False)]
    assert judge("generate", seen, services=services)["generate.ollama.residency"].status == FAIL
    seen["loaded"]["size_vram"], seen["log"] = 0, {"gpu": False, "reasons": []}
    results = judge("generate", seen, services=services)
    assert {result.status for result in results.values()} == {PASS}


@pytest.mark.parametrize(("where", "status"), [("gpuhost-jupyter", FAIL), ("host", PASS)])
def test_an_override_that_only_a_container_needs_is_stale_on_the_host(where: str, status: str) -> None:
    seen = healthy.seen("rocm")
    put("override", "env_files", [{"path": "/etc/environment", "name": OVERRIDE, "value": "10.3.0"}])(seen)
    planned = [{"where": where, "override": "10.3.0"}]
    assert judge("rocm", seen, torch=planned)["rocm.override.environment"].status == status


def test_a_service_without_checks_of_its_own_has_those_of_every_service() -> None:
    first, seen = healthy.expected()["services"][0], healthy.seen("services")
    seen["services"] = {"sixth": seen["services"][first["name"]]}
    results = judge("services", seen, services=[{**first, "name": "sixth"}])
    assert set(results) == {f"services.sixth.{name}" for name in ("answers", "health", "exposure")}


def test_what_a_service_answers_inside_of_another_is_shown() -> None:
    assert judge("wiring", healthy.seen("wiring"))["wiring.jupyter.ollama"].seen == '{"version":"0.35.0"}'
