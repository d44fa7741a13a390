"""What goes wrong with drivers, done to a machine that has a working one: it keeps it, and the next run goes on.

Under emulation a run of `up` takes minutes. So troubles that leave the machine as it was follow each other in one test,
and the run that converges after the last of them stands for all.
"""

from __future__ import annotations

import subprocess

import pytest

from control.lab import faults
from tests.vm.conftest import RELEASE
from tests.vm.driven import STEP, Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, OLDER = drivers(RELEASE)
_PURGE_HEADERS = "DEBIAN_FRONTEND=noninteractive apt-get purge -y -q 'linux-headers-*'"


def keeps_its_driver(vm: Driven) -> None:
    """The driver from before is loaded, would be loaded after a boot, and dpkg can work."""
    assert vm.loaded() == vm.version(OLDER)
    assert vm.loaded_is_installed()
    vm.machine.run("modprobe --dry-run --first-time amdgpu || test -d /sys/module/amdgpu")
    assert vm.dpkg_is_whole()


def converges(vm: Driven) -> None:
    done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.loaded_is_installed()
    assert vm.dpkg_is_whole()


def cut_power_when(vm: Driven, asked: str, what: str) -> None:
    """`up` is at work, and the power goes as soon as ``asked`` says yes on the machine; then it is switched on again."""
    process = vm.begin_up()
    try:
        vm.wait_until(lambda: "yes" in vm.machine.run(asked, check=False), 900, what)
        vm.machine.cut_power()
    finally:
        _end(process)
    vm.machine.start()
    vm.machine.wait_ssh()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_builds_that_fail_or_are_cut_off_and_missing_headers_leave_the_working_driver(vm: Driven) -> None:
    broken = vm.up(NEWEST, "fails-to-compile")
    assert broken.code == 14, broken.text
    found = vm.finding(broken, "GH-DKMS-BUILD")
    assert "panel_type" in found["seen"]
    assert "error:" in found["seen"]
    assert "panel_type" in vm.machine.run(f"cat {found['seen'].rpartition('full log: ')[2]}")
    keeps_its_driver(vm)

    passed_over = vm.up(NEWEST, "needs-newer-kernel")
    assert passed_over.code == 14, passed_over.text
    assert "BUILD_EXCLUSIVE" in vm.finding(passed_over, "GH-DKMS-BUILD")["seen"]
    keeps_its_driver(vm)

    vm.wish(NEWEST, "slow-build")
    cut_power_when(vm, f"grep -q 'compiling for' {STEP}/progress.json && echo yes", "the build")
    keeps_its_driver(vm)

    vm.machine.run(_PURGE_HEADERS)
    keeps_its_driver(vm)
    converges(vm)


def test_a_power_cut_while_the_packages_change_places(vm: Driven) -> None:
    vm.wish(NEWEST)
    cut_power_when(vm, f'grep -qE \'"phase": "(remove|install)"\' {STEP}/progress.json && echo yes', "the exchange")
    assert "amdgpu" in vm.machine.run("lsmod"), "whatever was cut off, the machine has a driver"
    converges(vm)


def test_headers_that_the_mirror_no_longer_has_mean_a_newer_kernel_and_one_reboot(vm: Driven) -> None:
    vm.machine.run(_PURGE_HEADERS)
    before, boots = vm.kernel(), vm.boots()
    with faults.headers_rotated_away(RELEASE) as newer:
        vm.machine.run("apt-get update -qq")
        done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.kernel() == newer != before
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.boots() == boots + 1


def test_a_full_boot_folder_and_a_reboot_that_takes_long_are_told_and_the_next_run_goes_on(vm: Driven) -> None:
    vm.machine.run("fallocate -l $(($(df --output=avail -B1 /boot | tail -1) - 1000000)) /boot/full")
    full = vm.up(NEWEST)
    assert full.code in (11, 14), full.text
    assert "/boot" in full.text
    keeps_its_driver(vm)
    vm.machine.run("rm /boot/full")

    unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=sleep 120\n"
    vm.machine.run(f"printf '{unit}' > /run/systemd/system/slow.service; systemctl start slow.service")
    vm.hold_device()
    boot = vm.machine.boot_id()
    by_hand = vm.up(NEWEST, amdgpu_reboot="never")
    assert by_hand.code == 16, by_hand.text
    assert "./gpuhost up" in vm.finding(by_hand, "GH-REBOOT-NEEDED")["next"]
    assert vm.machine.boot_id() == boot
    assert vm.loaded() == vm.version(OLDER), "the one that is in use was not pulled from under its users"

    slow = vm.up(NEWEST, amdgpu_reboot_timeout=20)
    assert slow.code == 14, slow.text
    assert "20 to 40 s" in vm.finding(slow, "GH-REBOOT-SLOW")["seen"]
    vm.machine.wait_reboot(boot)
    converges(vm)
