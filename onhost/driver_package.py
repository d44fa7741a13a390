"""Packages of a driver as files: fetched, unpacked to be tried, and the installed ones kept so that they can come back."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from . import dpkg, files, paths
from .apt_output import classify
from .finding import FindingError
from .process import run as run_process
from .report import Report

INFO = "/var/lib/dpkg/info"
LIMIT_S = 600

# Fields of dpkg's database that a package itself does not have.
_NOT_OF_THE_PACKAGE = {"Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited"}
_MAINTAINERS = ("preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers", "shlibs", "symbols")


def bare(name: str) -> str:
    """The name in ``name=version``."""
    return name.partition("=")[0]


def version_in(name: str) -> str | None:
    """The version in ``name=version``, or None."""
    return name.partition("=")[2] or None


def is_wanted(name: str) -> bool:
    """Whether the installed package is the one that is asked for: of that version, or of the one that the sources offer."""
    have, wanted = dpkg.installed().get(bare(name)), version_in(name)
    return have is not None and have == (wanted or offered(name))


def offered(name: str) -> str | None:
    """The newest version of a package that the host's sources have; the installed one does not count by itself."""
    asked = ["apt-cache", "madison", bare(name)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=LIMIT_S, check=False).stdout
    rows = [[field.strip() for field in line.split("|")] for line in told.splitlines()]
    return next((row[1] for row in rows if len(row) == 3 and row[0] == bare(name)), None)


def fetch(names: list[str], folder: Path, report: Report) -> list[Path]:
    """The packages' files, as apt checked them, in ``folder``, which holds nothing else.

    :raises FindingError: as apt's words are read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    files.make_folder(folder, mode=0o755)
    wanted = []
    for name in names:
        version = version_in(name) or offered(name)
        if version is None:
            raise FindingError("GH-APT-NOT-FOUND", f"no package source of this host has {name}")
        wanted.append(f"{bare(name)}={version}")
    report.say("download", ", ".join(wanted), 0, len(wanted))
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        report.log(line)

    if run_process(["env", "-C", str(folder), "apt-get", "download", *wanted], hear):
        id, seen = classify("\n".join(lines))
        raise FindingError(id, seen, report.tail())
    return sorted(folder.glob("*.deb"))


def unpack(deb: Path, folder: Path) -> None:
    """The package's files lie below ``folder``, and no script of it has run."""
    files.make_folder(folder)
    _dpkg_deb("-x", str(deb), str(folder))


def named(deb: Path) -> str:
    """The name of the package in a file."""
    return deb.name.partition("_")[0]


def keep(names: list[str], folder: Path, report: Report) -> list[Path]:
    """Packages made of what is installed, in ``folder``; what was kept there before stays when nothing is installed.

    The mirror may no longer have these versions. Files that the administrator changed are kept as they are.
    """
    present = [name for name in names if name in dpkg.installed()]
    if present:
        shutil.rmtree(folder, ignore_errors=True)
        files.make_folder(folder, mode=0o700)
    for index, name in enumerate(present):
        report.say("keep", f"keeping {name} {dpkg.installed()[name]}, should the new one fail", index, len(present))
        _repack(name, folder)
    return kept(folder)


def kept(folder: Path) -> list[Path]:
    """What :func:`keep` left there."""
    return sorted(folder.glob("*.deb"))


def _repack(name: str, folder: Path) -> None:
    tree = folder / f"{name}.tree"
    shutil.rmtree(tree, ignore_errors=True)
    for path in _listed(name):
        _copy(paths.under(path), tree / path.lstrip("/"))
    control = tree / "DEBIAN"
    control.mkdir(parents=True, mode=0o755)
    told = _query("-s", name)
    (control / "control").write_text(_control(told), encoding="utf-8")
    conffiles = re.findall(r"^ (/\S+) [0-9a-f]{32}$", told, re.MULTILINE)
    there = [path for path in conffiles if paths.under(path).exists()]
    if there:
        (control / "conffiles").write_text("\n".join(there) + "\n", encoding="utf-8")
    for script in _MAINTAINERS:
        found = paths.under(f"{INFO}/{name}.{script}")
        if found.is_file():
            shutil.copy2(found, control / script)
    target = folder / f"{name}.deb"
    draft = folder / f"{name}.draft"
    # Fast, since it is there for minutes only.
    _dpkg_deb("-Zgzip", "-z1", "-b", str(tree), str(draft))
    shutil.rmtree(tree, ignore_errors=True)
    draft.rename(target)


def _dpkg_deb(*arguments: str) -> None:
    done = subprocess.run(["dpkg-deb", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise FindingError("GH-DISK-FULL" if "No space" in done.stderr else "GH-APT-FAILED", done.stderr.strip())


def _listed(name: str) -> list[str]:
    return [line for line in _query("-L", name).splitlines() if line.startswith("/") and line != "/."]


def _query(*arguments: str) -> str:
    done = subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return done.stdout


def _control(told: str) -> str:
    """The package's own fields out of what ``dpkg-query -s`` says."""
    kept_lines: list[str] = []
    keeping = True
    for line in told.splitlines():
        if not line.startswith(" "):
            keeping = line.partition(":")[0] not in _NOT_OF_THE_PACKAGE
        if keeping and line:
            kept_lines.append(line)
    return "\n".join(kept_lines) + "\n"


def _copy(source: Path, target: Path) -> None:
    """One entry with its mode and owner; what somebody removed is left out."""
    try:
        status = source.lstat()
    except FileNotFoundError:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISDIR(status.st_mode):
        target.mkdir(exist_ok=True)
        target.chmod(stat.S_IMODE(status.st_mode))
    elif stat.S_ISLNK(status.st_mode):
        target.symlink_to(source.readlink())
    elif stat.S_ISREG(status.st_mode):
        shutil.copy2(source, target)
        os.chown(target, status.st_uid, status.st_gid)
