"""The container engine: brought for what runs on it, and left alone otherwise."""

from __future__ import annotations

from typing import Any

from control.planner import guard
from tests.unit.planner.conftest import Make, ids

BARE = "debian-12-rx6600"
NONE: dict[str, Any] = {
    "packages": [],
    "daemon": {},
    "service": None,
    "guard": {"bridges": f"{guard.BRIDGES}*", **guard.GUARD},
}


def _sealed(*items: dict[str, str]) -> Any:
    def edit(host: dict[str, Any]) -> None:
        seal = {"input": "x", "items": {f"{one['kind']}:{number}": one for number, one in enumerate(items)}}
        host["seals"] = {"container_engine": seal}

    return edit


def test_a_host_that_runs_nothing_in_containers_gets_no_engine(make: Make) -> None:
    plan = make(BARE, services_enabled=[])
    assert plan.roles["container_engine"] == NONE
    assert [one.choice for one in plan.decisions if one.topic == "container engine"] == ["none"]
    assert "GH-ENGINE-OLD" not in ids(plan)
    assert not [row for row in plan.cost["items"] if "engine" in row["name"].lower()]


def test_a_host_that_runs_all_its_services_itself_gets_no_engine(make: Make) -> None:
    assert make(BARE, services_enabled=["ollama"], services_native=["ollama"]).roles["container_engine"] == NONE
    assert make(BARE, services_native=["ollama"]).roles["container_engine"]["service"] == "docker.service"


def test_a_seal_of_a_run_that_brought_none_wants_none(make: Make) -> None:
    assert make(BARE, _sealed(), services_enabled=[]).roles["container_engine"] == NONE


def test_the_engine_that_gpuhost_brought_stays_when_the_last_service_goes(make: Make) -> None:
    sealed = _sealed({"kind": "package"}, {"kind": "unit"})
    with_services = make(BARE, sealed).roles["container_engine"]
    assert with_services["service"] == "docker.service"
    assert make(BARE, sealed, services_enabled=[]).roles["container_engine"] == with_services


def test_somebodys_own_engine_is_not_reconfigured_for_nothing(make: Make) -> None:
    def own(host: dict[str, Any]) -> None:
        host["engine"] = {"present": True, "version": "29.6.1", "containers": [], "networks": [], "volumes": []}

    assert make(BARE, own, services_enabled=[]).roles["container_engine"] == NONE


def test_a_gateway_needs_one_with_no_service_behind_it_too(make: Make) -> None:
    plan = make(BARE, services_enabled=[], gateway_enabled=True)
    assert plan.roles["container_engine"]["service"] == "docker.service"
    assert ids(plan, "refuse") == []


def test_rules_are_looked_for_only_where_an_engine_is(make: Make) -> None:
    assert make(BARE).roles["verify"]["expected"]["guard"] == guard.GUARD
    assert make(BARE, services_enabled=[]).roles["verify"]["expected"]["guard"] is None
