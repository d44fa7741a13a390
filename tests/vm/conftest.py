"""Virtual machines for the tests: fresh in seconds, one at a time, and gone afterwards, whatever happens between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from control.lab.vm.machine import Machine
from control.lab.vm.spec import VmSpec

Make = Callable[[VmSpec], Machine]


@pytest.fixture(scope="session")
def vm_lab() -> Iterator[None]:
    """The lab is new at the start of the tests, with a mirror of both releases; nothing of it is left after them."""
    from control.lab import engine, site
    from control.lab.spec import RELEASES
    from control.lab.vm import tools

    engine.ensure()
    tools.ensure()
    site.down()
    try:
        site.up_mirror(RELEASES)
        yield
    finally:
        if not os.environ.get("GPUHOST_KEEP_LAB"):
            site.down(stop_engine=True)


@pytest.fixture(scope="module")
def machine(vm_lab: None) -> Iterator[Make]:
    """Makes machines as specified, each fresh: ``machine(VmSpec(1, 13))``. They are in the site ``lab`` by their names.

    Two under emulation would only slow each other down, so the one before is switched off; those of a test module go
    with it.
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
