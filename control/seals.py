"""Which roles a host still needs: seals against what this repository and the plan ask for now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from control import given_secrets
from control.paths import ROLES_DIR, ROOT
from control.roles import ROLES, VERIFY, specification

#: Folders outside ``roles/`` whose files reach the host through a role.
SHIPPED = {
    "services": ("docker/jupyter",),
    # Its containers come about by the tasks of services.
    "gateway": ("docker/gateway", "docker/login", "roles/services/tasks"),
    VERIFY: ("verify",),
}
#: What a part of the plan names to be done once: gone from the plan when it is done, and no change of what is wanted.
PASSING = ("remove", "leftovers", "kernel_packages")
#: Why a role runs for the first time.
NEVER = "never sealed"
#: Why nobody knows whether a role has to run.
UNSEEN = "whether it is as sealed, only root can tell"
#: Roles that bring a site's certificates or keys to a host, or into an image, with the variables that name the files.
SITE_FILES = {
    "sources": ("sources_ca_certificates", "sources_apt_key"),
    "amdgpu": ("sources_amd_key",),
    "rocm": ("sources_amd_key",),
    "services": ("sources_ca_certificates", "sources_apt_key"),
    "gateway": ("sources_ca_certificates",),
}


def role_input(role: str, wishes: dict[str, Any], plan_part: dict[str, Any]) -> str:
    """Digest of everything that decides what ``role`` makes of a host.

    :param wishes: rendered public variables of all roles.
    :param plan_part: ``plan["roles"][role]``.
    """
    # Whether the host has the site's secrets, only the host can say: preflight asks it.
    own = {name: wishes[name] for name in sorted(specification(role)) if name in wishes and name != given_secrets.VARIABLE}
    lasting = {key: value for key, value in plan_part.items() if key not in PASSING}
    text = json.dumps([files_digest(role), own, lasting, _site_files(role, wishes)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def due(
    plan: dict[str, Any],
    seals: dict[str, Any],
    wishes: dict[str, Any],
    full: bool = False,
    also: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Roles that must run on a host, in order, each with the reason in a few words.

    ``verify`` runs after any other role, because what they changed has to be proven again.

    :param also: roles with a reason that no seal knows of.
    """
    reasons: dict[str, str] = {}
    for role in ROLES:
        reason = "asked for" if full else _reason(role, plan, seals.get(role), wishes) or also.get(role, "")
        if not reason and role == VERIFY and reasons:
            reason = "other roles ran"
        if reason:
            reasons[role] = reason
    return reasons


def drifted(seals: dict[str, Any]) -> list[dict[str, str]]:
    """Things that no longer match their seal: ``[{"role", "item", "difference"}]``."""
    return [
        {"role": role, "item": item_id, "difference": item.get("difference") or f"{item['sealed']} → {item['now']}"}
        for role in ROLES
        for item_id, item in (seals.get(role) or {}).get("items", {}).items()
        if not item["ok"]
    ]


def _reason(role: str, plan: dict[str, Any], seal: dict[str, Any] | None, wishes: dict[str, Any]) -> str:
    if not seal or "input" not in seal:
        return NEVER
    if seal.get("needs_root"):
        return UNSEEN
    if seal["input"] != role_input(role, wishes, plan["roles"][role]):
        return "what is wanted changed"
    if waiting := [key for key in PASSING if plan["roles"][role].get(key)]:
        return f"to be done: {', '.join(waiting).replace('_', ' ')}"
    changed = [item_id for item_id, item in seal["items"].items() if not item["ok"]]
    return f"drifted: {', '.join(changed)}" if changed else ""


def _site_files(role: str, wishes: dict[str, Any]) -> list[str]:
    """Digests of the site's own files that the role hands on: a renewed certificate keeps its path."""
    named = [wishes.get(name) or [] for name in SITE_FILES.get(role, ())]
    paths = [path for value in named for path in ([value] if isinstance(value, str) else value)]
    files = [Path(path).expanduser() for path in paths]
    return [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in files]


@cache
def files_digest(role: str) -> str:
    """sha256 over the role's files and those it ships: a changed task runs again."""
    digest = hashlib.sha256()
    for folder in (ROLES_DIR / role, *(ROOT / name for name in SHIPPED.get(role, ()))):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(Path(path).read_bytes())
    return digest.hexdigest()
