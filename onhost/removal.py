"""Take away what a role brought, and nothing else: the seal says what is ours, the baseline what was there before."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from . import dpkg, engine_packages, files, paths, seals, steps
from .containers import SUFFIX
from .footprint import Item, explain, item_id, matches
from .host import Host
from .siblings import EngineError

#: Containers before what they use, files before the folders that hold them, programs last.
ORDER = (
    "container",
    "network",
    "image",
    "member",
    "file",
    "venv",
    "tree",
    "directory",
    "kernel_module",
    "package",
    "unit",
    "glob",
)

# Never removed as a whole, whatever a footprint says.
_SYSTEM = {
    *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc"),
    *("/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/cache", "/usr/local"),
    *("/usr/share", "/usr/lib", "/etc/apt", "/etc/docker", "/etc/ssl", "/etc/ssl/certs", "/var/log"),
}


@dataclass
class Outcome:
    """What went and what stayed, each with its item id; ``kept`` with the reason."""

    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)


def owned(role: str, given: list[Item] | None = None) -> list[Item]:
    """Everything that a role has on this host: its seal, its baseline where it never got that far, and ``given``."""
    sealed = (seals.read(role) or {}).get("items", [])
    noted = [note["item"] for note in seals.baseline(role).values()]
    items = {item_id(item): item for item in [*noted, *sealed, *(given or [])]}
    return sorted(items.values(), key=lambda item: ORDER.index(item["kind"]))


def remove(
    role: str, given: list[Item] | None = None, purge_data: bool = False, check: bool = False, host: Host | None = None
) -> Outcome:
    """All that the role brought is gone but its packages, which ``packages`` of the result names.

    User data stays unless ``purge_data``; what was there before gpuhost stays in any case, a configuration
    file with the content it had.

    :param check: only tell what would go.
    """
    before = seals.baseline(role)
    outcome = Outcome()
    worker = _Removal(host or Host(), before, purge_data, check, outcome)
    items = owned(role, given)
    outcome.packages = _packages(role, items, before, outcome)
    for item in items:
        worker.take(item)
    return outcome


def finish(role: str) -> None:
    """The role has neither seal nor baseline; after the last role nothing of ours remembers anything."""
    seals.forget(role)
    left = [path for folder in (paths.seals(), paths.baseline()) for path in folder.glob("*.json")]
    if left:
        return
    for folder in (paths.steps(), paths.library(), paths.seals(), paths.baseline()):
        if folder.exists():
            shutil.rmtree(folder)
    for folder in (paths.secrets(), paths.etc()):
        _remove_empty(folder)


def _packages(role: str, items: list[Item], before: dict[str, Any], outcome: Outcome) -> list[str]:
    """Packages that our transactions added and that no other software needs."""
    named = {item["name"] for item in items if item["kind"] == "package"}
    recorded = set((seals.read(role) or {}).get("installed_packages", []))
    ours = (recorded | set(steps.installed_with(named))) & set(dpkg.installed())
    ours -= {key.partition(":")[2] for key, note in before.items() if key.startswith("package:") and note["present"]}
    # The engine first: where it stays, what it depends on has to stay as well.
    for name, reason in engine_packages.in_use(ours).items():
        outcome.kept[f"package:{name}"] = reason
        ours.discard(name)
    for name, needed_by in dpkg.needed_by_others(ours).items():
        outcome.kept[f"package:{name}"] = f"{needed_by} needs it"
        ours.discard(name)
    return sorted(ours)


class _Removal:
    """One pass over a role's items."""

    def __init__(self, host: Host, before: dict[str, Any], purge_data: bool, check: bool, outcome: Outcome) -> None:
        self._host = host
        self._before = before
        self._purge_data = purge_data
        self._check = check
        self._outcome = outcome

    def take(self, item: Item) -> None:
        """One item is gone, or stands among the kept with the reason."""
        key, kind = item_id(item), item["kind"]
        if kind in ("package", "unit"):
            self._by_package(key, item)
            return
        if kind == "glob":
            # Their owners write there while they run: taken by `sweep`, once the packages are gone.
            return
        values = explain(item, self._host)
        if not values:
            return
        if "error" in values:
            self._outcome.kept[key] = str(values["error"])
            return
        note = self._before.get(key)
        if item.get("data") and not self._purge_data:
            self._outcome.kept[key] = "user data"
        elif note is None or note["present"]:
            self._put_back(key, item, note)
        else:
            self._remove(key, item)

    def _by_package(self, key: str, item: Item) -> None:
        """Packages go in one transaction afterwards, and take their units along."""
        note = self._before.get(key) or {}
        if item["kind"] == "package" and note.get("present"):
            self._outcome.kept[key] = "was there before gpuhost"

    def _put_back(self, key: str, item: Item, note: dict[str, Any] | None) -> None:
        """What was there before us stays; a file gets its content back."""
        if note is None:
            self._outcome.kept[key] = "nothing says that gpuhost made it"
            return
        content = base64.b64decode(note.get("content", ""))
        path = paths.under(item.get("path", "/"))
        if "content" not in note or path.read_bytes() == content:
            self._outcome.kept[key] = "was there before gpuhost"
            return
        self._outcome.removed.append(f"{key} (its content from before is back)")
        if not self._check:
            found = path.stat()
            files.write(path, content, mode=found.st_mode & 0o7777)
            os.chown(path, found.st_uid, found.st_gid)

    def _remove(self, key: str, item: Item) -> None:
        if self._check:
            self._outcome.removed.append(key)
            return
        reason = _REMOVERS[item["kind"]](item, self._host)
        if reason:
            self._outcome.kept[key] = reason
        else:
            self._outcome.removed.append(key)


def sweep(role: str, outcome: Outcome, given: list[Item] | None = None) -> None:
    """Runtime files are gone, where none of them was there before and the software that writes them is gone too."""
    before = seals.baseline(role)
    if any(key.startswith("package:") and "before" not in reason for key, reason in outcome.kept.items()):
        return
    for item in owned(role, given):
        key = item_id(item)
        if item["kind"] != "glob" or before.get(key, {"present": True})["present"]:
            continue
        found = sorted(matches(item["path"]), key=lambda path: len(path.parts))
        for path in found:
            _remove_path(path)
        if found:
            outcome.removed.append(key)
        if item["path"].endswith("/**"):
            _remove_empty(paths.under(item["path"][: -len("/**")]))


def _container(item: Item, host: Host) -> str:
    """Gone with its unnamed volumes, and the one that was set aside for it; named volumes and folders stay."""
    for name in (item["name"], item["name"] + SUFFIX):
        if host.engine.container(name) is not None:
            host.engine.delete(f"/containers/{quote(name)}?force=1&v=1")
    return ""


def _network(item: Item, host: Host) -> str:
    try:
        host.engine.delete(f"/networks/{quote(item['name'])}")
    except EngineError as error:
        return error.message
    return ""


def _image(item: Item, host: Host) -> str:
    try:
        host.engine.delete(f"/images/{quote(item['name'], safe='/:@')}")
    except EngineError as error:
        return error.message
    return ""


def _member(item: Item, host: Host) -> str:
    argv = ["gpasswd", "--delete", item["user"], item["group"]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr.strip() if done.returncode else ""


def _kernel_module(item: Item, host: Host) -> str:
    return "a driver in use is not unloaded; after the next boot it is loaded only if the system wants it"


def _path(item: Item, host: Host) -> str:
    path = paths.under(item["path"])
    if item["kind"] == "directory" and not item.get("data"):
        return "" if _remove_empty(path) else "it is not empty"
    reason = _remove_path(path)
    _prune(path.parent)
    return reason


def _prune(folder: Path) -> None:
    """Folders of ours that hold nothing any more are gone, from ``folder`` upwards."""
    while any(home == folder or home in folder.parents for home in paths.homes()) and _remove_empty(folder):
        folder = folder.parent


def _remove_path(path: Path) -> str:
    """The file or folder is gone, mounts inside excepted; else why not."""
    logical = f"/{path.relative_to(paths.root())}"
    if logical in _SYSTEM or len(path.relative_to(paths.root()).parts) < 2:
        return "a folder of the system is not removed"
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        if any(os.path.ismount(folder) for folder, _, _ in os.walk(path)):
            return "something is mounted there"
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    return ""


def _remove_empty(path: Path) -> bool:
    """Whether the folder is gone; one that holds something, or is mounted, stays."""
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


_REMOVERS = {
    "container": _container,
    "network": _network,
    "image": _image,
    "member": _member,
    "kernel_module": _kernel_module,
    "file": _path,
    "venv": _path,
    "tree": _path,
    "directory": _path,
}
