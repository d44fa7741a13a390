"""Nodes that a rule of the host itself opens to everybody: accepted where the plan says so, and only there."""

from __future__ import annotations

import copy

import pytest

from tests.unit.checks import healthy
from verify.checks import access


@pytest.mark.parametrize(
    ("world", "mode", "status"),
    [
        (True, "0666", "pass"),
        (True, "0660", "fail"),
        (False, "0660", "pass"),
        (False, "0666", "fail"),
        (False, "0600", "fail"),
    ],
)
def test_either_way_of_access_is_judged_by_what_was_planned(world: bool, mode: str, status: str) -> None:
    expected, seen = copy.deepcopy(healthy.expected()), copy.deepcopy(healthy.seen("access"))
    for row in expected["access"]["devices"]:
        row["world"] = world
        seen["devices"][row["path"]]["mode"] = mode
    results = [one for one in access.judge(seen, expected) if one.id.endswith(".mode")]
    assert {one.status for one in results} == {status}
    assert len(results) == len(expected["access"]["devices"])
