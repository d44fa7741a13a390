"""Models for programs that load one from a file: links to it, and where Ollama's store keeps it. Nothing is copied."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from . import paths
from .finding import FindingError
from .siblings import model_store

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
    here = model_store.Store(paths.under(store))
    try:
        manifest = here.manifest(model)
        if manifest is None:
            raise FindingError("GH-MODEL-FILE", f"{store} has no model {model}")
        layers = [one["digest"] for one in model_store.layers(manifest) if one["mediaType"] == model_store.WEIGHTS]
        name = here.blob(layers[0]).name
    except (OSError, ValueError, IndexError) as error:
        raise FindingError("GH-MODEL-FILE", f"{store} names no file with the weights of {model}: {error}") from error
    return Path(store) / "blobs" / name


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
