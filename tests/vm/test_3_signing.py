"""Kernels that take signed modules only: what they refuse is never called installed, and a person enrols the key once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from control.lab.vm.spec import VmSpec
from tests.lab.conftest import SITE, gpuhost
from tests.vm.conftest import RELEASE, Make
from tests.vm.driven import Driven, drivers

pytestmark = pytest.mark.vm

NEWEST, OLDER = drivers(RELEASE)
PASSWORD = "/etc/gpuhost/secrets/mok/password"
_ENFORCE = r'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX module.sig_enforce=1"'


def test_with_sig_enforce_the_kernel_refuses_the_driver_and_nobody_calls_it_installed(vm: Driven) -> None:
    # Last by its name: the file that the image brings sets the variable anew.
    vm.machine.run(f"echo '{_ENFORCE}' > /etc/default/grub.d/zz-enforce.cfg && update-grub")
    vm.machine.reboot()
    assert vm.machine.run("cat /sys/module/module/parameters/sig_enforce").strip() == "Y"
    refused = vm.machine.try_run("modprobe amdgpu")
    assert refused.code != 0
    assert "Key was rejected by service" in refused.err

    proof = gpuhost("verify", "--site", SITE, "--host", vm.name, "--json")
    assert proof.code == 15, proof.text
    accepted = vm.check(proof, "driver.module.accepted")
    assert accepted["status"] == "fail"
    assert "module.sig_enforce=1" in accepted["why"]
    assert "is not enrolled" in accepted["why"]

    done = vm.up(NEWEST)
    assert done.code == 16, done.text
    assert "Enroll MOK" in vm.finding(done, "GH-MOK-ENROL")["next"]
    assert vm.dkms_version(OLDER) in vm.machine.run("dkms status"), "the driver from before is where it was"


@pytest.fixture(scope="module")
def secured(machine: Make) -> Iterator[Driven]:
    """A bare machine whose firmware verifies what it boots."""
    made = Driven(machine(VmSpec(3, RELEASE, secure_boot=True)), RELEASE)
    yield made
    made.forget_wishes()


def test_a_key_is_enrolled_once_by_a_person_and_until_then_no_driver_is_changed(secured: Driven) -> None:
    done = secured.up(NEWEST)
    assert done.code == 16, done.text
    found = secured.finding(done, "GH-MOK-ENROL")
    for word in ("Enroll MOK", PASSWORD, "./gpuhost up"):
        assert word in found["next"]
    password = secured.machine.run(f"cat {PASSWORD}")
    assert len(password) == 10
    assert password not in done.text
    assert (secured.loaded(), secured.packages()) == ("", {})
    assert "mok.pub" not in secured.machine.run("mokutil --list-enrolled --short; true")

    waiting = secured.up(NEWEST)
    assert waiting.code == 16, waiting.text
    assert secured.machine.run(f"cat {PASSWORD}") == password, "it is not handed in a second time"
    assert '"count": 1' in secured.machine.run("cat /var/lib/gpuhost/mok.json")

    boot = secured.machine.boot_id()
    since = len(secured.machine.console())
    secured.machine.run("systemctl --no-block reboot")
    secured.machine.wait_console("Press any key to perform MOK management", since=since)
    enrol(secured, password.strip())
    secured.machine.wait_reboot(boot, 900)
    done = secured.up(NEWEST)
    assert done.code == 0, done.text
    assert secured.loaded() == secured.version(NEWEST)
    assert secured.machine.run(f"ls {PASSWORD} /var/lib/gpuhost/mok.json", check=False) == ""
    lose_the_signature(secured)


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


def lose_the_signature(vm: Driven) -> None:
    """The module without its signature is refused, `verify` says why, and the next run puts it right."""
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
