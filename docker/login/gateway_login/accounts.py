"""Users as the host's role wrote them: names, hashes of passwords, keys of programs, and which services each may use."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from .sites import CONFIG

#: How the hashes that other tools write begin, and what Django calls their kind.
_FOREIGN = {"$argon2": "argon2", "$2a$": "bcrypt$", "$2b$": "bcrypt$", "$2y$": "bcrypt$"}


@dataclass(frozen=True)
class Account:
    """One user. ``services`` empty: every one. ``key`` is what programs show instead of a password."""

    name: str
    password: str
    key: str
    services: tuple[str, ...]

    def may_use(self, service: str) -> bool:
        return not self.services or service in self.services


class Accounts:
    """The accounts of the file, read again when it changes; Django's users are kept equal to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._known: Mapping[str, Account] = {}
        self._credentials: Mapping[str, str] = {}

    def refresh(self) -> None:
        """Django has these users and no other active ones."""
        try:
            found = (CONFIG / "users.json").stat()
        except FileNotFoundError:  # before the role first wrote it there is nobody
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp == self._stamp:
            return
        with self._lock:
            if stamp == self._stamp:
                return
            said = json.loads((CONFIG / "users.json").read_text(encoding="utf-8"))
            known = {one["name"]: Account(**{**one, "services": tuple(one["services"])}) for one in said["users"]}
            for account in known.values():
                values = {"password": as_django_writes(account.password), "is_active": True}
                User.objects.update_or_create(username=account.name, defaults=values)
            User.objects.exclude(username__in=known).update(is_active=False)
            self._known, self._credentials, self._stamp = known, said["credentials"], stamp

    def by_name(self, name: str) -> Account | None:
        return self._known.get(name)

    def credential(self, service: str) -> str | None:
        """What the gateway shows a service in Authorization in its users' place; None where it shows nothing."""
        return self._credentials.get(service)

    def by_key(self, key: str) -> Account | None:
        """The account whose key it is. Every one is compared, whether found or not."""
        same = [account for account in self._known.values() if account.key and constant_time_compare(account.key, key)]
        return same[0] if same else None


accounts = Accounts()


def as_django_writes(password_hash: str) -> str:
    """A hash that htpasswd, ``caddy hash-password`` or argon2 wrote, as Django keeps it; its own stay as they are."""
    kind = next((kind for beginning, kind in _FOREIGN.items() if password_hash.startswith(beginning)), "")
    # Of bcrypt's letters `y` is PHP's and Apache's for what everybody else calls `b`.
    return kind + password_hash.replace("$2y$", "$2b$", 1)


def address(request: HttpRequest) -> str:
    """Where a request comes from: the proxy, the only peer there is, says so, and takes nobody else's word for it."""
    return str(request.META.get("HTTP_X_FORWARDED_FOR") or request.META.get("REMOTE_ADDR") or "").split(",")[-1].strip()
