"""What goes wrong with drivers, done to a machine that has a working one: it keeps it, and the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from control.lab import faults
from control.lab.vm.spec import VmSpec
from tests.lab.conftest import LabHost, host_variables
from tests.vm.conftest import Make
from tests.vm.driven import STEP, Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, OLDER = drivers(13)
WORKING = "working"


@pytest.fixture(scope="module")
def working(machine: Make) -> Iterator[Driven]:
    """A machine on which AMD's driver is at work, saved so that each test begins there."""
    made = Driven(machine(VmSpec(2, 13)), 13)
    done = made.up(OLDER)
    assert done.code == 0, done.text
    made.machine.snapshot(WORKING)
    yield made
    host_variables(LabHost(made.name), "").unlink()


@pytest.fixture
def vm(working: Driven) -> Driven:
    working.machine.restore(WORKING)
    return working


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


def test_a_driver_that_does_not_build_changes_nothing_and_the_compiler_is_quoted(vm: Driven) -> None:
    done = vm.up(NEWEST, "fails-to-compile")
    assert done.code == 14, done.text
    found = vm.finding(done, "GH-DKMS-BUILD")
    assert "panel_type" in found["seen"]
    assert "error:" in found["seen"]
    log = found["seen"].rpartition("full log: ")[2]
    assert "panel_type" in vm.machine.run(f"cat {log}")
    keeps_its_driver(vm)
    converges(vm)


def test_a_driver_that_passes_over_the_kernel_is_not_called_installed(vm: Driven) -> None:
    done = vm.up(NEWEST, "needs-newer-kernel")
    assert done.code == 14, done.text
    assert "BUILD_EXCLUSIVE" in vm.finding(done, "GH-DKMS-BUILD")["seen"]
    keeps_its_driver(vm)


def test_headers_that_somebody_removed_are_installed_again(vm: Driven) -> None:
    vm.machine.run("DEBIAN_FRONTEND=noninteractive apt-get purge -y 'linux-headers-*'")
    keeps_its_driver(vm)
    converges(vm)


def test_headers_that_the_mirror_no_longer_has_mean_a_newer_kernel_and_one_reboot(vm: Driven) -> None:
    vm.machine.run("DEBIAN_FRONTEND=noninteractive apt-get purge -y 'linux-headers-*'")
    before = vm.kernel()
    with faults.headers_rotated_away(13) as newer:
        vm.machine.run("apt-get update -qq")
        done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.kernel() == newer != before
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.machine.run("journalctl --list-boots --quiet | wc -l").strip() == "2"


def test_a_full_boot_folder_is_told_before_anything_is_exchanged(vm: Driven) -> None:
    vm.machine.run("fallocate -l $(($(df --output=avail -B1 /boot | tail -1) - 1000000)) /boot/full")
    done = vm.up(NEWEST)
    assert done.code in (11, 14), done.text
    assert "/boot" in done.text
    keeps_its_driver(vm)
    vm.machine.run("rm /boot/full")
    converges(vm)


def test_a_power_cut_in_the_middle_of_the_build(vm: Driven) -> None:
    vm.wish(NEWEST, "slow-build")
    process = vm.begin_up()
    building = f"grep -q 'compiling for' {STEP}/progress.json && echo yes"
    vm.wait_until(lambda: "yes" in vm.machine.run(building, check=False), 900, "the build")
    vm.machine.cut_power()
    process.kill()
    process.wait()
    vm.machine.start()
    vm.machine.wait_ssh()
    keeps_its_driver(vm)
    converges(vm)


def test_a_power_cut_while_the_packages_change_places(vm: Driven) -> None:
    vm.wish(NEWEST)
    process = vm.begin_up()
    exchanging = f'grep -qE \'"phase": "(remove|install)"\' {STEP}/progress.json && echo yes'
    vm.wait_until(lambda: "yes" in vm.machine.run(exchanging, check=False), 900, "the exchange")
    vm.machine.cut_power()
    process.kill()
    process.wait()
    vm.machine.start()
    vm.machine.wait_ssh()
    assert "amdgpu" in vm.machine.run("lsmod"), "whatever was cut off, the machine has a driver"
    converges(vm)


def test_a_reboot_that_takes_long_is_told_and_the_next_run_goes_on(vm: Driven) -> None:
    unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=sleep 120\n"
    vm.machine.run(f"printf '{unit}' > /run/systemd/system/slow.service; systemctl start slow.service")
    vm.hold_device()
    boot = vm.machine.boot_id()
    done = vm.up(NEWEST, amdgpu_reboot_timeout=20)
    assert done.code == 14, done.text
    assert "20 to 40 s" in vm.finding(done, "GH-REBOOT-SLOW")["seen"]
    vm.machine.wait_reboot(boot)
    again = vm.up(NEWEST)
    assert again.code == 0, again.text
    assert vm.loaded() == vm.version(NEWEST)


def test_a_site_that_reboots_by_hand_is_told_when(vm: Driven) -> None:
    vm.hold_device()
    boot = vm.machine.boot_id()
    done = vm.up(NEWEST, amdgpu_reboot="never")
    assert done.code == 16, done.text
    assert "./gpuhost up" in vm.finding(done, "GH-REBOOT-NEEDED")["next"]
    assert vm.machine.boot_id() == boot
    assert vm.loaded() == vm.version(OLDER), "the one that is in use was not pulled from under its users"
    vm.machine.reset()
    vm.machine.wait_reboot(boot)
    again = vm.up(NEWEST, amdgpu_reboot="never")
    assert again.code == 0, again.text
    assert vm.loaded() == vm.version(NEWEST)
