"""AMD's driver on a machine with a kernel of its own: built, loaded, exchanged, proven, and gone again."""

from __future__ import annotations

import pytest

from control.lab import faults
from tests.lab.conftest import SITE, gpuhost
from tests.vm.conftest import RELEASE, First
from tests.vm.driven import Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, OLDER = drivers(RELEASE)


def test_a_bare_machine_gets_the_driver_and_reboots_once_since_a_program_uses_the_old_one(first: First, vm: Driven) -> None:
    assert (first.loaded_before, first.packages_before) == ("", {}), "it begins with the kernel's own driver"
    assert vm.machine.boot_id() != first.boot_before
    assert vm.boots() == 2, "one reboot, and no more"
    assert vm.loaded() == vm.version(OLDER)
    assert vm.loaded_is_installed()
    assert vm.file().startswith("updates/dkms/amdgpu.ko")
    assert vm.dpkg_is_whole()
    assert f"amdgpu/{vm.dkms_version(OLDER)}, {vm.kernel()}, x86_64: installed" in vm.machine.run("dkms status")
    leftovers = "ls /var/lib/gpuhost/driver /var/lib/gpuhost/reboots.json /etc/dkms/no-autoinstall"
    assert vm.machine.run(leftovers, check=False) == ""


def test_a_second_run_finds_nothing_to_do(vm: Driven) -> None:
    boot = vm.machine.boot_id()
    done = vm.up(OLDER)
    assert (done.code, vm.due(done)) == (0, {}), done.text
    assert vm.machine.boot_id() == boot


def test_the_next_release_comes_without_a_reboot_where_nobody_uses_the_driver_and_so_does_the_one_before(vm: Driven) -> None:
    boot = vm.machine.boot_id()
    done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.loaded_is_installed()
    assert vm.dkms_version(OLDER) not in vm.machine.run("dkms status; ls /usr/src /var/lib/dkms/amdgpu")

    back = vm.up(OLDER)
    assert back.code == 0, back.text
    assert vm.loaded() == vm.version(OLDER)
    assert {state.split()[0] for state in vm.packages().values()} == {"ii"}
    assert vm.machine.boot_id() == boot


def test_a_new_kernel_that_the_driver_does_not_build_for_is_told_and_the_old_one_can_be_kept(vm: Driven) -> None:
    done = vm.up(NEWEST, "fails-on-next-kernel")
    assert done.code == 0, done.text
    good = vm.kernel()
    with faults.newer_kernel(RELEASE) as newer:
        packages = f"linux-image-{newer} linux-headers-{newer}"
        script = f"apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y {packages} 2>&1"
        said = vm.machine.try_run(script, 1800).out
    assert f"is not built for the kernel {newer}: " in said
    assert "drm_dp_add_payload_part2" in said, "the compiler's own words"
    (command,) = [line.partition("which has it: ")[2] for line in said.splitlines() if "which has it: " in line]
    assert f"{newer}" in vm.machine.run("cat /var/lib/gpuhost/kernels.json")
    assert vm.loaded() == vm.version(NEWEST)

    planned = gpuhost("plan", "--site", SITE, "--host", vm.name, "--json")
    assert newer in planned.text
    vm.machine.run(command)
    boot = vm.machine.boot_id()
    vm.machine.reset()
    vm.machine.wait_reboot(boot)
    assert vm.kernel() == good
    assert vm.loaded() == vm.version(NEWEST)


def test_remove_brings_the_kernels_own_driver_back(vm: Driven) -> None:
    done = gpuhost("remove", "--site", SITE, "--host", vm.name, "--json")
    assert done.code == 0, done.text
    assert vm.packages() == {}
    assert vm.file().startswith("kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko")
    assert vm.loaded() == ""
    assert vm.loaded_is_installed()
    assert vm.dpkg_is_whole()
    gone = "ls /etc/apt/apt.conf.d/99gpuhost-amdgpu /etc/apt/sources.list.d/gpuhost-amdgpu.sources /var/lib/dkms/amdgpu"
    assert vm.machine.run(gone, check=False) == ""
