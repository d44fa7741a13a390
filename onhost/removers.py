"""How one thing is taken away, by kind. Each answers why it stayed, or nothing when it is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from . import paths
from .containers import previous
from .footprint import Item
from .host import Host
from .siblings import EngineError, model_store

# Never removed as a whole, whatever a footprint says.
_SYSTEM = {
    *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc"),
    *("/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/cache", "/usr/local"),
    *("/usr/share", "/usr/lib", "/etc/apt", "/etc/docker", "/etc/ssl", "/etc/ssl/certs", "/var/log"),
}
#: Where the units of this host itself are, as opposed to those of packages.
_UNITS = "/etc/systemd/system"
_UNIT_KINDS = (".service", ".timer", ".socket", ".path")


def _container(item: Item, host: Host) -> str:
    """Gone with its unnamed volumes, and the one that was set aside for it; named volumes and folders stay."""
    for name in (item["name"], previous(item["name"])):
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


def _user(item: Item, host: Host) -> str:
    """Gone with the group of its name; its home, where data of others may be, stays."""
    done = subprocess.run(["userdel", item["name"]], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        return done.stderr.strip()
    # Some systems let it go with the user; 6: there is none.
    group = subprocess.run(["groupdel", item["name"]], capture_output=True, text=True, timeout=30, check=False)
    return group.stderr.strip() if group.returncode not in (0, 6) else ""


def _model(item: Item, host: Host) -> str:
    """Gone from Ollama's list; layers that no model uses any more go with the folder, or when Ollama starts."""
    model_store.Store(paths.under(item["folder"])).manifest_path(item["name"]).unlink(missing_ok=True)
    return ""


def _kernel_module(item: Item, host: Host) -> str:
    return "a driver in use is not unloaded; after the next boot it is loaded only if the system wants it"


def _file(item: Item, host: Host) -> str:
    """A unit of ours has ended, and nothing starts it any more, before its file goes."""
    path = Path(item["path"])
    if str(path.parent) != _UNITS or path.suffix not in _UNIT_KINDS:
        return _path(item, host)
    _systemctl("disable", "--now", path.name)
    reason = _path(item, host)
    _systemctl("daemon-reload")
    return reason


def _systemctl(*words: str) -> None:
    """A host without systemd has no units to stop; one that is gone already is no trouble."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["systemctl", *words], capture_output=True, timeout=120, check=False)


def _path(item: Item, host: Host) -> str:
    path = paths.under(item["path"])
    if item["kind"] == "directory" and not item.get("data"):
        return "" if remove_empty(path) else "it is not empty"
    reason = remove_path(path)
    _prune(path.parent)
    return reason


def _prune(folder: Path) -> None:
    """Folders of ours that hold nothing any more are gone, from ``folder`` upwards."""
    while any(home == folder or home in folder.parents for home in paths.homes()) and remove_empty(folder):
        folder = folder.parent


def remove_path(path: Path) -> str:
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


def remove_empty(path: Path) -> bool:
    """Whether the folder is gone; one that holds something, or is mounted, stays."""
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


#: By kind; packages go in one transaction, and take their units along.
REMOVERS = {
    "container": _container,
    "network": _network,
    "image": _image,
    "member": _member,
    "user": _user,
    "model": _model,
    "kernel_module": _kernel_module,
    "file": _file,
    "venv": _path,
    "tree": _path,
    "directory": _path,
}
