"""Which driver is planned, of which release, and why."""

from __future__ import annotations

from typing import Any

import pytest

from control.planner import release
from control.support import Table
from tests.unit.planner import edits
from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
SIMULATED = "debian-13-rx6600-simulated"
CLASSIC = "ubuntu-22.04-rx6700xt-classic"
JAMMY = "ubuntu-22.04-rx6600"
NOBLE = "ubuntu-24.04-rx7900xtx"

#: Cards by what the planner must tell apart: (device id, target).
MI300X, MI355X, RX9070XT, RX7900XTX, RYZEN, HALO = (
    ("74a1", "gfx942"),
    ("75a3", "gfx950"),
    ("7550", "gfx1201"),
    ("744c", "gfx1100"),
    ("150e", "gfx1150"),
    ("1586", "gfx1151"),
)


def driver(plan: Any) -> tuple[str, str | None]:
    part = plan.roles["amdgpu"]
    return part["driver"], part["version"]


def reason(plan: Any) -> str:
    return next(one.reason for one in plan.decisions if one.topic == "driver")


def test_a_simulated_gpu_in_a_container_is_planned_for_and_nothing_is_loaded(make: Make) -> None:
    plan = make(SIMULATED)
    assert plan.simulated
    assert ids(plan, "refuse") == []
    assert "GH-SIMULATED" in ids(plan, "note")
    assert (plan.roles["amdgpu"]["driver"], plan.roles["amdgpu"]["load"]) == ("inbox", False)
    assert plan.roles["verify"]["expected"]["simulated"] is True
    assert "driver.inbox.simulated" in rules(plan)


@pytest.mark.parametrize(
    ("sample", "changes", "rule"),
    [
        (RX6600, (), "driver.inbox.bound"),
        (RX6600, (edits.not_driven,), "driver.inbox.load"),
        (NOBLE, (edits.gpu(*RYZEN),), "driver.inbox.apu"),
        (NOBLE, (edits.kernel("7.9.0-1-generic"), edits.gpu(*MI300X), edits.not_driven), "driver.inbox.newer-kernel"),
        (RX6600, (lambda host: host["kernel"].update(container="lxc"),), "driver.inbox.container"),
        # What AMD asks for its own driver says nothing of a card that AMD does not list.
        (JAMMY, (), "driver.inbox.bound"),
        # Debian's Radeon cards are not in AMD's table, whatever the program asks.
        (RX6600, (edits.gpu(*RX7900XTX),), "driver.inbox.bound"),
    ],
    ids=["works", "loads", "ryzen", "newer than any release", "in a container", "not listed", "not listed on Debian"],
)
def test_the_kernels_own_driver_is_the_answer_where_it_does(make: Make, sample: str, changes: Any, rule: str) -> None:
    plan = make(sample, *changes)
    assert driver(plan) == ("inbox", None)
    assert rule in rules(plan)
    assert plan.roles["amdgpu"]["repositories"] == []
    assert plan.roles["amdgpu"]["remove"] == []
    assert plan.roles["verify"]["expected"]["driver"]["source"] == "inbox"


@pytest.mark.parametrize(
    ("sample", "changes", "rule"),
    [
        (NOBLE, (edits.kernel("6.8.0-64-generic"), edits.gpu(*RX9070XT), edits.not_driven), "driver.dkms.old-kernel"),
        (NOBLE, (edits.kernel("6.8.0-64-generic"), edits.gpu(*MI300X), edits.not_driven), "driver.dkms.instinct"),
        (RX6600, (edits.gpu(*MI300X), edits.not_driven), "driver.dkms.old-kernel"),
        (NOBLE, (edits.kernel("6.8.0-64-generic"),), "driver.dkms.floor"),
    ],
    ids=["kernel too old", "Instinct", "Instinct on Debian", "a program asks for more"],
)
def test_amds_driver_is_the_answer_where_the_kernels_own_is_not(make: Make, sample: str, changes: Any, rule: str) -> None:
    plan = make(sample, *changes)
    assert plan.roles["amdgpu"]["driver"] == "dkms"
    assert rule in rules(plan)
    assert ids(plan, "refuse") == []


def test_a_driver_that_is_loaded_and_too_old_for_the_card_does_not_end_the_plan(make: Make) -> None:
    def loaded_in_vain(host: dict[str, Any]) -> None:
        edits.not_driven(host)
        host["kernel"]["modules"]["amdgpu"].update(loaded=True, in_tree=True)

    plan = make(NOBLE, edits.kernel("6.8.0-64-generic"), edits.gpu(*MI355X), loaded_in_vain)
    assert plan.roles["amdgpu"]["driver"] == "dkms"
    assert "GH-GPU-INIT-FAILED" not in ids(plan)
    assert plan.cost["reboot"] is True


def test_a_ryzen_that_the_kernel_is_too_old_for_gets_the_kernel_to_install(make: Make) -> None:
    plan = make(NOBLE, edits.kernel("6.8.0-64-generic"), edits.gpu(*HALO), edits.not_driven)
    (finding,) = [one for one in plan.findings if one.id == "GH-KERNEL-OLD"]
    assert "gfx1151 needs Linux 6.12 or newer, 6.8.0-64-generic runs" in finding.seen
    assert "`apt-get install linux-image-generic-hwe-24.04`" in finding.next


def test_the_kernels_own_driver_cannot_be_asked_for_where_the_kernel_is_too_old(make: Make) -> None:
    plan = make(NOBLE, edits.kernel("6.8.0-64-generic"), edits.gpu(*RX9070XT), edits.not_driven, amdgpu_driver="inbox")
    (finding,) = [one for one in plan.findings if one.id == "GH-KERNEL-OLD"]
    assert "linux-image-generic-hwe-24.04" in finding.next


def test_a_driver_that_is_left_to_the_site_is_touched_in_no_way(make: Make) -> None:
    plan = make(RX6600, amdgpu_driver="none")
    assert driver(plan) == ("none", None)
    assert "driver.none" in rules(plan)
    assert plan.roles["amdgpu"]["packages"] == []


def test_without_a_gpu_there_is_nothing_to_drive(make: Make) -> None:
    plan = make(RX6600, preflight_cpu_only=True, amdgpu_driver="dkms")
    assert "driver.no-gpu" in rules(plan)
    assert plan.roles["verify"]["expected"]["driver"]["source"] == "none"


def test_in_a_container_amds_driver_is_its_hosts_business(make: Make) -> None:
    plan = make(SIMULATED, amdgpu_driver="dkms")
    assert driver(plan) == ("none", None)
    assert "driver.dkms.container" in rules(plan)
    assert plan.boot == {"next": plan.boot["next"], "built": {}}


def test_in_a_virtual_machine_the_driver_is_real_though_the_gpu_is_not(make: Make) -> None:
    plan = make(SIMULATED, edits.virtual_machine, amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    part = plan.roles["amdgpu"]
    assert (part["driver"], part["version"], part["load"]) == ("dkms", "30.30.4", True)
    assert part["kernels"] == ["6.12.57+deb13-amd64"]
    assert "linux-headers-6.12.57+deb13-amd64" in part["packages"]
    own = make(SIMULATED, edits.virtual_machine)
    assert (own.roles["amdgpu"]["driver"], own.roles["amdgpu"]["load"]) == ("inbox", True)


def test_the_part_for_amds_driver_has_all_that_the_role_needs(make: Make, table: Table) -> None:
    plan = make(NOBLE, edits.gpu(*MI300X), amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    part = plan.roles["amdgpu"]
    row = table.driver_by_version("30.30.4")
    assert row is not None
    assert part["packages"] == [
        *table.system_by_id("ubuntu-24.04").packages["dkms"].names,
        *("linux-headers-6.14.0-37-generic", "linux-modules-extra-6.14.0-37-generic"),
        *row.firmware,
        "amdgpu-dkms=1:6.16.13.30300400-2341068.24.04",
    ]
    assert part["repositories"] == [
        {
            "name": "amdgpu",
            "url": "https://repo.radeon.com/amdgpu/30.30.4/ubuntu",
            "suite": "noble",
            "components": ["main"],
            "architectures": ["amd64"],
            "key": {
                "url": "https://repo.radeon.com/rocm/rocm.gpg.key",
                "src": None,
                "fingerprint": "CA8BB4727A47B4D09B4EE8969386B48A1A693C5C",
            },
            "pin": {"origin": "repo.radeon.com", "priority": 600},
        }
    ]
    assert part["source"] == {"name": "amdgpu", "version_prefix": "6.16.13"}
    assert (part["kernels"], part["kernel_packages"]) == (["6.14.0-37-generic"], [])
    assert (part["sign"], part["reboot"], part["modprobe"]) == (None, "auto", [])
    assert plan.roles["verify"]["expected"]["driver"] == {
        "rocm": {"min": "6.3.0", "max": "10.1.0"},
        "source": "dkms",
        "module": "amdgpu",
        "version": "30.30.4",
        "kernels": ["6.14.0-37-generic"],
        "signed": False,
        "parameters": [],
        "dkms": {"name": "amdgpu", "version_prefix": "6.16.13"},
    }


def test_only_the_roles_keys_are_in_the_plan(make: Make) -> None:
    names = {
        *(
            "driver",
            "version",
            "module",
            "load",
            "packages",
            "kernel_packages",
            "repositories",
            "remove",
            "kernels",
            "source",
        ),
        *("sign", "parameters", "leftovers", "reboot", "modprobe"),
    }
    for wish in ("auto", "inbox", "dkms", "none"):
        assert set(make(NOBLE, amdgpu_driver=wish).roles["amdgpu"]) == names


@pytest.mark.parametrize(
    ("release", "changed", "version"),
    [
        ("6.8.0-64-generic", {}, "31.50.0"),
        ("6.8.0-64-generic", {"rocm_version": "7.2.4"}, "31.50.0"),
        ("6.8.0-64-generic", {"rocm_version": "6.4.4"}, "30.30.4"),
        ("6.8.0-64-generic", {"rocm_version": "6.2.0", "services_enabled": []}, "30.10.2"),
        ("6.17.0-14-generic", {"rocm_version": "6.4.4"}, "30.30.4"),
        ("6.8.0-64-generic", {"amdgpu_driver_version": "30.20"}, "30.20.0"),
    ],
    ids=["newest", "with classic 7.2", "with 6.4", "with 6.2", "with 6.4 on HWE", "named"],
)
def test_the_release_is_the_newest_that_goes_with_kernel_and_rocm(
    make: Make, release: str, changed: Any, version: str
) -> None:
    plan = make(NOBLE, edits.kernel(release), edits.gpu(*MI300X), amdgpu_driver="dkms", **changed)
    assert driver(plan) == ("dkms", version)


def test_a_rocm_of_amds_that_stays_has_its_say_in_the_release(make: Make) -> None:
    plan = make(CLASSIC, amdgpu_driver="dkms")
    assert driver(plan) == ("dkms", "30.10.2")  # the newest for the installed ROCm 6.2.4 that Ollama can use too


@pytest.mark.parametrize(
    ("sample", "changes", "wish", "finding", "seen", "following"),
    [
        (NOBLE, (edits.kernel("6.18.2-061802-generic"),), "30.30.3", "GH-DRIVER-VERSION", "up to 6.17", "31.40.0"),
        (NOBLE, (), "29.9", "GH-DRIVER-VERSION", "amdgpu_driver_version is 29.9", "amdgpu_driver_version: 30.10"),
        (NOBLE, (), "latest", "GH-DRIVER-VERSION", "amdgpu_driver_version is latest", "31.50.0"),
        (NOBLE, (edits.kernel("7.9.0-1-generic"),), "", "GH-DRIVER-VERSION", "7.9.0-1-generic is newer", "inbox"),
        (RX6600, (), "6.2.0", "GH-DRIVER-VERSION", "Debian 12", "6.3.1"),
    ],
    ids=["kernel too new", "no such release", "no number", "newer than all", "not for this system"],
)
def test_a_release_that_cannot_be_is_refused_with_the_nearest_that_can(
    make: Make, sample: str, changes: Any, wish: str, finding: str, seen: str, following: str
) -> None:
    plan = make(sample, *changes, amdgpu_driver="dkms", amdgpu_driver_version=wish)
    (found,) = [one for one in plan.findings if one.level == "refuse"]
    assert found.id == finding
    assert seen in found.seen
    assert following in found.next
    assert driver(plan) == ("none", None)


def test_a_rocm_that_no_driver_goes_with_here_is_refused_with_its_range(make: Make) -> None:
    plan = make(NOBLE, edits.kernel("7.0.0-1-generic"), amdgpu_driver="dkms", rocm_version="6.2.0")
    (found,) = [one for one in plan.findings if one.id == "GH-DRIVER-VERSION"]
    assert "ROCm 6.2.0 goes with" in found.seen


def test_a_system_without_a_driver_of_amds_is_refused_with_one_that_has_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Table.drivers_for
    monkeypatch.setattr(Table, "drivers_for", lambda self, name: [] if name == "debian-13" else real(self, name))
    plan = make("debian-13-rx6600-simulated", edits.virtual_machine, amdgpu_driver="dkms")
    (found,) = [one for one in plan.findings if one.level == "refuse"]
    assert found.id == "GH-DRIVER-SYSTEM"
    assert "Debian 12" in found.next


def test_a_card_that_amd_does_not_list_gets_its_driver_when_asked_and_a_word_about_it(make: Make) -> None:
    plan = make(RX6600, amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["driver"] == "dkms"
    (found,) = [one for one in plan.findings if one.id == "GH-DRIVER-UNLISTED"]
    assert found.level == "warn"
    assert "Radeon RX 6600 (gfx1032)" in found.seen
    assert "GH-DRIVER-UNLISTED" not in ids(make(NOBLE, edits.gpu(*MI300X), amdgpu_driver="dkms"))


def test_a_release_of_which_it_is_not_known_where_it_builds_is_told_and_taken_by_name_only(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = release.newest_kernel
    monkeypatch.setattr(release, "newest_kernel", lambda row: None if row.version == "31.60.0" else real(row))
    plan = make(NOBLE, amdgpu_driver="dkms", amdgpu_driver_version="31.60")
    assert driver(plan) == ("dkms", "31.60.0")
    assert "GH-DRIVER-UNTRIED" in ids(plan, "warn")
    assert driver(make(NOBLE, amdgpu_driver="dkms")) == ("dkms", "31.50.0")


def test_a_site_with_a_mirror_of_its_own_gets_its_address_and_key(make: Make) -> None:
    wish = {"sources_amd_driver_url": "https://mirror.example/amdgpu/", "amdgpu_driver": "dkms"}
    (repository,) = make(NOBLE, **wish).roles["amdgpu"]["repositories"]
    assert repository["url"] == "https://mirror.example/amdgpu/31.50/ubuntu"
    assert repository["key"]["url"].startswith("https://repo.radeon.com/")
    wish |= {"sources_amd_key": "/keys/amd.asc", "sources_amd_key_fingerprint": "ab12 " * 10}
    (repository,) = make(NOBLE, **wish).roles["amdgpu"]["repositories"]
    assert repository["key"] == {"url": None, "src": "/keys/amd.asc", "fingerprint": "AB12" * 10}


def test_what_the_driver_is_fetched_from_has_to_be_reached(make: Make) -> None:
    urls = make(NOBLE, amdgpu_driver="dkms").needs_urls
    assert "https://repo.radeon.com/amdgpu/31.50/ubuntu/dists/noble/Release" in urls


def test_the_cost_of_amds_driver_is_its_packages_its_headers_and_its_build(make: Make) -> None:
    def names(plan: Any) -> list[str]:
        return [item["name"] for item in plan.cost["items"]]

    plan = make(NOBLE, amdgpu_driver="dkms")
    assert {"headers of 6.14.0-37-generic", "AMD's driver 31.50.0", "its build"} <= set(names(plan))
    there = (edits.dkms("30.30.4"), edits.packages(amdgpu_dkms_firmware="1"))
    same = make(NOBLE, *there, amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    assert "AMD's driver 30.30.4" not in names(same)
    other = make(NOBLE, *there, amdgpu_driver="dkms", amdgpu_driver_version="30.20")
    assert "AMD's driver 30.20.0" in names(other)


@pytest.mark.parametrize("wish", ["auto", "dkms", "inbox"])
def test_the_plan_for_the_driver_stays_the_same_once_it_is_carried_out(make: Make, wish: str) -> None:
    """Otherwise the role would be due again on a host where nothing changed."""
    passing = ("remove", "leftovers", "kernel_packages")

    def part(plan: Any) -> dict[str, Any]:
        return {key: value for key, value in plan.roles["amdgpu"].items() if key not in passing}

    before = make(NOBLE, edits.gpu(*MI300X), edits.not_driven, amdgpu_driver=wish, amdgpu_driver_version="30.30.4")
    steps = [edits.gpu(*MI300X), edits.driven("gfx942"), edits.packages(linux_firmware="1")]
    if wish != "inbox":
        names = [name.partition("=")[0] for name in before.roles["amdgpu"]["packages"]]
        steps += [edits.packages(**dict.fromkeys(names, "1")), edits.dkms("30.30.4", ours=True)]
        steps += [edits.kernels(edits.installed("6.14.0-37-generic", headers=True))]
    afterwards = make(NOBLE, *steps, amdgpu_driver=wish, amdgpu_driver_version="30.30.4")
    assert part(before) == part(afterwards)
    assert before.roles["amdgpu"]["driver"] == ("inbox" if wish == "inbox" else "dkms")


def test_a_release_with_a_reservation_is_for_those_who_ask_for_it(make: Make) -> None:
    asked = make(NOBLE, amdgpu_driver="dkms", amdgpu_driver_version="31.60.0")
    assert driver(asked) == ("dkms", "31.60.0")
    assert "GH-DRIVER-CAUTION" in ids(asked, "warn")
    assert "GH-DRIVER-CAUTION" not in ids(make(NOBLE, amdgpu_driver="dkms"))
