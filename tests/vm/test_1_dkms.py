"""AMD's driver on a machine with a kernel of its own: built, loaded, exchanged, proven, and gone again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from control.lab import faults
from control.lab.vm.spec import VmSpec
from tests.lab.conftest import SITE, LabHost, gpuhost, host_variables
from tests.vm.conftest import Make
from tests.vm.driven import Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, OLDER = drivers(13)


@pytest.fixture(scope="module")
def vm(machine: Make) -> Iterator[Driven]:
    made = Driven(machine(VmSpec(1, 13)), 13)
    yield made
    host_variables(LabHost(made.name), "").unlink()


def test_a_bare_machine_gets_the_driver_and_reboots_once_since_a_program_uses_the_old_one(vm: Driven) -> None:
    assert (vm.loaded(), vm.packages()) == ("", {}), "it begins with the kernel's own driver"
    vm.hold_device()
    boot = vm.machine.boot_id()
    done = vm.up(OLDER)
    assert done.code == 0, done.text
    assert vm.machine.boot_id() != boot
    assert vm.machine.run("journalctl --list-boots --quiet | wc -l").strip() == "2", "one reboot, and no more"
    assert vm.loaded() == vm.version(OLDER)
    assert vm.loaded_is_installed()
    assert vm.file().startswith("updates/dkms/amdgpu.ko")
    assert vm.dpkg_is_whole()
    assert f"amdgpu/{vm.dkms_version(OLDER)}, {vm.kernel()}, x86_64: installed" in vm.machine.run("dkms status")
    assert (
        vm.machine.run("ls /var/lib/gpuhost/driver /var/lib/gpuhost/reboots.json /etc/dkms/no-autoinstall", check=False)
        == ""
    )


def test_a_second_run_finds_nothing_to_do(vm: Driven) -> None:
    boot = vm.machine.boot_id()
    done = vm.up(OLDER)
    assert (done.code, vm.due(done)) == (0, {}), done.text
    assert vm.machine.boot_id() == boot


def test_the_next_release_comes_without_a_reboot_where_nobody_uses_the_driver(vm: Driven) -> None:
    boot = vm.machine.boot_id()
    done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.loaded_is_installed()
    assert vm.machine.boot_id() == boot
    assert vm.dkms_version(OLDER) not in vm.machine.run("dkms status; ls /usr/src /var/lib/dkms/amdgpu")


def test_the_way_back_to_the_release_before(vm: Driven) -> None:
    done = vm.up(OLDER)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(OLDER)
    assert {state.split()[0] for state in vm.packages().values()} == {"ii"}
    again = vm.up(OLDER)
    assert (again.code, vm.due(again)) == (0, {}), again.text


def test_a_new_kernel_that_the_driver_does_not_build_for_is_told_and_the_old_one_can_be_kept(vm: Driven) -> None:
    done = vm.up(OLDER, "fails-on-next-kernel")
    assert done.code == 0, done.text
    good = vm.kernel()
    with faults.newer_kernel(13) as newer:
        packages = f"linux-image-{newer} linux-headers-{newer}"
        script = f"apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y {packages} 2>&1"
        said = vm.machine.try_run(script, 1800).out
    assert f"is not built for the kernel {newer}: " in said
    assert "drm_dp_add_payload_part2" in said, "the compiler's own words"
    (command,) = [line.partition("which has it: ")[2] for line in said.splitlines() if "which has it: " in line]
    assert f"{newer}" in vm.machine.run("cat /var/lib/gpuhost/kernels.json")
    assert vm.loaded() == vm.version(OLDER)

    planned = gpuhost("plan", "--site", SITE, "--host", vm.name, "--json")
    assert newer in planned.text
    vm.machine.run(command)
    boot = vm.machine.boot_id()
    vm.machine.reset()
    vm.machine.wait_reboot(boot)
    assert vm.kernel() == good
    assert vm.loaded() == vm.version(OLDER)


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
