"""Secrets that the site gives: for services that there are, under names that these have, and long enough."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from control.given_secrets import VARIABLE
from control.planner import gatewayusers
from control.planner.model import Context, Outcome

if TYPE_CHECKING:
    from control.findings import Finding
    from control.programrows import Secret
    from control.rows import Service


def decide(ctx: Context) -> Outcome:
    """Only findings; ``ctx.wishes`` has what is given without the values."""
    given = ctx.wishes[VARIABLE]
    return Outcome({}, findings=[*_problems(ctx, given)] if isinstance(given, Mapping) else [])


def of_service(service: Service) -> list[Secret]:
    """All that a service's row has: in files of their own, and in its environment file."""
    return [*service.secrets, *(service.env_file.secrets if service.env_file else [])]


def _problems(ctx: Context, given: Mapping[str, Any]) -> Iterable[Finding]:
    services = {row.id: row for row in ctx.table.services()}
    for name, values in given.items():
        if name not in services and name != gatewayusers.SERVICE:
            yield _unknown(ctx, name, [*services, gatewayusers.SERVICE])
            continue
        known = {row.name: row for row in (of_service(services[name]) if name in services else _of_gateway(ctx))}
        for key, seen in values.items():
            where = f"{VARIABLE}.{name}.{key}".rstrip(".")
            if not isinstance(seen, str) and key not in known:
                yield _unknown(ctx, where, known)
            elif problem := seen if isinstance(seen, str) else _unfit(services.get(name), known[key], seen):
                yield ctx.finding("GH-INPUT-SECRET", f"{where} {problem}")


def _of_gateway(ctx: Context) -> list[Secret]:
    """Those of the users that the site names, and the gateway's own."""
    users = gatewayusers.decide_users(ctx)[0]
    rows = [gatewayusers.secret_row(name) for name in gatewayusers.secret_names(users)]
    return [gatewayusers.SESSION_KEY, *(row for row in rows if row)]


def _unfit(service: Service | None, row: Secret, seen: Mapping[str, Any]) -> str:
    if seen["characters"] < row.at_least:
        return f"has fewer than {row.at_least} characters"
    if service and row not in service.secrets and not seen["plain"]:
        return f"holds a character that {service.name} would cut it at"
    return ""


def _unknown(ctx: Context, where: str, known: Iterable[str]) -> Finding:
    near = difflib.get_close_matches(where.rpartition(".")[2], list(known), n=1, cutoff=0.5)
    seen = f"{where}: there is {', '.join(known) or 'none'}"
    return ctx.finding("GH-INPUT-UNKNOWN-SECRET", seen, near=near[0] if near else "")
