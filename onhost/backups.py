"""What gpuhost changed of somebody else's files, as it was before. No command of gpuhost's removes it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import clock, files, paths

#: In a backup, beside a link: the file that it led to.
CONTENT = ".content"


def keep(role: str, found: Sequence[Mapping[str, Any]]) -> Path:
    """A new folder, closed to all but root, with each file under its own path; it survives a power cut.

    :param found: ``{path, kind, text}`` of each; ``text`` goes into the manifest, and so is nothing secret.
    """
    stamp = re.sub(r"[^0-9TZ]", "", clock.now())
    folders = (paths.backup() / (stamp if number == 1 else f"{stamp}-{number}") for number in range(1, 1000))
    folder = next(each for each in folders if not each.exists())
    files.make_folder(folder.parent, mode=0o700)
    folder.mkdir(mode=0o700)
    for one in found:
        original = paths.under(one["path"])
        copy = folder / one["path"].lstrip("/")
        files.make_folder(copy.parent, mode=0o700)
        shutil.copy2(original, copy, follow_symlinks=False)
        owner = original.lstat()
        os.chown(copy, owner.st_uid, owner.st_gid, follow_symlinks=False)
        if original.is_symlink() and original.is_file():
            # The link alone would not say what was in force.
            shutil.copy2(original, copy.with_name(f"{copy.name}{CONTENT}"))
    notes = [{key: one[key] for key in ("path", "kind", "text")} for one in found]
    files.write_json(folder / "manifest.json", {"role": role, "taken_at": clock.now(), "files": notes})
    os.sync()
    return folder


def of_role(role: str) -> dict[str, list[str]]:
    """Each folder in which something was set aside for the role, with the paths of what is in it."""
    notes = {note.parent: files.read_json(note) or {} for note in sorted(paths.backup().glob("*/manifest.json"))}
    return {
        f"/{folder.relative_to(paths.root())}": [one["path"] for one in note["files"]]
        for folder, note in notes.items()
        if note.get("role") == role
    }
