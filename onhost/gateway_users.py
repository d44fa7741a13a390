"""The file that the gateway's login service reads: users with hashes of their passwords, and what opens services for them.

Passwords stay in root's files; the service gets hashes, the keys that it compares and shows, and the services' own secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets as random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import files, paths
from .secrets import LETTERS_AND_DIGITS

#: scrypt as Django writes and reads it (django.contrib.auth.hashers.ScryptPasswordHasher of 5.2): 16 MiB for each try.
_N, _R, _P, _BYTES = 2**14, 8, 5, 64
_MEMORY = 64 * 1024 * 1024


def hashed(password: str, salt: str = "") -> str:
    """``scrypt$N$salt$r$p$hash``, with a salt of its own unless one is given."""
    salt = salt or "".join(random.choice(LETTERS_AND_DIGITS) for _ in range(22))
    raw = hashlib.scrypt(password.encode(), salt=salt.encode(), n=_N, r=_R, p=_P, dklen=_BYTES, maxmem=_MEMORY)
    return f"scrypt${_N}${salt}${_R}${_P}${base64.b64encode(raw).decode()}"


def fits(password: str, known: str) -> bool:
    """Whether ``known`` is a hash of ``password`` that :func:`hashed` made."""
    parts = known.split("$")
    return len(parts) == 6 and parts[0] == "scrypt" and hmac.compare_digest(hashed(password, parts[2]), known)


def write(
    path: str,
    users: Sequence[Mapping[str, Any]],
    credentials: Sequence[Mapping[str, str]],
    folder: str,
    gid: int,
    check: bool = False,
) -> bool:
    """The file says this, readable by its group alone; whether it said something else.

    :param users: ``{name, services, password_hash}``; without a hash the password is in ``<folder>/<name>.password``.
    :param credentials: ``{service, scheme, path}``: what the gateway shows a service in its users' place.
    :param folder: where the users' passwords and keys are.
    :raises FileNotFoundError: for a password, a key or a secret that has not been made.
    """
    target = paths.under(path)
    before = files.read_json(target) or {}
    known = {user["name"]: user["password"] for user in before.get("users", [])}
    wanted = {
        "users": [_user(user, known.get(user["name"], ""), folder) for user in users],
        "credentials": {one["service"]: f"{one['scheme']} {_read(one['path'])}" for one in credentials},
    }
    if wanted == before and _closed(target, gid):
        return False
    if not check:
        _replace(target, json.dumps(wanted, indent=1) + "\n", gid)
    return True


def _user(user: Mapping[str, Any], known: str, folder: str) -> dict[str, Any]:
    password = user.get("password_hash") or ""
    if not password:
        plain = _read(f"{folder}/{user['name']}.password")
        password = known if fits(plain, known) else hashed(plain)
    key = _read(f"{folder}/{user['name']}.key")
    return {"name": user["name"], "password": password, "key": key, "services": list(user.get("services") or [])}


def _read(path: str) -> str:
    return paths.under(path).read_text(encoding="utf-8").strip()


def _closed(target: Path, gid: int) -> bool:
    found = target.stat()
    return (found.st_gid, found.st_mode & 0o777) == (gid, 0o640)


def _replace(target: Path, text: str, gid: int) -> None:
    """Another file takes its place whole: whoever reads meanwhile sees the old one or the new one, and no half."""
    files.make_folder(target.parent)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchown(stream.fileno(), 0 if os.geteuid() == 0 else -1, gid)
            os.fchmod(stream.fileno(), 0o640)
            os.fsync(stream.fileno())
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    files.flush_folder(target.parent)
