"""Folders that gpuhost owns as a whole: the checks, and the contexts that images are built from."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path


def unpack(archive: str) -> dict[str, bytes]:
    """Content by relative path of base64 of a gzipped tar.

    :raises ValueError: if a member is no regular file or points outside.
    """
    content = {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive)), mode="r:gz") as members:
        for member in members:
            path = Path(member.name)
            data = members.extractfile(member) if member.isreg() else None
            if data is None or path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{member.name} has no place in a folder of gpuhost")
            content[member.name] = data.read()
    return content


def read(folder: str) -> dict[str, bytes]:
    """What the folder holds now, in the same form. Python's own cache files do not count."""
    base = Path(folder)
    return {
        str(path.relative_to(base)): path.read_bytes()
        for path in base.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def replace(folder: str, content: dict[str, bytes]) -> None:
    """The folder holds exactly ``content``: readable by everyone, folders 0755, files 0644.

    Each file is replaced in one move and the folder itself stays: a container may have it mounted.
    """
    base = Path(folder)
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name, data in content.items():
        path = base / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_bytes(data)
        draft.chmod(0o644)
        draft.replace(path)
    for path in sorted(base.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(base)) not in content:
            path.unlink()
