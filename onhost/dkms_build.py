"""Building a DKMS source for kernels: first in a tree of its own, where nothing that works can be hurt."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import dkms, files, paths
from .finding import FindingError
from .process import run as run_process
from .report import Report

#: dkms's own exit status where a source says by itself that a kernel is none of its.
EXCLUDED = 77
LOOK_SECONDS = 1.0
LIMIT_S = 600

_COMPILED = re.compile(r"^\s+CC \[M\]\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """One kernel's outcome; ``folder`` is dkms's, None where it failed. ``error`` and ``log`` then say why."""

    release: str
    folder: Path | None
    error: str = ""
    log: str = ""


@dataclass(frozen=True)
class Trial:
    """A source that is tried: ``sources`` stands for /usr/src, ``tree`` for /var/lib/dkms."""

    module: str
    version: str
    sources: Path
    tree: Path


def attempt(trial: Trial, release: str, report: Report, done: int, total: int) -> Built:
    """Build for one kernel, in the trial's tree. Outside it dkms makes a signing key where it has none, and nothing else."""
    if not dkms.has_headers(release):
        return Built(release, None, f"/lib/modules/{release}/build has no headers (package linux-headers-{release})")
    report.say("build", f"compiling {trial.module} {trial.version} for {release}", done, total)
    report.log(f"trial build for {release}")
    files.make_folder(trial.tree)
    argv = ["dkms", "build", "-m", trial.module, "-v", trial.version, "-k", release]
    argv += ["--dkmstree", str(trial.tree), "--sourcetree", str(trial.sources)]
    build = trial.tree / trial.module / trial.version / "build"
    with _told(build / "make.log", release, report, done, total):
        code = run_process(argv, report.log, env=dkms.environment())
    folder = dkms.built_folder(trial.module, trial.version, release, trial.tree)
    if code == EXCLUDED:
        return Built(release, None, f"its source is not for the kernel {release} (BUILD_EXCLUSIVE in its dkms.conf)")
    if code or not folder.is_dir():
        return _failed(release, build, report)
    return Built(release, folder)


def there_already(module: str, version: str, release: str) -> Built | None:
    """What dkms itself has built for a kernel; None where it has not, or not whole."""
    folder = dkms.built_folder(module, version, release)
    found = any(path.stat().st_size for path in (folder / "module").glob(f"{module}.ko*"))
    return Built(release, folder) if found else None


def signer(module: Path) -> str:
    """Who signed a module; empty where nobody did."""
    asked = ["modinfo", "-F", "signer", str(module)]
    return subprocess.run(asked, capture_output=True, text=True, timeout=LIMIT_S, check=False).stdout.strip()


def unsigned(builts: Sequence[Built]) -> list[str]:
    """Modules that a kernel which demands signatures would refuse."""
    found = [path for built in builts if built.folder for path in sorted((built.folder / "module").glob("*.ko*"))]
    return [path.name for path in found if not signer(path)]


def install(module: str, version: str, builts: Sequence[Built], report: Report) -> None:
    """Every kernel of ``builts`` has the module that was tried, and ``modprobe`` finds it there.

    :raises FindingError: ``GH-DKMS-INSTALL``; some kernels may have it by then.
    """
    if not dkms.added(module, version):
        _dkms(["add", "-m", module, "-v", version], report)
    for index, built in enumerate(builts):
        report.say("install", f"installing {module} {version} for {built.release}", index, len(builts))
        target = dkms.built_folder(module, version, built.release)
        if built.folder and not target.exists():
            # What was tried is what is installed: not built a second time.
            _move(built.folder, target)
        if dkms.installed(module, built.release) != version:
            _dkms(["install", "-m", module, "-v", version, "-k", built.release, "--force"], report)
        if dkms.installed(module, built.release) != version:
            seen = f"dkms ended well, yet {built.release} has no {module} {version} in updates/dkms"
            raise FindingError("GH-DKMS-INSTALL", seen, report.tail())
    # A module that is on its way to the disk when the power goes is an empty file at the next boot.
    os.sync()


def forget(module: str, version: str, report: Report) -> None:
    """dkms knows nothing of this version any more, and what kernels had before it is back."""
    if dkms.added(module, version):
        code = run_process(["dkms", "remove", "-m", module, "-v", version, "--all"], report.log, env=dkms.environment())
        if code:
            report.log(f"dkms remove ended with {code}; its folder goes all the same")
    shutil.rmtree(paths.under(dkms.TREE) / module / version, ignore_errors=True)


def refresh_initial_disks(module: str, releases: Sequence[str], report: Report) -> None:
    """The initial RAM disks that carry the module carry the one that is installed.

    :raises FindingError: ``GH-BOOT-FULL`` or ``GH-DKMS-INSTALL``.
    """
    for index, release in enumerate(releases):
        disk = paths.under(f"/boot/initrd.img-{release}")
        if not disk.is_file() or not shutil.which("update-initramfs") or not _carries(disk, module):
            continue
        report.say("initrd", f"renewing the initial RAM disk of {release}", index, len(releases))
        code = run_process(["update-initramfs", "-u", "-k", release], report.log, env=dkms.environment())
        if code:
            full = "No space left" in report.tail(40)
            id = "GH-BOOT-FULL" if full else "GH-DKMS-INSTALL"
            raise FindingError(id, f"update-initramfs failed for {release}", report.tail())
    os.sync()


def _carries(disk: Path, module: str) -> bool:
    asked = subprocess.run(["lsinitramfs", str(disk)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return re.search(rf"/{re.escape(module)}\.ko(\.\w+)?$", asked.stdout, re.MULTILINE) is not None


def _failed(release: str, build: Path, report: Report) -> Built:
    """The build's log goes where it outlives the trial."""
    log, kept = build / "make.log", report.folder / f"make-{release}.log"
    if not log.is_file():
        return Built(release, None, dkms.compiler_error(report.tail()), str(report.folder / "output.log"))
    text = log.read_text(encoding="utf-8", errors="replace")
    files.write(kept, text.encode(), mode=0o644)
    return Built(release, None, dkms.compiler_error(text), f"/{kept.relative_to(paths.root())}")


def _dkms(arguments: list[str], report: Report) -> None:
    if run_process(["dkms", *arguments], report.log, env=dkms.environment()):
        seen = f"dkms {' '.join(arguments)}: {_error(report.tail(20))}"
        id = "GH-DISK-FULL" if "No space left" in report.tail(20) else "GH-DKMS-INSTALL"
        raise FindingError(id, seen, report.tail())


def _error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error!")), lines[-1] if lines else "it said nothing")


def _move(source: Path, target: Path) -> None:
    """Whole or not at all: dkms takes a folder that is there for one that is complete."""
    files.make_folder(target.parent)
    draft = target.parent / f".tmp_{target.name}_gpuhost"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(source, draft, symlinks=True)
        os.sync()
        draft.rename(target)
    except OSError:
        # On a full disk, the driver from before needs the room to come back.
        shutil.rmtree(draft, ignore_errors=True)
        raise


@contextlib.contextmanager
def _told(log: Path, release: str, report: Report, done: int, total: int) -> Iterator[None]:
    """While the block runs, the progress says which file is being compiled."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            compiled = _COMPILED.findall(_text(log))
            if compiled:
                name = compiled[-1].rpartition("/")[2]
                report.say("build", f"compiling for {release}: {name} (file {len(compiled)})", done, total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
