"""A key of this host for a day, and its certificate, by which hosts of a site know each other. The key stays here."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import files
from .finding import FindingError

#: How long a certificate holds, and with how little of it left another is made.
DAYS, SPARE_SECONDS = 2, 24 * 3600


def ensure(folder: Path, name: str, uid: int = 0, gid: int = 0) -> str:
    """The certificate (PEM) of ``folder``; made anew, with its key, where there is none that holds for another day.

    The folder is ours: who uses the key, which belongs to them, goes through it and makes nothing in it a link to elsewhere.

    :param name: what the certificate is about; it proves nothing: the peers compare the whole certificate.
    :raises FindingError: ``GH-MODEL-CACHE`` where the host has no openssl.
    """
    files.make_folder(folder.parent)
    with files.locked(folder.parent / f".{folder.name}.lock"):
        _claim(folder, gid)
        if not _fresh(folder, uid):
            _make(folder, name, uid, gid)
        return (folder / "certificate.pem").read_text(encoding="ascii")


def _claim(folder: Path, gid: int) -> None:
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, -1, gid)
    folder.chmod(0o710)


def _fresh(folder: Path, uid: int) -> bool:
    try:
        made, owner = (folder / "certificate.pem").stat().st_mtime, (folder / "key.pem").stat().st_uid
    except FileNotFoundError:
        return False
    return owner == uid and time.time() - made < DAYS * 24 * 3600 - SPARE_SECONDS


def _make(folder: Path, name: str, uid: int, gid: int) -> None:
    openssl = shutil.which("openssl", path="/usr/bin:/bin")
    if not openssl:
        raise FindingError("GH-MODEL-CACHE", "this host has no openssl, which makes the keys that hosts know each other by")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as drafts:
        key, certificate = Path(drafts) / "key.pem", Path(drafts) / "certificate.pem"
        argv = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        argv += ["-days", str(DAYS), "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise FindingError("GH-MODEL-CACHE", f"openssl: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
        # No certificate is left that belongs to another key, wherever this is interrupted.
        (folder / certificate.name).unlink(missing_ok=True)
        files.write(folder / key.name, key.read_bytes(), mode=0o600, durable=False, owner=(uid, gid))
        files.write(folder / certificate.name, certificate.read_bytes(), mode=0o644, durable=False)
