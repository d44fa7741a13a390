"""Reboots of gpuhost's own are counted by their reasons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onhost import paths, reboots
from onhost.finding import FindingError

REASONS = ["the loaded amdgpu is another build"]


def boot(root: Path, name: str) -> None:
    (root / "proc/sys/kernel/random/boot_id").write_text(f"{name}\n")


def test_a_reboot_that_did_not_help_is_not_repeated(root: Path) -> None:
    assert reboots.begin(REASONS) == 1
    boot(root, "boot-2")
    with pytest.raises(FindingError, match="after 1 reboot still: the loaded amdgpu") as caught:
        reboots.begin(REASONS)
    assert caught.value.id == "GH-REBOOT-LOOP"


def test_a_reboot_that_never_came_about_is_no_second_one(root: Path) -> None:
    reboots.begin(REASONS)
    assert reboots.begin(REASONS) == 1, "the host still runs in the same boot"
    assert reboots.read()["count"] == 1


def test_another_reason_is_another_reboot(root: Path) -> None:
    reboots.begin(REASONS)
    boot(root, "boot-2")
    assert reboots.begin(["the kernel reads its parameters when it starts"]) == 1


def test_a_reason_counts_whatever_else_was_one_beside_it(root: Path) -> None:
    parameters = "the kernel reads its parameters when it starts"
    reboots.begin([*REASONS, parameters])
    boot(root, "boot-2")
    assert reboots.begin(["the driver is built for another kernel"]) == 1
    boot(root, "boot-3")
    for left in ([parameters], ["something new", *REASONS]):
        with pytest.raises(FindingError, match="after 1 reboot still: the ") as caught:
            reboots.begin(left)
        assert caught.value.id == "GH-REBOOT-LOOP"
        assert "something new" not in caught.value.seen


def test_notes_that_know_all_reasons_as_one_still_count(root: Path) -> None:
    paths.reboots().parent.mkdir(parents=True, exist_ok=True)
    paths.reboots().write_text(json.dumps({"count": 1, "boot_id": "before", "reason": f"{REASONS[0]}; another"}))
    with pytest.raises(FindingError, match=f"still: {REASONS[0]}$"):
        reboots.begin(REASONS)


def test_the_end_of_a_run_is_no_reboot_but_says_what_is_left(root: Path) -> None:
    with pytest.raises(FindingError) as caught:
        reboots.end(REASONS)
    assert (caught.value.id, caught.value.seen) == ("GH-REBOOT-NEEDED", REASONS[0])
    reboots.begin(["another"])
    boot(root, "boot-2")
    with pytest.raises(FindingError, match=f"after 1 reboot still: {REASONS[0]}") as caught:
        reboots.end(REASONS)
    assert caught.value.id == "GH-REBOOT-LOOP"
    assert reboots.read()["reason"] == "another", "nothing was noted as a further reboot"


def test_a_run_with_nothing_left_starts_to_count_anew(root: Path) -> None:
    reboots.begin(REASONS)
    boot(root, "boot-2")
    reboots.end([])
    assert reboots.begin(REASONS) == 1


def test_a_host_that_is_as_planned_starts_to_count_anew(root: Path) -> None:
    reboots.begin(REASONS)
    assert reboots.forget()
    assert not reboots.forget()
    boot(root, "boot-2")
    assert reboots.begin(REASONS) == 1


def test_the_snapshot_finds_what_it_reads(root: Path) -> None:
    reboots.begin(REASONS)
    assert reboots.read().keys() >= {"count", "boot_id", "reason"}
    assert paths.reboots().stat().st_mode & 0o777 == 0o644
