"""DKMS on a host: which kernels have a module of its own, and how its programs are kept from building in the wrong moment.

What is read here is what dkms itself goes by, in versions 3.0.10 (Debian 12) to 3.2.2 (Debian 13): folders and links below
``/var/lib/dkms``, and the modules below ``/lib/modules/<release>/updates/dkms``.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import dpkg, paths

TREE = "/var/lib/dkms"
SOURCES = "/usr/src"
SETTINGS = "/etc/dkms"
#: Where Debian and Ubuntu have dkms put every module of a kernel, whatever its source says.
PLACE = "/updates/dkms"
#: While this file is there, dkms's hooks and the packages that use it build nothing, and say that this is well.
HOLD = f"{SETTINGS}/no-autoinstall"

_PASSING = "# gpuhost\n[ ! -e /proc/"
_FIELD = re.compile(r'^\s*(PACKAGE_NAME|PACKAGE_VERSION)=["\']?([^"\'\s]+)', re.MULTILINE)
_ERROR = re.compile(r"^\S+:\d+(:\d+)?: (fatal )?error: ")
_FAILED = re.compile(
    r"^ERROR: modpost: |^make(\[\d+\])?: \*\*\* |^(/\S+/)?\w+: .*error|: not found$|: No such file or directory$"
)


def arch() -> str:
    """The machine as dkms names it."""
    return os.uname().machine


def running() -> str:
    """The release of the kernel that runs."""
    return os.uname().release


def has_headers(release: str) -> bool:
    """Whether a module can be built for this kernel; asked as dkms asks."""
    return (paths.under(f"/lib/modules/{release}/build") / "include").is_dir()


def installed(module: str, release: str) -> str | None:
    """The version that dkms installed for a kernel; None where there is none, or the file is not the one that was built."""
    link = paths.under(f"{TREE}/{module}/kernel-{release}-{arch()}")
    file = module_file(module, release)
    if not link.is_symlink() or file is None:
        return None
    # VERSION/RELEASE/ARCH, relative to the link's folder; older links are absolute.
    version = link.readlink().parts[-3]
    built = built_folder(module, version, release) / "module" / file.name
    return version if built.is_file() and filecmp.cmp(built, file, shallow=False) else None


def module_file(module: str, release: str) -> Path | None:
    """The file that dkms installed for a kernel."""
    found = paths.under(f"/lib/modules/{release}{PLACE}").glob(f"{module}.ko*")
    return next((path for path in sorted(found) if path.stat().st_size), None)


def built_folder(module: str, version: str, release: str, tree: Path | None = None) -> Path:
    """Where dkms keeps what it built for one kernel: ``module/`` and ``log/``."""
    return (tree or paths.under(TREE)) / module / version / release / arch()


def added(module: str, version: str) -> bool:
    """Whether dkms knows the source."""
    return (paths.under(TREE) / module / version / "source").exists()


def source(module: str, top: Path | None = None) -> tuple[Path, str] | None:
    """The module's DKMS source below ``top`` and its version; None where there is none.

    Of several it is the one that the package brought, else the newest: a copy that somebody put beside it is not at work.

    :param top: what stands for ``/``: the host's own, or the folder that a package was unpacked into.
    """
    found = []
    brought = [] if top else _packaged(module)
    for conf in brought or ((top or paths.root()) / SOURCES.lstrip("/")).glob(f"{module}-*/dkms.conf"):
        if not conf.is_file():
            continue
        fields = dict(_FIELD.findall(conf.read_text(encoding="utf-8", errors="replace")))
        if fields.get("PACKAGE_NAME") == module and fields.get("PACKAGE_VERSION"):
            found.append((conf.stat().st_mtime, conf.parent, fields["PACKAGE_VERSION"]))
    return max(found)[1:] if found else None


def _packaged(module: str) -> list[Path]:
    """Settings of the sources that the module's package brought, as dpkg's own list has them."""
    listing = paths.under(f"{dpkg.LISTS}/{module}-dkms.list")
    if not listing.is_file():
        return []
    lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    wanted = re.compile(rf"{SOURCES}/{re.escape(module)}-[^/]+/dkms\.conf")
    return [paths.under(line) for line in lines if wanted.fullmatch(line)]


def compiler_error(log: str) -> str:
    """The line of a build's log that says why it failed: the compiler's first error, else make's."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for pattern in (_ERROR, _FAILED):
        for line in lines:
            if pattern.search(line):
                return _short(line)
    return _short(lines[-1]) if lines else "the build left no log"


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Inside the block no package and no hook builds a module.

    The file is a link to this process's own entry in /proc: whatever ends the process ends the hold too, and after a
    power cut nothing is left of it but a link that leads nowhere.
    """
    hold = paths.under(HOLD)
    if _is_somebody_elses(hold):
        yield
        return
    hold.parent.mkdir(parents=True, exist_ok=True)
    hold.unlink(missing_ok=True)
    hold.symlink_to(f"/proc/{os.getpid()}/status")
    try:
        yield
    finally:
        release_hold()


def release_hold() -> None:
    """Nothing of a hold of ours is left."""
    hold = paths.under(HOLD)
    if _is_our_hold(hold):
        hold.unlink()


@contextlib.contextmanager
def passed_over(module: str) -> Iterator[None]:
    """Inside the block dkms does not build this module by itself for a kernel that comes; it builds others.

    dkms reads the file as shell, so that it too ends with this process.
    """
    known = source(module)
    settings = paths.under(f"{SETTINGS}/{module}-{known[1]}.conf") if known else None
    if settings is None or not settings.parent.is_dir() or not _is_ours(settings):
        yield
        return
    settings.write_text(f'{_PASSING}{os.getpid()}/status ] || AUTOINSTALL=""\n', encoding="utf-8")
    try:
        yield
    finally:
        settings.unlink(missing_ok=True)


def environment() -> Mapping[str, str]:
    """What dkms and its compilers run in: words that can be compared, and no debconf."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _is_somebody_elses(hold: Path) -> bool:
    return (hold.exists() or hold.is_symlink()) and not _is_our_hold(hold)


def _is_our_hold(hold: Path) -> bool:
    return hold.is_symlink() and str(hold.readlink()).startswith("/proc/")


def _is_ours(settings: Path) -> bool:
    """Whether nobody, or only a process of ours that died, wrote the file."""
    return not settings.exists() or settings.read_text(encoding="utf-8", errors="replace").startswith(_PASSING)


def _short(line: str) -> str:
    """Without the folders of a scratch tree in front: the file, its line and the words."""
    return re.sub(r"^/\S*/build/", "", line)[:300]
