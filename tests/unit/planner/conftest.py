"""Recorded hosts, the wishes of an untouched inventory, and a planner call in one word."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control import planner, roles, support

SNAPSHOTS = Path(__file__).resolve().parents[2] / "samples" / "snapshots"

Edit = Callable[[dict[str, Any]], object]
#: ``make(sample, *edits, **wishes)``: the plan for a recorded host.
Make = Callable[..., planner.Plan]


def snapshot(name: str, *edits: Edit) -> dict[str, Any]:
    """A recorded host, changed by ``edits``."""
    found: dict[str, Any] = json.loads((SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8"))
    for edit in edits:
        edit(found)
    return found


def wishes(**changed: Any) -> dict[str, Any]:
    """What an inventory without a word in it wants, but for ``changed``."""
    every = {key: value for role in (roles.PREFLIGHT, *roles.ROLES) for key, value in roles.defaults(role).items()}
    assert set(changed) <= set(every), "a test wishes for a variable that no role has"
    return {**copy.deepcopy(every), **changed}


@pytest.fixture(scope="session")
def table() -> support.Table:
    return support.load()


@pytest.fixture
def make(table: support.Table) -> Make:
    """Plans for recorded hosts."""

    def plan(name: str, *edits: Edit, **changed: Any) -> planner.Plan:
        return planner.plan(snapshot(name, *edits), wishes(**changed), table, "gpu01")

    return plan


def ids(plan: planner.Plan, level: str = "") -> list[str]:
    """Ids of the plan's findings, of one level or of all."""
    return [one.id for one in plan.findings if level in ("", one.level)]


def rules(plan: planner.Plan) -> set[str]:
    return {decision.rule for decision in plan.decisions}


def container(plan: planner.Plan, service: str) -> dict[str, Any]:
    return next(one for one in plan.roles["services"]["containers"] if one["service"] == service)
