"""Files that survive a kill and a power cut: whole before and whole after, never half."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write(path: Path, data: bytes, mode: int = 0o600, durable: bool = True, owner: tuple[int, int] | None = None) -> None:
    """``path`` holds ``data`` with ``mode``, or still what it held before; its folders exist.

    :param durable: also survive a power cut; costs a disk flush: not for what changes each second.
    :param owner: user and group to whom the file belongs from its first moment; None: us.
    """
    make_folder(path.parent)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if owner:
                os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            if durable:
                os.fsync(stream.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    if durable:
        flush_folder(path.parent)


def write_json(path: Path, document: Any, mode: int = 0o600, durable: bool = True) -> None:
    """``path`` holds ``document`` as JSON."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write(path, text.encode(), mode, durable)


def read_json(path: Path) -> Any:
    """The document in ``path``, or ``None`` where there is none that can be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def append_json(path: Path, document: Any) -> None:
    """``path`` has one more line."""
    make_folder(path.parent)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n")


def read_json_lines(path: Path) -> list[Any]:
    """The documents in ``path``, line by line; a line cut off by a power loss does not count."""
    documents = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        with contextlib.suppress(ValueError):
            documents.append(json.loads(line))
    return documents


def make_folder(path: Path, mode: int = 0o755) -> None:
    """``path`` is a folder; those that had to be made have ``mode`` whatever the umask."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(mode)


def flush_folder(path: Path) -> None:
    """A rename or a new name in ``path`` survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for part in iter(lambda: stream.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def digest_of(document: Any) -> str:
    """sha256 over the canonical JSON form of ``document``."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """No other process is inside the same block for the same ``path``; the lock ends with the process."""
    while True:
        make_folder(path.parent)
        with path.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            # Whoever held it before us may have removed it: a lock on a file without a name excludes nobody.
            if path.exists() and path.stat().st_ino == os.fstat(stream.fileno()).st_ino:
                yield
                return
