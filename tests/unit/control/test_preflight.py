"""What is asked of a host before the first change, and what a person has to agree to."""

from __future__ import annotations

from typing import Any

import pytest

from control import preflight
from tests.unit.planner import edits
from tests.unit.planner.conftest import snapshot, wishes

NOBLE = "ubuntu-24.04-rx7900xtx"
RUNNING = "6.14.0-37-generic"
LOCAL = {"ansible_connection": "local"}


class Host:
    """Answers for a host, and remembers what it was asked."""

    def __init__(self, *changes: edits.Edit, candidates: Any = None) -> None:
        self.snapshot = snapshot(NOBLE, *changes)
        self.candidates = candidates
        self.asked: list[dict[str, Any]] = []

    def look(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append({"module": module, **arguments})
        if module != "gpu_host_info":
            return {}
        if arguments.get("seals"):
            return {"snapshot": self.snapshot}
        return {"snapshot": {"network": [], "candidates": self.candidates or {}}}

    def examine(self, given: Any = None, acting: bool = True, **changed: Any) -> preflight.Examination:
        return preflight.examine("gpu01", wishes(**changed), self.look, given or {}, acting)


def ids(result: preflight.Examination, level: str = "refuse") -> list[str]:
    return [one.id for one in result.findings if one.level == level]


def test_the_hosts_package_sources_are_asked_where_amds_driver_is_due() -> None:
    host = Host(candidates={f"linux-headers-{RUNNING}": [{"version": "1", "origin": "x"}]})
    result = host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    (asked,) = [one["candidates"] for one in host.asked if "candidates" in one]
    assert f"linux-headers-{RUNNING}" in asked["names"]
    assert asked["sources"] == []
    assert result.snapshot["candidates"] == host.candidates
    assert result.plan["roles"]["amdgpu"]["kernels"] == [RUNNING]


def test_headers_that_are_gone_are_seen_before_anything_changes() -> None:
    host = Host(candidates={f"linux-headers-{RUNNING}": []})
    result = host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    assert ids(result) == ["GH-HEADERS-NONE"]
    assert result.as_result(refuse=True)["failed"] is True


def test_a_host_with_the_kernels_own_driver_is_not_asked() -> None:
    host = Host()
    host.examine()
    assert [one for one in host.asked if "candidates" in one] == []


def test_one_look_asks_for_addresses_and_packages_together() -> None:
    host = Host()
    host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    second = [one for one in host.asked if one["module"] == "gpu_host_info"][1:]
    assert len(second) == 1
    assert second[0]["network"]
    assert second[0]["candidates"]


@pytest.mark.parametrize(
    ("changes", "wish", "given", "seen"),
    [
        ((edits.dkms("30.30.4"),), "dkms", {}, "AMD's driver 30.30.4 works and would be replaced"),
        ((edits.dkms("30.30.4"),), "inbox", {}, "AMD's driver 30.30.4 works and would be replaced"),
        ((), "dkms", {}, "the kernel's own driver works and would be replaced"),
        ((), "dkms", LOCAL, "would be replaced; this machine would be rebooted"),
    ],
    ids=["another release", "the kernel's own", "the first of AMD's", "here"],
)
def test_a_working_driver_goes_only_when_somebody_agreed(changes: Any, wish: str, given: Any, seen: str) -> None:
    result = Host(*changes).examine(given, amdgpu_driver=wish)
    assert ids(result) == ["GH-CONFIRM"]
    assert seen in result.findings[-1].seen
    assert "--yes" in result.findings[-1].next
    assert ids(Host(*changes).examine(given, amdgpu_driver=wish, preflight_confirmed=True)) == []


def test_a_plan_that_nobody_carries_out_asks_for_no_agreement() -> None:
    assert ids(Host().examine(acting=False, amdgpu_driver="dkms")) == []


@pytest.mark.parametrize(
    ("changes", "wish", "given"),
    [
        ((), "auto", LOCAL),
        ((edits.not_driven,), "dkms", LOCAL),
        ((edits.dkms("30.30.4"),), "auto", {}),
    ],
    ids=["nothing changes", "nothing works yet", "it stays"],
)
def test_what_takes_nothing_away_needs_no_agreement(changes: Any, wish: str, given: Any) -> None:
    assert ids(Host(*changes).examine(given, amdgpu_driver=wish)) == []
