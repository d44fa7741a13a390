"""Reboots of gpuhost's own are counted by their reasons."""

from __future__ import annotations

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
