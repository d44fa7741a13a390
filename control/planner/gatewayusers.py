"""Who may log in at the gateway. Passwords and keys are the host's to make; a site may give hashes instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.planner import services
from control.planner.model import Context
from control.programrows import Secret

if TYPE_CHECKING:
    from control.findings import Finding

#: The one user of a site that names none.
DEFAULT = "admin"
#: What the gateway's secrets stand under: in `services_secrets`, on the host, and where they are shown and renewed.
SERVICE = "gateway"
SESSION_KEY = Secret(name="session_key", length=64, purpose="signs what the login service gives browsers", at_least=50)
#: Fit for a file's name, a log line and a login.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
#: What htpasswd, ``caddy hash-password`` and argon2 write.
_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[+/A-Za-z0-9]+\$[+/A-Za-z0-9]+")


def decide_users(ctx: Context) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The users without their hashes, which stay out of the plan, and what is wrong with the site's list."""
    asked = ctx.wishes["gateway_users"] or [{"name": DEFAULT}]
    known = {row.id for row in services.enabled(ctx)[0]}
    users, wrong = [], []
    for row in asked:
        name, hashed = str(row.get("name") or ""), bool(row.get("password_hash"))
        wrong += [ctx.finding("GH-INPUT-GATEWAY", f"the user {name!r} {what}") for what in _problems(row, name, known)]
        users.append({"name": name, "services": list(row.get("services") or []), "hashed": hashed})
    names = [str(one["name"]) for one in users]
    twice = sorted({name for name in names if names.count(name) > 1})
    return users, [*wrong, *(ctx.finding("GH-INPUT-GATEWAY", f"the user {name!r} is listed twice") for name in twice)]


def _problems(row: Mapping[str, Any], name: str, known: set[str]) -> list[str]:
    """What is wrong with one user, in words. The hash itself is never quoted."""
    found = []
    if not _NAME.fullmatch(name):
        found.append("needs a name of small letters, digits, - and _, 31 at most")
    if row.get("password_hash") and not _HASH.fullmatch(str(row["password_hash"])):
        found.append("has a password_hash that is neither bcrypt nor argon2id: `htpasswd -nB` makes one")
    strange = [one for one in row.get("services") or [] if one not in known]
    return [*found, *(f"may use {one}, which is not among services_enabled" for one in strange)]


def secret_row(name: str) -> Secret | None:
    """What is known of a secret of the gateway by its name, ``alice.password`` or ``alice.key``; None for any other name."""
    user, _, kind = name.partition(".")
    if name == SESSION_KEY.name:
        return SESSION_KEY
    if not _NAME.fullmatch(user) or kind not in ("password", "key"):
        return None
    purpose = f"lets {user} in at the gateway" if kind == "password" else f"what programs of {user} show the gateway"
    return Secret(name=name, length=32, purpose=purpose, for_people=True)


def secret_names(users: list[dict[str, Any]]) -> list[str]:
    """The secrets of these users of a plan; without a password where the site gives its hash."""
    kinds = [(user["name"], ["key"] if user["hashed"] else ["password", "key"]) for user in users]
    return [f"{name}.{kind}" for name, of_user in kinds for kind in of_user]
