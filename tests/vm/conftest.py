"""Virtual machines for the tests: fresh in seconds, one at a time, and gone afterwards, whatever happens between."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from control.lab.vm.machine import Machine
from control.lab.vm.spec import VmSpec
from tests.lab.conftest import Done
from tests.vm.driven import WITH_DRIVER, Driven, drivers

Make = Callable[[VmSpec], Machine]
#: The only release whose disk, mirror and kernels are made: another one would cost minutes and show little that is new.
RELEASE = 13
_KEYRING = "/etc/apt/keyrings/gpuhost-lab-test.asc"
_AUTHORITY = "/etc/ssl/certs/gpuhost-lab-test.crt"


def use_mirror(machine: Machine) -> None:
    """apt on the machine knows the lab's mirror, by hand: for tests of what is below gpuhost's own roles."""
    from control.lab import names
    from control.lab.files import File, archive

    suite = machine.run(". /etc/os-release && echo $VERSION_CODENAME").strip()
    source = (
        f"Types: deb\nURIs: {names.APT_URL}\nSuites: {suite}\nComponents: {' '.join(names.APT_COMPONENTS)}\n"
        f"Signed-By: {_KEYRING}\n"
    )
    files = {
        _AUTHORITY: names.CA_CERTIFICATE.read_text(),
        _KEYRING: names.APT_KEY.read_text(),
        "/etc/apt/apt.conf.d/90gpuhost-lab-test": f'Acquire::https::CaInfo "{_AUTHORITY}";\n',
        "/etc/apt/sources.list.d/gpuhost-lab-test.sources": source,
    }
    machine.shell.send(archive({path.lstrip("/"): File(text) for path, text in files.items()}))


def ansible(host: str, module: str, arguments: str, *more: str) -> subprocess.CompletedProcess[str]:
    """One Ansible module, run on a host of the lab's site as any play would."""
    from control.lab import names
    from control.paths import ROOT

    command = [str(ROOT / ".venv" / "bin" / "ansible"), "-i", str(names.SITE_DIR), host, "-m", module]
    return subprocess.run(
        [*command, *(["-a", arguments] if arguments else []), *more],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def vm_lab() -> Iterator[None]:
    """The lab is new at the start of the tests, with its mirror; nothing of it is left after them."""
    from control.lab import engine, site
    from control.lab.vm import tools

    engine.ensure()
    tools.ensure()
    site.down()
    try:
        site.up_mirror({RELEASE})
        yield
    finally:
        if not os.environ.get("GPUHOST_KEEP_LAB"):
            site.down(stop_engine=True)


@pytest.fixture(scope="session")
def machine(vm_lab: None) -> Iterator[Make]:
    """Makes machines as specified, each fresh: ``machine(VmSpec(1, RELEASE))``. They are in the site ``lab`` by their names.

    Two under emulation would only slow each other down, so the one before is switched off.
    """
    from control.lab import site
    from control.lab.vm import fleet

    made: list[str] = []

    def make(spec: VmSpec) -> Machine:
        for name in made:
            fleet.get(name).cut_power()
        site.remove_hosts([spec.name])
        if spec.name not in made:
            made.append(spec.name)
        site.up([], vms=[spec])
        return fleet.get(spec.name)

    yield make
    site.remove_hosts(made)


@dataclass(frozen=True)
class First:
    """What became of a bare machine: before, the run that brought AMD's driver, and after."""

    vm: Driven
    packages_before: dict[str, str]
    loaded_before: str
    boot_before: str
    done: Done


@pytest.fixture(scope="session")
def first(machine: Make) -> Iterator[First]:
    """A bare machine, whose own driver is in use, was brought AMD's older release, and is saved as it is then."""
    vm = Driven(machine(VmSpec(1, RELEASE)), RELEASE)
    packages, loaded, boot = vm.packages(), vm.loaded(), vm.machine.boot_id()
    vm.hold_device()
    done = vm.up(drivers(RELEASE)[1])
    vm.machine.snapshot(WITH_DRIVER)
    yield First(vm, packages, loaded, boot, done)
    vm.forget_wishes()


@pytest.fixture
def vm(first: First) -> Driven:
    """The machine with AMD's older release at work, as it was saved."""
    assert first.done.code == 0, first.done.text
    first.vm.begin_with_driver()
    return first.vm


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A test that failed shows the end of the console of each machine that runs."""
    from control.lab.vm import fleet
    from control.lab.vm.shell import console_tail

    report = yield
    if report.failed:
        for one in fleet.every():
            report.sections.append((f"console of {one.spec.name}", console_tail(one.machine.folder, 30)))
    return report
