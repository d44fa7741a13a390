"""Files for a container that is not running yet, as one tar."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from control.lab.simulate import Link


@dataclass(frozen=True)
class File:
    """Content of a file with its mode and owner."""

    text: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def archive(files: Mapping[str, File | Link]) -> bytes:
    """A tar with these files and links by path (no leading slash).

    Every folder above them is in it too, root's and 0755 (Docker itself would make it 0777), but for those below
    ``home``: they are there, with an owner of their own.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folders = {parent for path in files for parent in _parents(path) if not path.startswith("home/")}
        for folder in sorted(folders):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for path, what in files.items():
            _add(tar, path, what)
    return out.getvalue()


def _add(tar: tarfile.TarFile, path: str, what: File | Link) -> None:
    info = tarfile.TarInfo(path)
    if isinstance(what, Link):
        info.type, info.linkname = tarfile.SYMTYPE, what.target
        tar.addfile(info)
        return
    content = what.text.encode()
    info.size, info.mode, info.uid, info.gid = len(content), what.mode, what.uid, what.gid
    tar.addfile(info, io.BytesIO(content))


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
