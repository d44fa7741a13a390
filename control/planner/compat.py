"""What goes with which: the driver at work, AMD's ranges of driver and ROCm, and what an image asks of the driver."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from control.planner import kernels
from control.planner.gpu import DRIVER
from control.planner.model import Context

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Driver, Range, Rocm

#: How amdgpu-dkms and its module are numbered: the kernel that the source is of, then the release with two digits for each
#: part: 1:6.8.5.60200-… is 6.2.0, 6.16.13.30300400 is 30.30.4, 7.1.9.31600000 is 31.60.0 (AMD's post-install documents).
_NUMBER = re.compile(r"(?:\d+:)?(?P<base>\d+\.\d+\.\d+)(?:\.(?P<release>\d{5,8})\b)?")


@dataclass(frozen=True)
class AtWork:
    """The driver that programs will find after the run. ``version``: AMD's release, None where it cannot be told."""

    kind: str
    version: str | None
    base: str | None

    @property
    def words(self) -> str:
        """For a sentence."""
        if self.kind == "inbox":
            return "the kernel's own driver"
        return f"AMD's driver {self.version or 'of an unknown release'}"


def driver_at_work(ctx: Context) -> AtWork:
    """What the plan installs, else what is loaded or installed now."""
    planned = ctx.parts.get("amdgpu") or {}
    if planned.get("driver") == "dkms":
        row = ctx.table.driver_by_version(str(planned.get("version") or ""))
        return AtWork("dkms", planned.get("version"), row.kernel_base if row else None)
    module = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    if planned.get("driver") == "inbox" or not module or module.get("in_tree") is not False:
        return AtWork("inbox", None, None)
    return _own(ctx, str(module.get("version") or ""))


def _own(ctx: Context, module_version: str) -> AtWork:
    """AMD's driver that is there: by the module's number, else by the package's, where both are of one kernel."""
    base, version = release_of(module_version)
    packaged = release_of(str((ctx.mapping("packages").get("amdgpu-dkms") or {}).get("version") or ""))
    if version is None and packaged[0] == base:
        version = packaged[1]
    if version is None and base:
        # Several releases share a kernel: the oldest of them is what can be relied on.
        rows = [row for row in ctx.table.drivers if row.kind == "dkms" and row.kernel_base == base]
        version = min((str(row.version) for row in rows), key=Version, default=None)
    return AtWork("dkms", version, base)


def release_of(number: str) -> tuple[str | None, str | None]:
    """Kernel base and release in the number of a module or package of AMD's driver; None for what it does not tell."""
    found = _NUMBER.match(number)
    if not found:
        return None, None
    digits = found["release"]
    if digits is None:
        return found["base"], None
    digits = digits.zfill(len(digits) + len(digits) % 2)
    parts = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)][:3]
    return found["base"], ".".join(map(str, parts))


def inside(version: str | None, allowed: Range | None) -> bool:
    """Whether a version is in a range; what is not known, or has no range, is not held against it."""
    if version is None or allowed is None:
        return True
    try:
        number = Version(version)
    except InvalidVersion:
        return True
    return Version(allowed.min) <= number and (allowed.max is None or number <= Version(allowed.max))


def together(driver: Driver | None, version: str | None, rocm: Rocm) -> bool:
    """Whether a release of AMD's driver and a ROCm are in each other's range."""
    return inside(version, rocm.driver) and (driver is None or inside(rocm.version, driver.rocm))


def rocm_fits(ctx: Context, row: Rocm) -> bool:
    """Whether the driver at work goes with a ROCm. AMD states ranges for its own driver; the kernel's is not refused."""
    at_work = driver_at_work(ctx)
    if at_work.kind != "dkms" or at_work.version is None:
        return True
    return together(ctx.table.driver_by_version(at_work.version), at_work.version, row)


def drivers_with(ctx: Context, row: Rocm) -> list[Driver]:
    """The releases of AMD's driver for this system that go with a ROCm, newest first; none that has a caution."""
    return [one for one in _sound(ctx) if together(one, one.version, row)]


def _sound(ctx: Context) -> list[Driver]:
    """What a fix may name: a release with a caution is only for those who ask for it."""
    return [row for row in ctx.table.drivers_for(ctx.system.id) if not row.caution]


def floor(ctx: Context, consumer: str, minimum: str | None) -> list[Finding]:
    """What is to be said where a consumer asks for a newer driver than the one at work."""
    at_work = driver_at_work(ctx)
    if minimum is None or ctx.simulated:
        return []
    if at_work.kind == "dkms":
        if at_work.version is None or Version(at_work.version) >= Version(minimum):
            return []
        seen = f"{consumer} asks for driver {minimum} or newer; here is {at_work.version}"
        return [ctx.finding("GH-DRIVER-FLOOR", seen, **_newer(ctx, minimum))]
    running, base = kernels.upstream(kernels.running(ctx)), base_of(ctx, minimum)
    if running is None or base is None or kernels.series(running) >= base:
        return []
    kernel = kernels.series(running)
    seen = (
        f"{consumer} asks for the driver of release {minimum}, made from Linux {base}; the kernel's own is of Linux {kernel}"
    )
    return [ctx.finding("GH-DRIVER-INBOX-OLDER", seen)]


def _newer(ctx: Context, minimum: str) -> dict[str, str]:
    rows = [row for row in _sound(ctx) if row.version and Version(row.version) >= Version(minimum)]
    return {"version": str(rows[0].version)} if rows else {}


def base_of(ctx: Context, minimum: str) -> Version | None:
    """The series of the kernel that the oldest driver from ``minimum`` on was made from."""
    rows = [row for row in ctx.table.drivers if row.version and row.kernel_base and Version(row.version) >= Version(minimum)]
    oldest = min(rows, key=lambda row: Version(str(row.version)), default=None)
    return kernels.series(str(oldest.kernel_base)) if oldest else None
