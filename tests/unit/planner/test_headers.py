"""For which kernels the driver is built, and where their headers come from."""

from __future__ import annotations

from typing import Any

import pytest

from control.planner import kernels
from tests.unit.planner import edits
from tests.unit.planner.conftest import Make, ids, rules

BOOKWORM = "debian-12-rx6600"
NOBLE = "ubuntu-24.04-rx7900xtx"
OLD, RUNNING, NEW = "6.1.0-39-amd64", "6.1.0-41-amd64", "6.1.0-47-amd64"


def part(plan: Any) -> dict[str, Any]:
    found: dict[str, Any] = plan.roles["amdgpu"]
    return found


def headers(plan: Any) -> list[str]:
    return [name for name in part(plan)["packages"] if name.startswith("linux-")]


def test_the_driver_is_built_for_every_kernel_that_may_boot(make: Make) -> None:
    three = edits.kernels(edits.installed(NEW), edits.installed(RUNNING), edits.installed(OLD, headers=True))
    plan = make(BOOKWORM, three, edits.offers(f"linux-headers-{NEW}", f"linux-headers-{RUNNING}"), amdgpu_driver="dkms")
    assert part(plan)["kernels"] == [NEW, RUNNING, OLD]
    assert headers(plan) == [f"linux-headers-{release}" for release in (NEW, RUNNING, OLD)]
    assert part(plan)["kernel_packages"] == []
    assert "headers.kernels" in rules(plan)


def test_a_kernel_without_an_image_does_not_boot(make: Make) -> None:
    left = edits.kernels(edits.installed(RUNNING, headers=True), edits.installed(OLD, headers=True, image=False))
    assert part(make(BOOKWORM, left, amdgpu_driver="dkms"))["kernels"] == [RUNNING]


def test_an_old_kernel_whose_headers_are_gone_keeps_its_own_driver(make: Make) -> None:
    two = edits.kernels(edits.installed(RUNNING, headers=True), edits.installed(OLD))
    plan = make(BOOKWORM, two, edits.offers(without=(f"linux-headers-{OLD}",)), amdgpu_driver="dkms")
    assert part(plan)["kernels"] == [RUNNING]
    (reason,) = [one.reason for one in plan.decisions if one.rule == "headers.kernels"]
    assert OLD in reason
    assert ids(plan, "refuse") == []


def test_before_the_mirror_is_asked_headers_of_the_kernels_that_matter_are_taken_to_be_there(make: Make) -> None:
    two = edits.kernels(edits.installed(NEW), edits.installed(RUNNING), edits.installed(OLD))
    assert part(make(BOOKWORM, two, amdgpu_driver="dkms"))["kernels"] == [NEW, RUNNING]


def test_the_mirror_is_asked_for_what_is_missing_and_for_what_could_take_its_place(make: Make) -> None:
    two = edits.kernels(edits.installed(RUNNING), edits.installed(OLD, headers=True))
    plan = make(BOOKWORM, two, edits.packages(linux_image_amd64="6.1.1-1"), amdgpu_driver="dkms")
    assert plan.asks == [f"linux-headers-{RUNNING}", "linux-image-*-amd64", "linux-headers-*-amd64", "linux-headers-amd64"]


def test_a_host_with_all_headers_has_nothing_to_ask(make: Make) -> None:
    assert make(BOOKWORM, edits.kernels(edits.installed(RUNNING, headers=True)), amdgpu_driver="dkms").asks == []
    assert make(BOOKWORM).asks == []


def test_where_the_headers_are_gone_the_newest_whole_kernel_comes_with_them_and_boots(make: Make) -> None:
    mirror = edits.offers(
        *(f"linux-{kind}-{release}" for kind in ("image", "headers") for release in (NEW, "6.1.0-45-amd64")),
        # One without headers, one of another kind, and one that is newer than the driver.
        *("linux-image-6.1.0-50-amd64", "linux-image-6.1.0-51-cloud-amd64", "linux-headers-6.1.0-51-cloud-amd64"),
        *("linux-image-7.9.0-1-amd64", "linux-headers-7.9.0-1-amd64"),
        without=(f"linux-headers-{RUNNING}",),
    )
    plan = make(BOOKWORM, mirror, amdgpu_driver="dkms")
    assert part(plan)["kernel_packages"] == [f"linux-image-{NEW}", f"linux-headers-{NEW}"]
    assert part(plan)["kernels"] == [NEW]
    assert plan.boot == {"next": NEW, "built": {NEW: False, RUNNING: False}}
    assert plan.cost["reboot"] is True
    assert "headers.newer-kernel" in rules(plan)
    assert "GH-KERNEL-NEWER" in ids(plan, "warn")
    assert f"kernel {NEW}" in [item["name"] for item in plan.cost["items"]]


def test_on_ubuntu_the_newer_kernel_comes_with_the_rest_of_its_modules(make: Make) -> None:
    new = "6.14.0-40-generic"
    names = [f"linux-{kind}-{new}" for kind in ("image", "headers", "modules-extra")]
    plan = make(NOBLE, edits.offers(*names, without=("linux-headers-6.14.0-37-generic",)), amdgpu_driver="dkms")
    assert part(plan)["kernel_packages"] == names


def test_a_newer_kernel_stays_planned_once_it_runs(make: Make) -> None:
    names = (f"linux-image-{NEW}", f"linux-headers-{NEW}")
    before = make(BOOKWORM, edits.offers(*names, without=(f"linux-headers-{RUNNING}",)), amdgpu_driver="dkms")
    after = make(
        BOOKWORM,
        edits.kernel(NEW),
        edits.kernels(edits.installed(NEW, headers=True), edits.installed(RUNNING)),
        edits.packages(**{name.replace("-", "_"): "1" for name in names}),
        amdgpu_driver="dkms",
    )
    assert (part(before)["kernels"], headers(before)) == (part(after)["kernels"], headers(after))
    assert part(after)["kernel_packages"] == []


def test_a_kernel_that_boots_next_and_has_headers_is_enough(make: Make) -> None:
    two = edits.kernels(edits.installed(NEW, headers=True), edits.installed(RUNNING))
    plan = make(BOOKWORM, two, edits.offers(without=(f"linux-headers-{RUNNING}",)), amdgpu_driver="dkms")
    assert (part(plan)["kernels"], part(plan)["kernel_packages"]) == ([NEW], [])
    assert "headers.next-kernel" in rules(plan)
    assert plan.cost["reboot"] is True


@pytest.mark.parametrize(
    ("offered", "near"),
    [((), ""), (("linux-image-6.1.0-30-amd64", "linux-headers-6.1.0-30-amd64"), "linux-headers-6.1.0-30-amd64")],
    ids=["nothing", "an older kernel"],
)
def test_without_headers_and_without_a_newer_kernel_the_plan_is_refused_with_what_there_is(
    make: Make, offered: Any, near: str
) -> None:
    mirror = edits.offers(*offered, without=(f"linux-headers-{RUNNING}",))
    plan = make(BOOKWORM, mirror, amdgpu_driver="dkms")
    (found,) = [one for one in plan.findings if one.level == "refuse"]
    assert found.id == "GH-HEADERS-NONE"
    assert f"linux-headers-{RUNNING}" in found.seen
    assert near in found.next
    assert "amdgpu_driver to inbox" in found.next
    assert part(plan)["driver"] == "none"


def test_a_mirror_that_did_not_answer_refuses_nothing(make: Make) -> None:
    plan = make(BOOKWORM, lambda host: host.update(candidates={"error": "no answer"}), amdgpu_driver="dkms")
    assert ids(plan, "refuse") == []
    assert part(plan)["kernels"] == [RUNNING]


@pytest.mark.parametrize(
    ("mirror", "installed", "comes"),
    [
        (edits.offers(linux_headers_amd64="6.1.1-1"), {}, True),
        (edits.offers(linux_headers_amd64="6.1.9-1"), {}, False),
        (lambda host: None, {}, False),
        (lambda host: None, {"linux_headers_amd64": "6.1.0-1"}, True),
    ],
    ids=["of the same version", "of a kernel that is not there", "not known", "installed"],
)
def test_headers_of_coming_kernels_come_with_these(make: Make, mirror: Any, installed: Any, comes: bool) -> None:
    plan = make(BOOKWORM, edits.packages(linux_image_amd64="6.1.1-1", **installed), mirror, amdgpu_driver="dkms")
    assert ("linux-headers-amd64" in headers(plan)) is comes


def test_a_kernel_that_boots_next_and_is_beyond_the_driver_is_told(make: Make) -> None:
    two = edits.kernels(
        edits.installed("6.18.2-061802-generic", headers=True), edits.installed("6.14.0-37-generic", headers=True)
    )
    plan = make(NOBLE, two, amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    assert part(plan)["kernels"] == ["6.14.0-37-generic"]
    assert "GH-KERNEL-NEXT" in ids(plan, "warn")


def test_a_driver_that_is_left_alone_and_missing_from_the_next_kernel_is_told(make: Make) -> None:
    def two(host: dict[str, Any]) -> None:
        host["kernel"]["installed"].insert(0, edits.installed("6.14.0-40-generic"))
        host["kernel"]["boot"]["next"] = "6.14.0-40-generic"
        host["kernel"]["modules"]["amdgpu"]["files"].insert(0, edits.file("6.14.0-40-generic"))

    plan = make(NOBLE, edits.dkms("30.30.4"), two)
    assert part(plan)["driver"] == "none"
    (found,) = [one for one in plan.findings if one.id == "GH-KERNEL-NEXT"]
    assert "6.14.0-40-generic boots next, with the kernel's own driver" in found.seen
    assert "GH-KERNEL-NEXT" not in ids(make(NOBLE, edits.dkms("30.30.4")))


def test_the_plan_says_which_kernel_boots_next_and_where_the_driver_is_built(make: Make) -> None:
    plan = make(NOBLE, edits.dkms("30.30.4", ours=True), amdgpu_driver="dkms", amdgpu_driver_version="30.30.4")
    assert plan.boot == {"next": "6.14.0-37-generic", "built": {"6.14.0-37-generic": True}}
    assert make(NOBLE).boot == {"next": "6.14.0-37-generic", "built": {"6.14.0-37-generic": True}}
    other = make(NOBLE, edits.dkms("30.30.4"), amdgpu_driver="dkms", amdgpu_driver_version="30.20")
    assert other.boot["built"] == {"6.14.0-37-generic": False}


def boot_with(free_mb: int) -> Any:
    row = {"mount": "/boot", "device": "x", "fstype": "ext4", "total_bytes": 500_000_000, "free_bytes": free_mb * 1_000_000}
    return lambda host: host["disk"].append(row)


def test_a_new_kernel_needs_room_in_boot(make: Make) -> None:
    small = boot_with(90)
    mirror = edits.offers(f"linux-image-{NEW}", f"linux-headers-{NEW}", without=(f"linux-headers-{RUNNING}",))
    (found,) = [one for one in make(BOOKWORM, small, mirror, amdgpu_driver="dkms").findings if one.level == "refuse"]
    assert found.id == "GH-BOOT-SMALL"
    assert NEW in found.seen


def test_a_driver_that_is_built_needs_room_for_an_initial_ramdisk_in_boot(make: Make) -> None:
    (found,) = [one for one in make(NOBLE, boot_with(90), amdgpu_driver="dkms").findings if one.level == "refuse"]
    assert found.id == "GH-BOOT-SMALL"
    assert "the initial ramdisk of 6.14.0-37-generic" in found.seen
    assert "GH-BOOT-SMALL" not in ids(make(NOBLE, boot_with(200), amdgpu_driver="dkms"))
    assert "GH-BOOT-SMALL" not in ids(make(NOBLE, boot_with(90)))


def test_a_driver_that_is_built_already_needs_no_more_room_in_boot(make: Make) -> None:
    firmware = edits.packages(amdgpu_dkms_firmware="1")
    plan = make(NOBLE, edits.dkms("30.30.4", ours=True), firmware, boot_with(90))
    assert part(plan)["driver"] == "dkms"
    assert "GH-BOOT-SMALL" not in ids(plan)


@pytest.mark.parametrize(
    ("release", "upstream", "flavour", "order"),
    [
        ("6.1.0-41-amd64", "6.1.0", "amd64", (6, 1, 0, 41)),
        ("6.1.0-41-cloud-amd64", "6.1.0", "cloud-amd64", (6, 1, 0, 41)),
        ("6.12.57+deb13-amd64", "6.12.57", "amd64", (6, 12, 57, 13)),
        ("6.8.0-49-generic", "6.8.0", "generic", (6, 8, 0, 49)),
        ("6.17.0-1006-oem", "6.17.0", "oem", (6, 17, 0, 1006)),
        ("6.16.0", "6.16.0", "", (6, 16, 0)),
    ],
)
def test_a_release_is_read_as_version_flavour_and_age(release: str, upstream: str, flavour: str, order: Any) -> None:
    assert str(kernels.upstream(release)) == upstream
    assert kernels.flavour(release) == flavour
    assert kernels.order(release) == order
    assert kernels.upstream("next") is None
