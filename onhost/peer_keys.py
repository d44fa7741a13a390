"""A key of this host for a day, and its certificate, by which hosts of a site know each other. The key stays here."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from . import files
from .finding import FindingError

#: How long a certificate holds, and with how little of it left another is made.
DAYS, SPARE_SECONDS = 2, 24 * 3600


def ensure(folder: Path, name: str, uid: int = 0, gid: int = 0) -> str:
    """The certificate (PEM) of ``folder``; made anew, with its key, where there is none that holds for another day.

    :param name: what the certificate is about; it proves nothing: the peers compare the whole certificate.
    :raises FindingError: ``GH-MODEL-CACHE`` where the host has no openssl.
    """
    certificate = folder / "certificate.pem"
    files.make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    with files.locked(folder.parent / f".{folder.name}.lock"):
        if not _fresh(certificate):
            _make(folder, name)
        for path in (folder, certificate, folder / "key.pem"):
            os.chown(path, uid, gid)
    return certificate.read_text(encoding="ascii")


def _fresh(certificate: Path) -> bool:
    try:
        return time.time() - certificate.stat().st_mtime < DAYS * 24 * 3600 - SPARE_SECONDS
    except FileNotFoundError:
        return False


def _make(folder: Path, name: str) -> None:
    openssl = shutil.which("openssl", path="/usr/bin:/bin")
    if not openssl:
        raise FindingError("GH-MODEL-CACHE", "this host has no openssl, which makes the keys that hosts know each other by")
    drafts = {"key": folder / ".key.pem", "certificate": folder / ".certificate.pem"}
    drafts["key"].touch(mode=0o600)
    argv = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS)]
    argv += ["-subj", f"/CN={name}", "-keyout", str(drafts["key"]), "-out", str(drafts["certificate"])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise FindingError("GH-MODEL-CACHE", f"openssl: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    for kind, draft in drafts.items():
        draft.chmod(0o600)
        draft.replace(folder / f"{kind}.pem")
