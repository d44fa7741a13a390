"""Room for kernels, asked before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from onhost import boot_space
from onhost.finding import FindingError
from tests.unit.onhost import dkms_tree

MIB = 1024**2


@pytest.mark.parametrize(
    ("packages", "kernels"),
    [
        (["linux-image-6.12.107+deb13-amd64", "linux-headers-6.12.107+deb13-amd64"], 1),
        (["linux-image-6.8.0-49-generic", "linux-image-unsigned-6.8.0-50-generic", "linux-image-generic"], 1),
        (["linux-image-amd64", "amdgpu-dkms"], 0),
        ([], 0),
    ],
)
def test_packages_that_bring_a_kernel(packages: list[str], kernels: int) -> None:
    assert boot_space.kernels_among(packages) == kernels


@pytest.mark.parametrize(
    ("free", "kernels", "disks", "enough"),
    [(200 * MIB, 1, 0, True), (100 * MIB, 1, 0, False), (130 * MIB, 0, 3, True), (100 * MIB, 0, 1, False), (0, 0, 0, True)],
)
def test_what_is_needed_is_what_the_largest_of_its_kind_takes(
    root: Path, monkeypatch: pytest.MonkeyPatch, free: int, kernels: int, disks: int, enough: bool
) -> None:
    dkms_tree.kernel(root, "6.1.0-1-amd64", bytes_of_disk=100 * MIB)
    monkeypatch.setattr(boot_space, "_free", lambda: free)
    if enough:
        boot_space.require(kernels, disks)
        return
    with pytest.raises(FindingError, match=r"vmlinuz-6\.1\.0-1-amd64") as caught:
        boot_space.require(kernels, disks)
    assert caught.value.id == "GH-BOOT-FULL"


def test_a_host_without_that_folder_needs_no_room(root: Path) -> None:
    boot_space.require(1, 1)
