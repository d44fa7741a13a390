"""A virtual machine whose driver gpuhost sees to, and the questions that tests ask of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control import rows, support
from control.lab import amd, amd_driver, names
from control.lab.vm import fleet
from control.lab.vm.machine import Machine
from tests.lab.conftest import ROOT, SITE, Done, LabHost, gpuhost, host_variables

STEP = "/var/lib/gpuhost/steps/amdgpu-driver"


def drivers(release: int) -> tuple[rows.Driver, rows.Driver]:
    """The two newest releases of AMD's driver that the lab has for a Debian release, newest first."""
    newest, older = amd.drivers(support.load(), f"debian-{release}")[:2]
    return newest, older


#: Snapshot of a machine on which the older of the two releases is at work: where most tests begin.
WITH_DRIVER = "with-driver"


@dataclass(frozen=True)
class Driven:
    """A machine on which nothing but the driver is set up."""

    machine: Machine
    release: int

    @property
    def name(self) -> str:
        return self.machine.name

    def begin_with_driver(self) -> None:
        """It is as its snapshot has it, and no other machine takes part of the processors."""
        for one in fleet.every():
            one.machine.cut_power()
        self.machine.restore(WITH_DRIVER)

    def boots(self) -> int:
        """How often it has booted."""
        return int(self.machine.run("journalctl --list-boots --quiet | wc -l"))

    def wish(self, row: rows.Driver | None, variant: str | None = None, **more: Any) -> None:
        """What the site wants of the machine: this release of the driver, with a trouble or without."""
        wishes = {"rocm_stream": "none", "services_enabled": [], "pytorch_build": "none", **more}
        if row is not None:
            wishes.update(amdgpu_driver="dkms", amdgpu_driver_version=row.version)
        if variant:
            wishes["sources_amd_driver_url"] = names.amd_url("amdgpu", variant)
        host_variables(LabHost(self.name), "\n".join(f"{name}: {json.dumps(value)}" for name, value in wishes.items()))

    def forget_wishes(self) -> None:
        host_variables(LabHost(self.name), "").unlink()

    def up(self, row: rows.Driver | None, variant: str | None = None, **more: Any) -> Done:
        """``up`` with these wishes."""
        self.wish(row, variant, **more)
        return gpuhost("up", "--site", SITE, "--host", self.name, "--json", timeout=3000)

    def begin_up(self) -> subprocess.Popen[bytes]:
        """``up`` with the wishes as they are; nobody waits for it."""
        return subprocess.Popen(
            [str(ROOT / "gpuhost"), "up", "--site", SITE, "--host", self.name],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def finding(self, done: Done, finding_id: str) -> dict[str, str]:
        """The finding that a run named for this machine."""
        found = done.document["hosts"][self.name]["findings"]
        named = [one for one in found if one["id"] == finding_id]
        assert named, f"{finding_id} is not among {[one['id'] for one in found]}: {done.text}"
        return named[0]

    def check(self, done: Done, check_id: str) -> dict[str, Any]:
        """The result of one check in a run's answer."""
        rows_ = done.document["hosts"][self.name]["results"]
        (found,) = [one for one in rows_ if one["id"] == check_id]
        return dict(found)

    def due(self, done: Done) -> dict[str, str]:
        return dict(done.document["hosts"][self.name]["due"])

    def version(self, row: rows.Driver) -> str:
        """What the module of a release calls itself."""
        return amd_driver.versions(row, self._vendor_release()).module

    def dkms_version(self, row: rows.Driver) -> str:
        return amd_driver.versions(row, self._vendor_release()).dkms

    def loaded(self) -> str:
        """The version of the loaded driver: empty for the kernel's own, which has none."""
        return self.machine.run("cat /sys/module/amdgpu/version 2>/dev/null || test -d /sys/module/amdgpu").strip()

    def loaded_is_installed(self) -> bool:
        """Whether the loaded driver is the file that modprobe would take."""
        script = "[ $(cat /sys/module/amdgpu/srcversion) = $(modinfo -F srcversion amdgpu) ] && echo yes"
        return self.machine.run(script, check=False).strip() == "yes"

    def file(self) -> str:
        """What modprobe takes for the kernel that runs, below that kernel's folder."""
        return self.machine.run("modinfo -F filename amdgpu").strip().partition(f"/{self.kernel()}/")[2]

    def kernel(self) -> str:
        return self.machine.run("uname -r").strip()

    def packages(self) -> dict[str, str]:
        """AMD's packages with their state in dpkg's own two letters and their version."""
        asked = "dpkg-query -W -f '${Package} ${db:Status-Abbrev} ${Version}\\n' 'amdgpu*' 2>/dev/null || true"
        rows_ = [line.split() for line in self.machine.run(asked).splitlines()]
        return {row[0]: f"{row[1]} {row[2]}" for row in rows_ if len(row) == 3 and row[1] != "un"}

    def dpkg_is_whole(self) -> bool:
        return self.machine.run("dpkg --audit").strip() == ""

    def hold_device(self) -> None:
        """A program has the driver's device open, as a computation would."""
        self.machine.run("systemd-run --quiet --unit=holder sh -c 'exec 3</dev/kfd; exec sleep infinity'")
        self.machine.run(
            "for _ in $(seq 50); do [ $(cat /sys/module/amdgpu/refcnt) -gt 0 ] && exit 0; sleep 0.2; done; exit 1"
        )

    def wait_until(self, asked: Callable[[], bool], limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not asked():
            assert time.monotonic() < deadline, f"{what} did not come about in {limit_s:.0f} s"
            time.sleep(1)

    def _vendor_release(self) -> str:
        return str(support.load().system_by_id(f"debian-{self.release}").vendor["amdgpu"].release)
