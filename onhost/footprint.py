"""The things that roles own on a host: how each is named, looked at, fingerprinted and compared.

An item is a dict with ``kind`` and the fields of that kind (docs/architecture.md, "Footprint, baseline,
seal"). Everything about an item follows from its *values*, a flat dict of readable facts, empty when the
thing is absent: the fingerprint is a digest of them, and a difference is told in their words.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from . import dkms, files, paths
from .container_values import container_values
from .host import Host
from .siblings import model_store, openwebui
from .venvs import distributions

Item = dict[str, Any]
Values = dict[str, Any]

ABSENT = "absent"

#: Which fields name an item of a kind.
KEYS: dict[str, tuple[str, ...]] = {
    "package": ("name",),
    "file": ("path",),
    "directory": ("path",),
    "tree": ("path",),
    "venv": ("path",),
    "unit": ("name",),
    "user": ("name",),
    "member": ("user", "group"),
    "container": ("name",),
    "image": ("name",),
    "network": ("name",),
    "kernel_module": ("name",),
    "dkms": ("module", "kernel"),
    "model": ("name",),
    "settings": ("name",),
    "nft_table": ("family", "name"),
    "glob": ("path",),
}


def item_id(item: Item) -> str:
    """``kind:key``, as ``package:docker.io`` or ``member:alice/render``.

    :raises ValueError: for an unknown kind or a missing field, which is a fault in a footprint.
    """
    kind = item.get("kind")
    if kind not in KEYS:
        raise ValueError(f"unknown kind {kind!r} in a footprint: {item}")
    missing = [field for field in KEYS[kind] if not item.get(field)]
    if missing:
        raise ValueError(f"a footprint's {kind} lacks {', '.join(missing)}: {item}")
    return f"{kind}:" + "/".join(str(item[field]) for field in KEYS[kind])


def explain(item: Item, host: Host) -> Values:
    """Readable values of the thing as it is now; empty when it is absent."""
    item_id(item)
    return _LOOKS[item["kind"]](item, host)


def fingerprint(item: Item, host: Host) -> str:
    """``absent``, the version for a package, else a digest of :func:`explain`."""
    return fingerprint_of(item, explain(item, host))


def fingerprint_of(item: Item, values: Values) -> str:
    """The fingerprint that belongs to ``values``."""
    if not values:
        return ABSENT
    return str(values["version"]) if item["kind"] == "package" else files.digest_of(values)


def difference(sealed: Values, now: Values) -> str:
    """What differs, in words: ``restart policy: unless-stopped → no``; empty when nothing does."""
    if bool(sealed) != bool(now):
        return "is gone" if sealed else "was not there before"
    changed = [key for key in {**sealed, **now} if sealed.get(key) != now.get(key)]
    return "; ".join(f"{key}: {_word(sealed.get(key))} → {_word(now.get(key))}" for key in changed)


def _word(value: Any) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    text = str(value)
    return text[:12] if len(text) == 64 else text or "none"


def _package(item: Item, host: Host) -> Values:
    version = host.packages.get(item["name"])
    return {"version": version} if version else {}


def _file(item: Item, host: Host) -> Values:
    path = paths.under(item["path"])
    values = _ownership(path, host)
    if values.get("type") == "file" and item.get("content", True):
        values["content"] = files.sha256(path)
    return values


def _directory(item: Item, host: Host) -> Values:
    return _ownership(paths.under(item["path"]), host)


def _tree(item: Item, host: Host) -> Values:
    top = paths.under(item["path"])
    values = _ownership(top, host)
    if values.get("type") == "directory" and not item.get("data"):
        entries = [_entry(path, top) for path in _below(top)]
        values.update({"entries": len(entries), "content": files.digest_of(entries)})
    return values


def _below(top: Path) -> list[Path]:
    """Everything in a tree, sorted; what Python writes beside a source as it runs is no part of it."""
    found = []
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(folder, name) for name in [*folders, *names] if not name.endswith(".pyc")]
    return sorted(found)


def _entry(path: Path, top: Path) -> list[str]:
    status = path.lstat()
    name, mode = str(path.relative_to(top)), oct(stat.S_IMODE(status.st_mode))
    if stat.S_ISLNK(status.st_mode):
        return [name, "link", str(path.readlink())]
    return [name, mode, files.sha256(path) if stat.S_ISREG(status.st_mode) else ""]


def _venv(item: Item, host: Host) -> Values:
    top = paths.under(item["path"])
    if not (top / "pyvenv.cfg").is_file():
        return {}
    found = {f"package {name}": version for name, version in distributions(top).items()}
    return {"python": (top / "bin" / "python").exists(), **found}


def _ownership(path: Path, host: Host) -> Values:
    """Type, owner, group and mode; empty when there is nothing."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if stat.S_ISLNK(status.st_mode):
        return {"type": "link", "target": str(path.readlink()), "leads to something": path.exists()}
    kinds = ((stat.S_ISDIR, "directory"), (stat.S_ISREG, "file"))
    return {
        "type": next((name for is_kind, name in kinds if is_kind(status.st_mode)), "special"),
        "owner": host.user_name(status.st_uid),
        "group": host.group_name(status.st_gid),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }


def _unit(item: Item, host: Host) -> Values:
    return host.unit(item["name"])


def _user(item: Item, host: Host) -> Values:
    return host.account(item["name"])


def _member(item: Item, host: Host) -> Values:
    return {"member": True} if host.is_member(item["user"], item["group"]) else {}


def _container(item: Item, host: Host) -> Values:
    found = host.ask_engine(lambda engine: engine.container(item["name"]))
    return found if "error" in found or not found else container_values(found)


def _image(item: Item, host: Host) -> Values:
    found = host.ask_engine(lambda engine: engine.image(item["name"]))
    return found if "error" in found or not found else {"id": found["Id"]}


def _network(item: Item, host: Host) -> Values:
    found = host.ask_engine(lambda engine: engine.network(item["name"]))
    if "error" in found or not found:
        return found
    return {"driver": found.get("Driver"), "internal": bool(found.get("Internal"))}


def _kernel_module(item: Item, host: Host) -> Values:
    name = item["name"].replace("-", "_")
    return {"loaded": True} if paths.under(f"/sys/module/{name}").is_dir() else {}


def _dkms(item: Item, host: Host) -> Values:
    """The version that a kernel has, and the file: a build that somebody repeated is another one."""
    version, file = dkms.installed(item["module"], item["kernel"]), dkms.module_file(item["module"], item["kernel"])
    return {"version": version, "content": files.sha256(file)} if version and file else {}


def _model(item: Item, host: Host) -> Values:
    """A preset by Ollama's digest of it; of any other model only that it is there: what a tag stands for moves."""
    manifest = model_store.Store(paths.under(item["folder"])).manifest(item["name"])
    if manifest is None:
        return {}
    return {"digest": model_store.digest(manifest)} if item.get("preset") else {"present": True}


def _settings(item: Item, host: Host) -> Values:
    """What an application keeps in its own database of what the plan has a word on; none while it cannot be asked."""
    try:
        keys = openwebui.keys_of(item["wanted"], paths.root())
        api = openwebui.enter(item["url"], item["container"], item["env_file"], host.engine, paths.root())
        return dict(openwebui.seen(api.documents(), item["wanted"], keys))
    except openwebui.OpenWebUIError:
        return {}


def _nft_table(item: Item, host: Host) -> Values:
    """The rules as the kernel has them, without counters: whoever loads a rule set mostly flushes all others first."""
    rules = host.nft_table(item["family"], item["name"])
    return {"rules": files.digest_of(rules)} if rules else {}


def _glob(item: Item, host: Host) -> Values:
    """Only whether anything matches: what a running service keeps for itself changes all the time."""
    return {"present": True} if any(True for _ in matches(item["path"])) else {}


def matches(pattern: str) -> Iterator[Path]:
    """What a glob item's pattern stands for now; ``**`` at its end is everything below that folder."""
    relative = pattern.strip("/")
    return paths.root().glob(f"{relative}/*" if relative.endswith("**") else relative)


_LOOKS: dict[str, Callable[[Item, Host], Values]] = {
    "package": _package,
    "file": _file,
    "directory": _directory,
    "tree": _tree,
    "venv": _venv,
    "unit": _unit,
    "user": _user,
    "member": _member,
    "container": _container,
    "image": _image,
    "network": _network,
    "kernel_module": _kernel_module,
    "dkms": _dkms,
    "model": _model,
    "settings": _settings,
    "nft_table": _nft_table,
    "glob": _glob,
}
