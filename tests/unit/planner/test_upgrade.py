"""From one driver to another: what goes, what stays, and whether the host has to reboot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner import edits
from tests.unit.planner.conftest import Make, ids, rules

CLASSIC = "ubuntu-22.04-rx6700xt-classic"
JAMMY = "ubuntu-22.04-rx6600"
NOBLE = "ubuntu-24.04-rx7900xtx"

#: A driver that is older than what most programs ask for now.
OLD = (edits.kernel("6.8.0-1-generic"), edits.dkms("6.2.4"))


def part(plan: Any) -> dict[str, Any]:
    found: dict[str, Any] = plan.roles["amdgpu"]
    return found


def firmware(host: dict[str, Any]) -> None:
    host["packages"]["amdgpu-dkms-firmware"] = {"version": "1", "origin": "amd.com"}


def half_configured(host: dict[str, Any]) -> None:
    host["packages"].pop("amdgpu-dkms", None)
    host["apt"].update(interrupted=True, unfinished=["amdgpu-dkms: half-configured"])


def installer(host: dict[str, Any]) -> None:
    """What amdgpu-install leaves: its package, and sources for driver and ROCm."""
    host["packages"]["amdgpu-install"] = {"version": "30.30.4.0.30300400-2341068.24.04", "origin": "amd.com"}
    text = "deb https://repo.radeon.com/{} noble main"
    host["leftovers"] = [
        {"path": "/etc/apt/sources.list.d/amdgpu.list", "kind": "source", "text": text.format("amdgpu/30.20/ubuntu")},
        {"path": "/etc/apt/sources.list.d/rocm.list", "kind": "source", "text": text.format("rocm/apt/7.1")},
    ]


def vendor_rocm(host: dict[str, Any]) -> None:
    host["rocm"] = [{"prefix": "/opt/rocm-7.2.4", "version": "7.2.4", "source": "classic"}]


@pytest.mark.parametrize(
    ("changes", "wishes", "kind", "version", "rule"),
    [
        ((edits.dkms("30.30.4"),), {}, "none", None, "driver.keep-dkms"),
        ((edits.dkms("30.30.4", ours=True),), {}, "dkms", "30.30.4", "driver.keep-own"),
        ((edits.dkms("30.30.4"),), {"amdgpu_driver": "dkms"}, "dkms", "31.50.0", "driver.dkms.asked"),
        ((edits.dkms("30.30.4"),), {"amdgpu_driver_version": "30.20"}, "dkms", "30.20.0", "driver.dkms.upgrade"),
        (OLD, {"rocm_version": "7.2.4", "services_enabled": []}, "dkms", "31.50.0", "driver.dkms.upgrade"),
        (OLD, {}, "dkms", "31.50.0", "driver.dkms.upgrade"),
        (OLD, {"services_enabled": []}, "none", None, "driver.keep-dkms"),
    ],
    ids=["works", "works and is ours", "asked", "another release", "a ROCm that is too new", "a program", "no program"],
)
def test_a_driver_of_amds_that_works_stays_unless_something_asks_for_another(
    make: Make, changes: Any, wishes: Any, kind: str, version: str | None, rule: str
) -> None:
    plan = make(NOBLE, *changes, **wishes)
    assert (part(plan)["driver"], part(plan)["version"]) == (kind, version)
    assert rule in rules(plan)
    assert plan.roles["verify"]["expected"]["driver"]["source"] == "dkms"


@pytest.mark.parametrize(
    ("kernel", "version", "warned"),
    [("6.18.0-5-generic", "30.20.0", ["GH-DRIVER-UNTRIED"]), ("6.14.0-37-generic", "30.30.4", [])],
    ids=["newer than the table knows", "headers gone"],
)
def test_our_driver_that_works_is_never_refused_for_headers_or_the_table(
    make: Make, kernel: str, version: str, warned: list[str]
) -> None:
    gone = edits.offers(without=(f"linux-headers-{kernel}",))
    plan = make(NOBLE, edits.kernel(kernel), edits.dkms(version, ours=True), firmware, gone, services_enabled=[])
    assert ids(plan, "refuse") == []
    assert "driver.keep-own" in rules(plan)
    assert (part(plan)["driver"], part(plan)["version"], part(plan)["kernels"]) == ("dkms", version, [kernel])
    assert f"linux-headers-{kernel}" not in part(plan)["packages"]
    assert [one for one in ids(plan, "warn") if one == "GH-DRIVER-UNTRIED"] == warned
    assert plan.cost["reboot"] is False


def test_a_card_that_amd_does_not_list_keeps_its_old_driver_and_is_told_what_asks_for_more(make: Make) -> None:
    plan = make(CLASSIC)
    assert part(plan)["driver"] == "none"
    assert "driver.keep-dkms" in rules(plan)
    assert "GH-DRIVER-FLOOR" in ids(plan, "warn")


@pytest.mark.parametrize("wish", ["30.20", "31.60"])
def test_another_release_goes_first_and_the_host_reboots_into_the_new_one(make: Make, wish: str) -> None:
    plan = make(NOBLE, edits.dkms("30.30.4"), firmware, amdgpu_driver="dkms", amdgpu_driver_version=wish)
    assert part(plan)["remove"] == ["amdgpu-dkms", "amdgpu-dkms-firmware"]
    assert plan.cost["reboot"] is True
    (why,) = [one.reason for one in plan.decisions if one.rule == "reboot.needed"]
    assert "AMD's driver 30.30.4 is loaded" in why
    assert plan.replaces == "AMD's driver 30.30.4"


def test_the_same_release_stays_and_nothing_reboots(make: Make) -> None:
    plan = make(NOBLE, edits.dkms("30.30.4"), firmware, amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    assert (part(plan)["remove"], plan.cost["reboot"], plan.replaces) == ([], False, "")


def test_the_kernels_own_driver_comes_back_with_its_firmware_when_asked(make: Make) -> None:
    plan = make(NOBLE, edits.dkms("30.30.4"), firmware, amdgpu_driver="inbox")
    assert (part(plan)["driver"], part(plan)["remove"]) == ("inbox", ["amdgpu-dkms", "amdgpu-dkms-firmware"])
    assert part(plan)["packages"] == ["linux-firmware"]
    assert "driver.inbox.return" in rules(plan)
    assert plan.cost["reboot"] is True
    assert plan.replaces == "AMD's driver 30.30.4"
    assert plan.roles["verify"]["expected"]["driver"]["source"] == "inbox"


def test_the_first_driver_of_amds_replaces_the_loaded_one_at_a_reboot(make: Make) -> None:
    plan = make(NOBLE, amdgpu_driver="dkms")
    assert part(plan)["remove"] == []
    assert plan.cost["reboot"] is True
    assert plan.replaces == "the kernel's own driver"


def test_a_driver_that_is_not_loaded_is_simply_loaded(make: Make) -> None:
    plan = make(NOBLE, edits.not_driven, amdgpu_driver="dkms")
    assert (plan.cost["reboot"], plan.replaces) == (False, "")


def test_a_build_that_is_installed_and_not_the_loaded_one_waits_for_a_reboot(make: Make) -> None:
    def rebuilt(host: dict[str, Any]) -> None:
        host["kernel"]["modules"]["amdgpu"]["files"] = [edits.file("6.14.0-37-generic", False, "CCCC")]

    plan = make(NOBLE, edits.dkms("30.30.4"), rebuilt, amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    assert plan.cost["reboot"] is True


def test_a_site_that_reboots_by_hand_is_told_and_not_rebooted(make: Make) -> None:
    plan = make(NOBLE, amdgpu_driver="dkms", amdgpu_reboot="never")
    assert plan.cost["reboot"] is False
    assert "reboot.never" in rules(plan)
    assert part(plan)["reboot"] == "never"


@pytest.mark.parametrize(
    ("sample", "changes"),
    [(NOBLE, (half_configured,)), (NOBLE, (edits.not_driven, edits.packages(amdgpu_dkms="1:6.12.12.60402-1.24.04")))],
    ids=["half-configured", "installed in vain"],
)
def test_a_driver_of_amds_that_does_no_work_goes_where_the_kernels_own_does(make: Make, sample: str, changes: Any) -> None:
    plan = make(sample, *changes)
    assert (part(plan)["driver"], part(plan)["remove"]) == ("inbox", ["amdgpu-dkms"])
    assert "driver.inbox.broken-dkms" in rules(plan)
    assert plan.cost["reboot"] is False


def test_an_installation_of_the_same_release_that_was_cut_short_is_repaired_and_another_goes(make: Make) -> None:
    def begun(version: str) -> Any:
        def edit(host: dict[str, Any]) -> None:
            half_configured(host)
            host["dkms"] = [{"module": "amdgpu", "version": version, "kernel": None, "arch": None, "state": "added"}]

        return edit

    wish = {"amdgpu_driver": "dkms", "amdgpu_driver_version": "30.30.4"}
    assert part(make(NOBLE, begun("6.16.13-2341068.24.04"), **wish))["remove"] == []
    assert part(make(NOBLE, begun("6.12.12-2187269.24.04"), **wish))["remove"] == ["amdgpu-dkms"]


def test_what_amds_installer_left_of_the_driver_goes_when_gpuhost_takes_over(make: Make) -> None:
    plan = make(NOBLE, installer, amdgpu_driver="dkms")
    assert part(plan)["leftovers"] == [{"path": "/etc/apt/sources.list.d/amdgpu.list", "kind": "source"}]
    assert part(plan)["remove"] == ["amdgpu-install"]


def test_a_rocm_of_amds_keeps_the_installer_whose_sources_it_lives_by(make: Make) -> None:
    assert part(make(NOBLE, installer, vendor_rocm, amdgpu_driver="dkms"))["remove"] == []


def test_where_the_driver_stays_as_it_is_nothing_of_it_is_cleaned(make: Make) -> None:
    for changes in ((installer,), (installer, edits.dkms("30.30.4"))):
        plan = make(NOBLE, *changes)
        assert (part(plan)["leftovers"], part(plan)["remove"]) == ([], [])
