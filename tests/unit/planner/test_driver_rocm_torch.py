"""Which driver is planned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
SIMULATED = "debian-13-rx6600-simulated"
CLASSIC = "ubuntu-22.04-rx6700xt-classic"


def test_a_simulated_gpu_is_planned_for_and_nothing_is_loaded(make: Make) -> None:
    plan = make(SIMULATED)
    assert plan.simulated
    assert ids(plan, "refuse") == []
    assert "GH-SIMULATED" in ids(plan, "note")
    assert (plan.roles["amdgpu"]["driver"], plan.roles["amdgpu"]["load"]) == ("inbox", False)
    assert plan.roles["verify"]["expected"]["simulated"] is True


@pytest.mark.parametrize(
    ("sample", "wish", "driver", "rule"),
    [
        (RX6600, "auto", "inbox", "driver.inbox.bound"),
        (RX6600, "none", "none", "driver.none"),
        (CLASSIC, "auto", "none", "driver.keep-dkms"),
        (CLASSIC, "inbox", "inbox", "driver.inbox.bound"),
    ],
)
def test_driver(make: Make, sample: str, wish: Any, driver: str, rule: str) -> None:
    plan = make(sample, amdgpu_driver=wish)
    assert plan.roles["amdgpu"]["driver"] == driver
    assert rule in rules(plan)


def test_verify_is_told_which_driver_is_at_work(make: Make) -> None:
    assert make(CLASSIC).roles["verify"]["expected"]["driver"] == {"source": "dkms", "module": "amdgpu"}
    assert make(RX6600).roles["verify"]["expected"]["driver"] == {"source": "inbox", "module": "amdgpu"}


def test_the_plan_for_the_driver_stays_the_same_once_it_is_carried_out(make: Make) -> None:
    def bare(host: dict[str, Any]) -> None:
        host["gpus"][0].update(driver=None, kfd_node=None, gfx=None, render_minor=None)
        host["kernel"]["modules"]["amdgpu"]["loaded"] = False
        host["packages"].pop("firmware-amd-graphics", None)

    def afterwards(host: dict[str, Any]) -> None:
        host["packages"]["firmware-amd-graphics"] = {"version": "1", "origin": None}

    assert make(RX6600, bare).roles["amdgpu"] == make(RX6600, afterwards).roles["amdgpu"]
