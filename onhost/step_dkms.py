"""The step kind ``dkms``: another driver, without ever being without one.

The new packages are fetched and unpacked to a folder, and their source is built there for every kernel that may boot. Only
when that is done, and nothing more can fail but writing files, do the packages change places; modules that were built
are installed, not built again. Whatever fails after that is undone with packages made of what was installed before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import apt_work, boot_space, dkms, dkms_build, dpkg, driver_package, files, kernel_records, paths, step_apt
from .apt_output import Transaction
from .dkms_build import Built, Trial
from .finding import FindingError
from .report import Report

Spec = dict[str, Any]


def needed(spec: Spec) -> bool:
    """Whether a package is not the one that is wanted, or a kernel lacks the module, can be tried and was not in vain."""
    if not all(map(driver_package.is_wanted, spec["packages"])):
        return True
    found = dkms.source(spec["module"])
    if found is None:
        return True
    lacking = [release for release in spec["kernels"] if dkms.installed(spec["module"], release) != found[1]]
    must = _required(spec)
    return any(release in must or _can_be_tried(release, found[1]) for release in lacking)


def _can_be_tried(release: str, version: str) -> bool:
    return dkms.has_headers(release) and not kernel_records.failed_before(release, version)


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """The packages are installed and every kernel that runs or boots next has their module; others have it where it builds.

    ``{"installed", "kernels": {release: version|null}, "warnings": [{"id", "seen"}]}``.

    :raises FindingError: ``GH-DKMS-BUILD``, ``GH-DKMS-HEADERS``, ``GH-DKMS-UNSIGNED`` or ``GH-BOOT-FULL`` before anything
        that works was touched; ``GH-DKMS-INSTALL`` with the driver from before back in its place; ``GH-APT-…`` either way.
    """
    apt_work.repair(report)
    before = set(dpkg.installed())
    scratch = paths.driver() / "new"
    exchange = _Exchange(spec, report)
    try:
        debs = exchange.fetch(scratch / "packages")
        exchange.prepare(debs)
        builts, version = exchange.attempt(debs, scratch)
        exchange.exchange(debs, builts, version)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            # Where packages are kept for the way back, it stays with them.
            paths.driver().rmdir()
    shutil.rmtree(paths.driver(), ignore_errors=True)
    kernels = {release: dkms.installed(spec["module"], release) for release in spec["kernels"]}
    added = sorted(set(dpkg.installed()) - before)
    return {"installed": added, "kernels": kernels, "warnings": exchange.warnings}


def _required(spec: Spec) -> list[str]:
    """Kernels that must have the module: the one that runs and the one that boots next, of those it is to be built for."""
    wanted = {dkms.running(), spec.get("next")}
    return [release for release in spec["kernels"] if release in wanted] or list(spec["kernels"][:1])


class _Exchange:
    """One run of the step. ``warnings``: kernels that may boot, need not, and could not be built for."""

    def __init__(self, spec: Spec, report: Report) -> None:
        self._spec = spec
        self._report = report
        self._module: str = spec["module"]
        self._old = paths.driver() / "old"
        self.warnings: list[dict[str, str]] = []

    def fetch(self, folder: Path) -> list[Path]:
        """The new packages as files; none where they are installed and only a kernel lacks its module."""
        trouble = apt_work.update(self._report)
        if trouble:
            self._report.log(trouble)
        if all(map(driver_package.is_wanted, self._spec["packages"])):
            return []
        return driver_package.fetch(list(self._spec["packages"]), folder, self._report)

    def prepare(self, debs: Sequence[Path]) -> None:
        """What the driver's packages need besides each other is installed; nothing of the driver's was touched.

        :raises FindingError: ``GH-APT-REMOVES`` where the exchange would take something that nobody agreed to lose.
        """
        if not debs:
            return
        plan = apt_work.simulate(["install", *_LOCAL, *map(str, debs)], self._report)
        ours = {driver_package.named(deb) for deb in debs}
        agreed = {*self._spec.get("remove", []), *ours}
        apt_work.refuse_losses(_others(plan, ours), agreed)
        if gone := self._gone():
            apt_work.refuse_losses(apt_work.simulate(["remove", *gone], self._report), agreed)
        names = [name for name in plan.new if name not in ours]
        if names:
            step_apt.run({"packages": names, "update": False}, self._report)

    def attempt(self, debs: Sequence[Path], scratch: Path) -> tuple[list[Built], str]:
        """The source is built for every kernel that can have it.

        :raises FindingError: where one that must have it cannot.
        """
        root = scratch / "root"
        for deb in debs:
            driver_package.unpack(deb, root)
        found = dkms.source(self._module, root if debs else None)
        if found is None:
            raise FindingError("GH-DKMS-BUILD", f"the packages bring no DKMS source called {self._module}")
        folder, version = found
        trial = Trial(self._module, version, folder.parent, scratch / "tree")
        kernels = [one for one in self._spec["kernels"] if debs or dkms.installed(self._module, one) != version]
        builts = []
        for index, release in enumerate(kernels):
            known = None if debs else dkms_build.there_already(self._module, version, release)
            builts.append(known or dkms_build.attempt(trial, release, self._report, index, len(kernels)))
        self._judge(builts, version)
        return [built for built in builts if built.folder], version

    def _judge(self, builts: Sequence[Built], version: str) -> None:
        required = _required(self._spec)
        failed = [built for built in builts if not built.folder]
        for built in sorted(failed, key=lambda one: one.release not in required):
            tried = dkms.has_headers(built.release)
            kernel_records.note(built.release, version, False if tried else None, built.error, built.log)
            if built.release in required:
                raise FindingError(_id(built), _told(self._module, version, built), self._report.tail(25))
            self.warnings.append({"id": "GH-DKMS-KERNEL-LEFT", "seen": _told(self._module, version, built)})
        loose = dkms_build.unsigned(builts) if self._spec.get("sign") else []
        if loose:
            raise FindingError(
                "GH-DKMS-UNSIGNED", f"dkms built {', '.join(loose)} and did not sign them", self._report.tail(25)
            )

    def exchange(self, debs: Sequence[Path], builts: Sequence[Built], version: str) -> None:
        """The new packages and modules are in place of the old ones, or the old ones are back.

        :raises FindingError: why they are back.
        """
        boot_space.require(0, initial_disks=len(builts))
        ours = sorted(map(driver_package.bare, self._spec["packages"]))
        if debs:
            self._keep(ours)
        try:
            if debs:
                self._packages(debs, ours)
            dkms_build.install(self._module, version, builts, self._report)
            dkms_build.refresh_initial_disks(self._module, [built.release for built in builts], self._report)
        except Exception as seen:
            # Whatever it was, a full disk as well as a mistake of ours: the host is not left between two drivers.
            problem = _finding(seen, self._report)
            # Kept packages without new ones are those of an exchange that was cut off: it can still be undone.
            if not debs and not driver_package.kept(self._old):
                raise problem from seen
            told = self._undo(ours, version)
            raise FindingError(problem.id, f"{problem.seen}; {told}", problem.detail) from seen
        for built in builts:
            kernel_records.note(built.release, version, True)

    def _keep(self, ours: Sequence[str]) -> None:
        """The driver that is installed can come back. Of an exchange that was cut off, what it kept stays."""
        had = {release: found for release in _releases() if (found := dkms.installed(self._module, release))}
        if had or not driver_package.kept(self._old):
            driver_package.keep(sorted({*ours, *self._gone()}), self._old, self._report)
            files.write_json(self._old / "kernels.json", had)

    def _gone(self) -> list[str]:
        """Installed packages that have to go before the new ones come, as the plan says."""
        return [name for name in self._spec.get("remove", []) if name in dpkg.installed()]

    def _packages(self, debs: Sequence[Path], ours: Sequence[str]) -> None:
        """dpkg has the new packages. Their scripts build nothing meanwhile: that was done, and is not to fail in there."""
        report, gone = self._report, self._gone()
        with dkms.held():
            # Of what does not come again nothing stays, sources and pins that it wrote included.
            for verb, names in (("purge", set(gone) - set(ours)), ("remove", set(gone) & set(ours))):
                if names:
                    report.say("remove", f"removing {', '.join(sorted(names))}")
                    apt_work.act([verb, "-y", *sorted(names)], report, 0, len(names))
            plan = apt_work.simulate(["install", *_LOCAL, *map(str, debs)], report)
            report.note(planned=plan.new)
            apt_work.act(["install", "-y", *_LOCAL, *apt_work.KEEP_CONFIGURATION, *map(str, debs)], report, 0, len(debs))
        os.sync()

    def _undo(self, ours: Sequence[str], version: str) -> str:
        """dpkg is whole and the driver from before is in its place; what was done, in words."""
        self._report.say("undo", "putting the driver from before back")
        old = driver_package.kept(self._old)
        try:
            if old:
                self._restore(old)
            else:
                self._take_away(ours, version)
        except Exception as seen:
            problem = _finding(seen, self._report)
            self._report.log(f"the way back failed too: {problem.seen}")
            return f"putting the driver from before back failed too: {problem.seen}"
        os.sync()
        shutil.rmtree(self._old, ignore_errors=True)
        return "the driver from before is back" if old else "its packages are gone again, the kernel's own driver is there"

    def _restore(self, old: Sequence[Path]) -> None:
        with dkms.held():
            apt_work.act_dpkg(["--force-downgrade", "--force-confold", "-i", *map(str, old)], self._report)
        had: dict[str, str] = files.read_json(self._old / "kernels.json") or {}
        for release, version in had.items():
            dkms_build.install(self._module, version, [Built(release, None)], self._report)
            kernel_records.note(release, version, True)

    def _take_away(self, ours: Sequence[str], version: str) -> None:
        dkms_build.forget(self._module, version, self._report)
        names = [name for name in ours if name in dpkg.packages()]
        with dkms.held():
            apt_work.act_dpkg(["--purge", "--force-remove-reinstreq", *names], self._report)


#: apt-get takes files for packages where they begin with a slash; the older of two releases is wanted as often as the newer.
_LOCAL = ("--no-install-recommends", "--allow-downgrades")


def _others(plan: Transaction, ours: set[str]) -> Transaction:
    return Transaction(plan.new, plan.upgraded, plan.removed, [name for name in plan.downgraded if name not in ours])


def _releases() -> list[str]:
    return sorted(path.name for path in paths.under("/lib/modules").glob("*") if path.is_dir())


def _finding(problem: Exception, report: Report) -> FindingError:
    """What stopped an exchange, as a finding, whatever it was."""
    if isinstance(problem, FindingError):
        return problem
    full = isinstance(problem, OSError) and problem.errno == errno.ENOSPC
    # copytree gathers what its files ran into, in words alone.
    full = full or (isinstance(problem, shutil.Error) and os.strerror(errno.ENOSPC) in str(problem))
    words = str(problem) or type(problem).__name__
    return FindingError("GH-DISK-FULL" if full else "GH-DKMS-INSTALL", words, report.tail())


def _id(built: Built) -> str:
    return "GH-DKMS-BUILD" if dkms.has_headers(built.release) else "GH-DKMS-HEADERS"


def _told(module: str, version: str, built: Built) -> str:
    log = f"; full log: {built.log}" if built.log else ""
    return f"{module} {version} could not be built for {built.release}: {built.error}{log}"
