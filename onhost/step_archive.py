"""The step kind ``archive``: a program that its maker publishes as archives, unpacked into a folder of its own.

Every archive is compared with a pinned digest before anything of it is unpacked, and the folder appears as a whole.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import files, paths
from .finding import FindingError
from .process import redact
from .report import Report

Spec = dict[str, Any]

#: In the folder: which archives it was unpacked from.
NOTE = ".gpuhost.json"
_PART = 1 << 20
_IDLE_SECONDS = 120
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


def needed(spec: Spec) -> bool:
    """Whether the folder is absent, or was unpacked from others."""
    return bool(files.read_json(paths.under(spec["folder"]) / NOTE) != _note(spec))


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """``folder`` holds what is in ``archives`` (``[{url, sha256}]``), one over the other; one that was there is gone.

    A download that broke off goes on where it was.

    :raises FindingError: ``GH-DOWNLOAD-FAILED``, ``GH-DIGEST``, ``GH-UNPACK-FAILED`` or ``GH-DISK-FULL``.
    """
    kept = paths.downloads()
    files.make_folder(kept, mode=0o700)
    fetched = [_fetch(one, kept, report) for one in spec["archives"]]
    target = paths.under(spec["folder"])
    draft = target.with_name(f".{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    files.make_folder(draft)
    try:
        for one, archive in zip(spec["archives"], fetched):
            report.say("unpack", f"unpacking {_name(one)}")
            _unpack(archive, draft, report)
        files.write_json(draft / NOTE, _note(spec), mode=0o644)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(kept)
    return {"installed": []}


def _note(spec: Spec) -> dict[str, Any]:
    return {"archives": [{"name": _name(one), "sha256": one["sha256"]} for one in spec["archives"]]}


def _name(archive: dict[str, str]) -> str:
    return archive["url"].rpartition("/")[2]


def _fetch(archive: dict[str, str], folder: Path, report: Report) -> Path:
    """The archive's file, with the pinned digest."""
    path = folder / f"{archive['sha256'][:16]}-{_name(archive)}"
    try:
        if not (path.exists() and files.sha256(path) == archive["sha256"]):
            _download(archive, path.with_name(f"{path.name}.part"), report)
            _compare(archive, path.with_name(f"{path.name}.part"))
            path.with_name(f"{path.name}.part").replace(path)
    except OSError as error:
        raise _failed(archive, error) from error
    return path


def _compare(archive: dict[str, str], part: Path) -> None:
    found = files.sha256(part)
    if found != archive["sha256"]:
        part.unlink()
        seen = f"{redact(archive['url'])}: sha256 {found}, pinned is {archive['sha256']}"
        raise FindingError("GH-DIGEST", seen)


def _download(archive: dict[str, str], part: Path, report: Report) -> None:
    """All of the archive is in ``part``, where some of it may have been; what a server does not resume begins anew."""
    request = urllib.request.Request(archive["url"])
    have = part.stat().st_size if part.exists() else 0
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_IDLE_SECONDS)  # https, by the plan
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        # Everything is there, or more than there is: the digest will tell.
        return
    with answer, part.open("ab" if answer.status == 206 else "wb") as stream:
        done = stream.tell()
        total = done + int(answer.headers.get("Content-Length") or 0) or None
        report.log(f"{redact(archive['url'])}: {'going on' if done else 'from the beginning'}")
        for data in _parts(answer):
            stream.write(data)
            done += len(data)
            report.say("download", _name(archive), done, total, "bytes")
    if total and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _parts(answer: Any) -> Iterator[bytes]:
    while data := answer.read(_PART):
        yield data


def _failed(archive: dict[str, str], error: OSError) -> FindingError:
    said = str(getattr(error, "reason", None) or error)
    if isinstance(error, urllib.error.HTTPError):
        said = f"HTTP {error.code} {error.reason}"
    id = "GH-DISK-FULL" if _FULL.search(said) else "GH-DOWNLOAD-FAILED"
    return FindingError(id, f"{redact(archive['url'])}: {redact(said)}")


def _unpack(archive: Path, folder: Path, report: Report) -> None:
    """Owned by root, whoever packed it; tar refuses what would land outside of the folder."""
    command = [
        "tar",
        "--extract",
        "--no-same-owner",
        "--no-same-permissions",
        "--file",
        str(archive),
        "--directory",
        str(folder),
    ]
    done = _run(command)
    if done.returncode == 0:
        return
    said = done.stderr.strip() or f"tar ended with {done.returncode}"
    report.log(said)
    id = "GH-DISK-FULL" if _FULL.search(said) else "GH-UNPACK-FAILED"
    raise FindingError(id, f"{archive.name}: {said.splitlines()[-1]}", report.tail())


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
