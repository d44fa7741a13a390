"""A kernel that takes signed modules only: what it refuses is never called installed, and a person enrols the key once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from control.lab.vm.spec import VmSpec
from tests.lab.conftest import SITE, LabHost, gpuhost, host_variables
from tests.vm.conftest import Make
from tests.vm.driven import Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, _ = drivers(13)
PASSWORD = "/etc/gpuhost/secrets/mok/password"


@pytest.fixture(scope="module")
def vm(machine: Make) -> Iterator[Driven]:
    made = Driven(machine(VmSpec(3, 13, secure_boot=True)), 13)
    yield made
    host_variables(LabHost(made.name), "").unlink()


def test_a_key_that_is_not_enrolled_stops_the_run_with_the_steps_and_changes_no_driver(vm: Driven) -> None:
    done = vm.up(NEWEST)
    assert done.code == 16, done.text
    found = vm.finding(done, "GH-MOK-ENROL")
    for word in ("Enroll MOK", PASSWORD, "./gpuhost up"):
        assert word in found["next"]
    password = vm.machine.run(f"cat {PASSWORD}")
    assert len(password) == 10
    assert password not in done.text
    assert (vm.loaded(), vm.packages()) == ("", {})
    assert "mok.pub" not in vm.machine.run("mokutil --list-enrolled --short; true")


def test_it_is_not_handed_in_a_second_time_while_it_waits(vm: Driven) -> None:
    password = vm.machine.run(f"cat {PASSWORD}")
    done = vm.up(NEWEST)
    assert done.code == 16, done.text
    assert vm.machine.run(f"cat {PASSWORD}") == password
    assert '"count": 1' in vm.machine.run("cat /var/lib/gpuhost/mok.json")


def test_a_person_enrols_it_at_the_console_and_the_run_goes_on(vm: Driven) -> None:
    password = vm.machine.run(f"cat {PASSWORD}").strip()
    boot = vm.machine.boot_id()
    since = len(vm.machine.console())
    vm.machine.run("systemctl --no-block reboot")
    vm.machine.wait_console("Press any key to perform MOK management", since=since)
    enrol(vm, password)
    vm.machine.wait_reboot(boot, 900)
    done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(NEWEST)
    assert vm.machine.run(f"ls {PASSWORD} /var/lib/gpuhost/mok.json", check=False) == ""
    again = vm.up(NEWEST)
    assert (again.code, vm.due(again)) == (0, {}), again.text


def enrol(vm: Driven, password: str) -> None:
    """What a person does in MokManager."""
    vm.machine.send_keys("ret")
    time.sleep(3)
    # Enroll MOK is the second line; then Continue, and Yes, the second ones of their menus.
    for keys in (("down", "ret"), ("down", "ret"), ("down", "ret")):
        vm.machine.send_keys(*keys)
        time.sleep(2)
    vm.machine.send_keys(*password, "ret")
    time.sleep(3)
    vm.machine.send_keys("ret")


def test_a_module_that_lost_its_signature_is_refused_and_verify_says_why(vm: Driven) -> None:
    folder = "/lib/modules/$(uname -r)/updates/dkms"
    strip = f"cd {folder} && unxz -k amdgpu.ko.xz && strip --strip-debug amdgpu.ko && rm amdgpu.ko.xz"
    vm.machine.run(f"{strip} && depmod -a && modprobe -r amdgpu")
    refused = vm.machine.try_run("modprobe amdgpu")
    assert refused.code != 0
    assert "Key was rejected by service" in refused.err
    proof = gpuhost("verify", "--site", SITE, "--host", vm.name, "--json")
    assert proof.code == 15, proof.text
    assert "signed" in proof.text
    done = vm.up(NEWEST)
    assert done.code == 0, done.text
    assert vm.loaded() == vm.version(NEWEST)
