"""Models for programs that load one from a file: links to it, and where Ollama's store keeps it. Nothing is copied."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from . import paths
from .finding import FindingError

#: Of the layers in a manifest, the one with the weights (ollama server/images.go).
WEIGHTS = "application/vnd.ollama.image.model"
REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
MAGIC = b"GGUF"

Link = Mapping[str, Optional[str]]


def ensure(links: Sequence[Link], model: str, store: str | None, uid: int, gid: int, check: bool = False) -> bool:
    """Each link points at its file, which the service can read; whether one had to be made or turned.

    :param links: ``{path, target}``; a target of None is the file that ``store`` keeps for ``model``.
    :raises FindingError: ``GH-MODEL-FILE`` where there is no such file, or it is none that can be loaded.
    """
    wanted = {str(link["path"]): link["target"] or str(weights(str(store), model)) for link in links}
    for index, target in enumerate(wanted.values()):
        # Only the first part of a split model has to begin as a model does: the others are read by it.
        _usable(target, uid, gid, whole=index == 0)
    turned = [path for path, target in wanted.items() if _target(paths.under(path)) != target]
    if not check:
        for path in turned:
            _point(paths.under(path), wanted[path])
    return bool(turned)


def weights(store: str, model: str) -> Path:
    """The file in Ollama's store with the weights of a model, by its manifest.

    :raises FindingError: ``GH-MODEL-FILE`` where the store does not have the model.
    """
    manifest = paths.under(store) / "manifests" / manifest_path(model)
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digest = next(str(one["digest"]) for one in layers if one["mediaType"] == WEIGHTS)
    except FileNotFoundError:
        raise FindingError("GH-MODEL-FILE", f"{store} has no model {model}: there is no {manifest}") from None
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise FindingError("GH-MODEL-FILE", f"{manifest} names no file with the weights of {model}: {error!r}") from error
    return Path(store) / "blobs" / digest.replace(":", "-")


def manifest_path(model: str) -> Path:
    """Where below ``manifests`` Ollama keeps what it knows of a model (ollama types/model/name.go)."""
    name, colon, tag = model.rpartition(":")
    if not colon or "/" in tag:
        name, tag = model, TAG
    parts = [part for part in name.split("/") if part]
    registry = [REGISTRY, NAMESPACE][: max(0, 3 - len(parts))]
    return Path(*registry, *parts, tag)


def _usable(target: str, uid: int, gid: int, whole: bool) -> None:
    file = paths.under(target)
    try:
        found = file.stat()
        with file.open("rb") as stream:
            start = stream.read(len(MAGIC))
    except OSError as error:
        raise FindingError("GH-MODEL-FILE", f"{target}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode) or (whole and start != MAGIC):
        raise FindingError("GH-MODEL-FILE", f"{target} is no GGUF file: it begins with {start!r}")
    if not _reads(found, uid, gid):
        has = f"{stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}:{found.st_gid}"
        raise FindingError("GH-MODEL-FILE", f"{target} cannot be read by its service, user {uid}:{gid} (mode {has})")


def _reads(found: os.stat_result, uid: int, gid: int) -> bool:
    """Whether a process of this user and group may read; the folders above are not the container's."""
    bit = stat.S_IRUSR if found.st_uid == uid else stat.S_IRGRP if found.st_gid == gid else stat.S_IROTH
    return bool(found.st_mode & bit)


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:
        return None


def _point(link: Path, target: str) -> None:
    """The link points there, in one step: a program that opens it meanwhile finds the old file or the new one."""
    if link.exists() and not link.is_symlink():
        raise FindingError("GH-MODEL-FILE", f"{link} is there and no link; move it away")
    draft = link.with_name(f".{link.name}.new")
    if draft.is_symlink():
        draft.unlink()
    draft.symlink_to(target)
    draft.replace(link)
