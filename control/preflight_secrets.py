"""Which roles a secret concerns, and whether a host has it at all."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from control import findings
from control.findings import Finding

#: Roles whose containers have secrets, in the order in which they run.
ROLES = ("services", "gateway")
#: Stands for all secrets of a service.
EVERY = "*"


def containers(plan: dict[str, Any], *of: str) -> list[dict[str, Any]]:
    """The containers of some of these roles, or of all of them; none where the plan has no such role."""
    return [one for role in of or ROLES for one in (plan["roles"].get(role) or {}).get("containers") or []]


def role_of(plan: dict[str, Any], service: str) -> str | None:
    """The role whose container the service is; None where this plan runs it nowhere."""
    return next((role for role in ROLES if service in _services(plan, role)), None)


def concerned(plan: dict[str, Any], names: Sequence[str]) -> dict[str, list[str]]:
    """Roles that have to run when these secrets (``service/name``) are others, in order, each with those that it uses.

    The gateway has some of its own, and shows services theirs in its users' place.
    """
    shown = {one["service"] for one in (plan["roles"].get("gateway") or {}).get("credentials") or []}
    wanted = {"services": _services(plan, "services"), "gateway": _services(plan, "gateway") | shown}
    found = {role: [one for one in names if one.partition("/")[0] in services] for role, services in wanted.items()}
    return {role: own for role, own in found.items() if own}


def unknown(host: str, plan: dict[str, Any], service: str, names: Sequence[str]) -> list[Finding]:
    """A finding for each name that no secret of the service has on this host."""
    own = [one for one in containers(plan) if one["service"] == service]
    rows = [row for one in own for row in [*one["secrets"], *(one["env_file"] or {}).get("secrets", [])]]
    known = [row["name"] for row in rows]
    return [
        findings.make(
            "GH-INPUT-UNKNOWN-SECRET",
            host,
            f"{service}.{name}: there is {', '.join(known) or 'none'}",
            near=next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.5)), ""),
        )
        for name in names
        if name != EVERY and name not in known
    ]


def _services(plan: dict[str, Any], role: str) -> set[str]:
    return {one["service"] for one in containers(plan, role)}
