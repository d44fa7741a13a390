"""Folders of this repository as one text that a module can carry."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

_LEAVE_OUT = {"__pycache__", ".pytest_cache"}


def pack(folder: Path, files: Mapping[str, str] | None = None) -> str:
    """The folder as base64 of a gzipped tar: the same content gives the same text.

    :param files: further files by their path inside, e.g. what differs from site to site.
    """
    content = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _LEAVE_OUT & set(path.parts)
    }
    content.update({name: text.encode() for name, text in (files or {}).items()})
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in sorted(content.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return base64.b64encode(gzip.compress(raw.getvalue(), mtime=0)).decode()
