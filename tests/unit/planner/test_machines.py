"""Machines from public threads, and what a good support engineer would tell their owners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import planner
from control.support import Table
from tests.unit.planner.conftest import wishes
from tests.unit.verify import machines

MACHINES, CARDS = (machines.document()[part] for part in ("machines", "cards"))


def said(plan: planner.Plan) -> dict[str, Any]:
    """A plan in the words of `machines.yml`, section `expect`."""
    found = {level: sorted({one.id for one in plan.findings if one.level == level}) for level in ("refuse", "warn")}
    if not plan.roles:
        return found
    driver, rocm = plan.roles["amdgpu"], plan.roles["rocm"]
    with_gpu = [one for one in plan.roles["services"]["containers"] if one["devices"]]
    return {
        "driver": " ".join(filter(None, (driver["driver"], driver["version"]))),
        "rocm": " ".join(filter(None, (rocm["stream"], rocm["version"]))),
        "torch": plan.roles["pytorch"]["build"],
        "cards": [gpu.name for gpu in plan.gpus if gpu.use],
        "gpu": {one["service"]: one["override"] or "no override" for one in with_gpu},
        "parameters": [f"{one['name']}={one['value']}" for one in driver["parameters"]],
        "reboot": plan.cost["reboot"],
        **found,
    }


def recorded(machine: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machines.SNAPSHOTS / f"{machine['id']}.json").read_text(encoding="utf-8"))
    return found


def test_there_are_machines_enough_and_most_are_somebodys() -> None:
    assert len(MACHINES) >= 60
    assert sum(one["source"] != "made" for one in MACHINES) >= 50
    assert len({one["id"] for one in MACHINES}) == len(MACHINES)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one["id"])
def test_every_machine_gets_the_stated_answer(machine: dict[str, Any], table: Table) -> None:
    plan = planner.plan(recorded(machine), wishes(**machine.get("wishes", {})), table, "gpu01")
    assert said(plan) == machine["expect"]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one["id"])
def test_every_refusal_says_what_would_work(machine: dict[str, Any], table: Table) -> None:
    plan = planner.plan(recorded(machine), wishes(**machine.get("wishes", {})), table, "gpu01")
    for finding in plan.findings:
        assert finding.seen
        if finding.level == "refuse":
            assert finding.why
            assert finding.next


def test_every_machine_has_its_snapshot_and_no_other_is_kept() -> None:
    assert sorted(one["id"] for one in MACHINES) == sorted(path.stem for path in machines.SNAPSHOTS.glob("*.json"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one["id"])
def test_the_snapshot_is_that_of_the_machine(machine: dict[str, Any], tmp_path: Path) -> None:
    taken = machines.taken(tmp_path, machine["machine"], CARDS)
    stored = (machines.SNAPSHOTS / f"{machine['id']}.json").read_text(encoding="utf-8")
    assert machines.text(taken) == stored, "python -m tests.unit.verify.machines"
