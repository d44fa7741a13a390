"""Folders for users' data: made once with the right owner, and never touched again."""

from __future__ import annotations

import os
from pathlib import Path

from .finding import FindingError


def ensure(path: str, uid: int, gid: int, mode: int, check: bool = False) -> bool:
    """The folder exists; True if it had to be made. What is already there keeps its owner and mode.

    :raises FindingError: GH-DATA-OWNER if an existing folder belongs to somebody else than its service needs.
    """
    folder = Path(path)
    if folder.is_dir():
        found = folder.stat()
        if (found.st_uid, found.st_gid) != (uid, gid):
            belongs = f"{path} belongs to {found.st_uid}:{found.st_gid}, its service runs as {uid}:{gid}"
            raise FindingError("GH-DATA-OWNER", f"{belongs}; chown -R {uid}:{gid} {path}")
        return False
    if not check:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.mkdir(mode=mode)
        os.chown(folder, uid, gid)
        folder.chmod(mode)
    return True
