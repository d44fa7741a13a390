"""After a change of packages: which kernel was left without its driver, and how to keep one that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from onhost import kernel_hook, kernel_records
from tests.unit.onhost import dkms_tree

VERSION = "6.16.13-1.24.04"
GOOD, NEXT = "6.12.100+deb13-amd64", "6.12.107+deb13-amd64"


@pytest.fixture
def host(root: Path) -> Path:
    """The driver is there for the older of two kernels."""
    dkms_tree.source(root, "amdgpu", VERSION)
    dkms_tree.kernel(root, GOOD)
    dkms_tree.kernel(root, NEXT)
    dkms_tree.install(root, "amdgpu", VERSION, GOOD)
    return root


def failed_build(root: Path) -> None:
    build = root / f"var/lib/dkms/amdgpu/{VERSION}/build"
    build.mkdir(parents=True)
    text = (
        f"DKMS (dkms-3.2.2) make.log for amdgpu/{VERSION} for kernel {NEXT} (x86_64)\n/x/build/a.c:1:2: error: no member\n"
    )
    (build / "make.log").write_text(text)


def test_a_new_kernel_whose_build_failed_is_told_with_the_command_that_keeps_the_old_one(host: Path) -> None:
    failed_build(host)
    dkms_tree.grub(host, GOOD)
    said = "\n".join(kernel_hook.remarks())
    assert f"amdgpu {VERSION} is not built for the kernel {NEXT}: a.c:1:2: error: no member" in said
    assert f"{NEXT} boots next" in said
    assert f"full log: /var/lib/dkms/amdgpu/{VERSION}/build/make.log" in said
    line = f'GRUB_DEFAULT="gnulinux-advanced-1111>gnulinux-{GOOD}-advanced-1111"'
    assert f"To keep {GOOD}, which has it: echo '{line}' | sudo tee {kernel_hook.KEEP} && sudo update-grub" in said
    assert kernel_records.read()[NEXT]["built"] is False
    assert kernel_records.read()[GOOD]["built"] is True


def test_it_is_said_once(host: Path) -> None:
    assert kernel_hook.remarks()
    assert kernel_hook.remarks() == []


def test_a_kernel_that_has_it_again_is_noted(host: Path) -> None:
    kernel_hook.remarks()
    dkms_tree.install(host, "amdgpu", VERSION, NEXT)
    assert kernel_hook.remarks() == []
    assert kernel_records.read()[NEXT]["built"] is True


def test_whoever_keeps_a_kernel_is_told_when_that_is_no_longer_needed(host: Path) -> None:
    dkms_tree.install(host, "amdgpu", VERSION, NEXT)
    keep = host / kernel_hook.KEEP.lstrip("/")
    keep.parent.mkdir(parents=True)
    keep.write_text("GRUB_DEFAULT=…\n")
    assert f"sudo rm {kernel_hook.KEEP} && sudo update-grub" in kernel_hook.remarks()[0]


def test_headers_that_are_missing_are_named(host: Path) -> None:
    (host / f"lib/modules/{NEXT}/build/include").rmdir()
    assert f"linux-headers-{NEXT}" in kernel_hook.remarks()[0]


def test_a_kernel_without_headers_did_not_fail_and_is_told_once(host: Path) -> None:
    headers = host / f"lib/modules/{NEXT}/build/include"
    headers.rmdir()
    assert kernel_hook.remarks()
    assert kernel_hook.remarks() == []
    assert kernel_records.read()[NEXT]["built"] is None
    assert not kernel_records.failed_before(NEXT, VERSION)
    headers.mkdir()
    failed_build(host)
    assert "a.c:1:2: error: no member" in kernel_hook.remarks()[0], "another reason is news"
    assert kernel_records.failed_before(NEXT, VERSION)
    assert kernel_hook.remarks() == []


def test_systemd_boot_has_its_own_command(host: Path) -> None:
    (host / "boot/efi/loader").mkdir(parents=True)
    (host / "boot/efi/loader/loader.conf").touch()
    (host / "etc/machine-id").write_text("abc\n")
    assert kernel_hook.keep_command(GOOD) == f"sudo bootctl set-default abc-{GOOD}.conf"


def test_without_a_known_boot_loader_it_says_what_to_choose(host: Path) -> None:
    assert kernel_hook.keep_command(GOOD) == f"choose {GOOD} in the boot loader's menu"


def test_a_host_without_the_driver_hears_nothing(root: Path) -> None:
    dkms_tree.kernel(root, NEXT)
    assert kernel_hook.remarks() == []


def test_while_a_step_exchanges_the_driver_nothing_is_said(host: Path) -> None:
    from onhost import dkms

    with dkms.held():
        assert kernel_hook.remarks() == []
    assert kernel_hook.remarks()


def test_kernels_are_in_the_order_in_which_they_boot(root: Path) -> None:
    for release in ("6.8.0-49-generic", "6.8.0-100-generic", "6.11.0-9-generic"):
        dkms_tree.kernel(root, release)
    assert kernel_hook.bootable() == ["6.11.0-9-generic", "6.8.0-100-generic", "6.8.0-49-generic"]
