"""The key that modules of this host are signed with: made as the distribution makes it, and handed in to be enrolled.

Enrolling it is a person's act at the console, before the kernel starts. A program can only hand it in, with a password that
MokManager asks the person for. One that hands it in again and again makes a host that asks at every boot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import files, paths, secrets
from .clock import boot_id, now
from .finding import FindingError

LIMIT_S = 120
ENROLLED, PENDING, NEEDED = "enrolled", "pending", "needed"
#: So often is a key handed in; who never enrolled it by then does not mean to, or cannot.
LIMIT = 3

#: Certificate and key, where dkms 3.0 to 3.2 looks for them (`prepare_mok`).
UBUNTU = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/shim-signed/mok/MOK.priv")
DKMS = ("/var/lib/dkms/mok.pub", "/var/lib/dkms/mok.key")
PASSWORD = "/etc/gpuhost/secrets/mok/password"
#: Typed at a console that has an American keyboard, whatever is printed on the keys: no letter that others have elsewhere.
ALPHABET = "bcdefghjknprstuvx23456789"
LENGTH = 10


def ensure(certificate: str | None, key: str | None, password: str = "", check: bool = False) -> dict[str, Any]:
    """The signing key is there and enrolled, or handed in and waiting: ``{state, certificate, password_file, changed}``.

    :param password: the one-time password; empty: one is made and kept in :data:`PASSWORD` until the key is enrolled.
    :raises FindingError: ``GH-MOK-LOOP`` when it was handed in too often in vain, ``GH-MOK-FAILED`` when it cannot be.
    """
    default = UBUNTU if _is_ubuntu() else DKMS
    certificate, key = certificate or default[0], key or default[1]
    found = Path(certificate)
    made = not paths.under(certificate).is_file()
    if made and not check:
        _make(found, Path(key))
    state = NEEDED if made and check else _state(certificate)
    handed_in = state == NEEDED
    if state == ENROLLED and not check:
        _forget()
    elif state == NEEDED and not check:
        _hand_in(certificate, password)
        state = PENDING
    where = PASSWORD if state == PENDING and paths.under(PASSWORD).is_file() else None
    return {"state": state, "certificate": certificate, "password_file": where, "changed": made or handed_in}


def told(output: str) -> str:
    """What ``mokutil --test-key`` says of a key (mokutil 0.6 to 0.7), as a state.

    :raises FindingError: ``GH-MOK-FAILED`` where the firmware cannot be asked.
    """
    if "already enrolled" in output or "is enrolled" in output.replace("is not enrolled", ""):
        return ENROLLED
    if "enrollment request" in output:
        return PENDING
    if "is not enrolled" in output:
        return NEEDED
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    raise FindingError("GH-MOK-FAILED", f"mokutil --test-key: {lines[-1] if lines else 'it said nothing'}")


def _state(certificate: str) -> str:
    return told(_mokutil(["--test-key", str(paths.under(certificate))])[1])


def _hand_in(certificate: str, password: str) -> None:
    noted = _requests()
    count = int(noted.get("count") or 0)
    if count >= LIMIT:
        raise FindingError("GH-MOK-LOOP", f"{certificate} was handed in {count} times, and no console enrolled it")
    if not password:
        secrets.ensure(PASSWORD, length=LENGTH, alphabet=ALPHABET)
        password = paths.under(PASSWORD).read_text(encoding="utf-8")
    # Noted first: a request that is made and not counted would be made for ever.
    document = {"count": count + 1, "boot_id": boot_id(), "at": now(), "certificate": certificate}
    files.write_json(paths.enrolments(), document, mode=0o644)
    # By the standard input: arguments can be read by every user of the host.
    code, output = _mokutil(["--import", str(paths.under(certificate))], f"{password}\n{password}\n")
    if code or _state(certificate) != PENDING:
        lines = [line.strip() for line in output.splitlines() if line.strip() and password not in line]
        raise FindingError("GH-MOK-FAILED", f"mokutil --import: {lines[-1] if lines else code}")


def _requests() -> dict[str, Any]:
    document = files.read_json(paths.enrolments())
    return document if isinstance(document, dict) else {}


def _forget() -> None:
    (paths.enrolments()).unlink(missing_ok=True)
    password = paths.under(PASSWORD)
    if password.is_file():
        password.unlink()
        password.parent.rmdir()


def _make(certificate: Path, key: Path) -> None:
    """A key of the host's own, as the distribution's dkms would make it at its first build."""
    if str(certificate) == UBUNTU[0] and shutil.which("update-secureboot-policy"):
        _run(["update-secureboot-policy", "--new-key"], {"SHIM_NOTRIGGER": "y"})
    else:
        for path in (certificate, key):
            files.make_folder(paths.under(str(path)).parent)
        subject = ["-subj", "/CN=DKMS module signing key", "-addext", "extendedKeyUsage=codeSigning"]
        where = ["-keyout", str(paths.under(str(key))), "-outform", "DER", "-out", str(paths.under(str(certificate)))]
        _run(["openssl", "req", "-new", "-x509", "-nodes", "-days", "36500", *subject, "-newkey", "rsa:2048", *where], {})
    if not paths.under(str(certificate)).is_file():
        raise FindingError("GH-MOK-FAILED", f"no key was made at {certificate}")


def _run(argv: list[str], environment: dict[str, str]) -> None:
    mask = os.umask(0o077)
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=LIMIT_S, check=False, env={**os.environ, **environment}
        )
    except FileNotFoundError as error:
        raise FindingError("GH-MOK-FAILED", f"{argv[0]} is not installed") from error
    finally:
        os.umask(mask)
    if done.returncode:
        raise FindingError("GH-MOK-FAILED", f"{argv[0]}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")


def _mokutil(arguments: list[str], given: str = "") -> tuple[int, str]:
    argv = ["mokutil", *arguments]
    try:
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError as error:
        raise FindingError("GH-MOK-FAILED", "mokutil is not installed") from error
    return done.returncode, f"{done.stdout}\n{done.stderr}"


def _is_ubuntu() -> bool:
    path = paths.under("/etc/os-release")
    return path.is_file() and "ID=ubuntu" in path.read_text(encoding="utf-8").splitlines()
