"""Ports on the host: usable, free, and not open to the world."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.planner.containers import PREFIX_OF_NAMES, host_port
from control.planner.model import Context, Outcome
from control.planner.services import enabled

if TYPE_CHECKING:
    from control.findings import Finding

#: How `ss`, the engine and a configuration write "every address": a port there is taken on all of them.
WILDCARDS = ("0.0.0.0", "::", "*", "")


def decide(ctx: Context) -> Outcome:
    """Only findings: the ports themselves stand in the services' part."""
    bind = str(ctx.wishes["services_bind_address"])
    wanted = {service.id: host_port(ctx, service) for service in enabled(ctx)[0]}
    return Outcome({}, findings=[*_address(ctx, bind), *_unusable(ctx, wanted), *_taken(ctx, bind, wanted)])


def _address(ctx: Context, bind: str) -> list[Finding]:
    if bind in WILDCARDS:
        return [ctx.finding("GH-PORT-OPEN", f"services_bind_address is {bind!r}")]
    try:
        ipaddress.ip_address(bind)
    except ValueError:
        seen = f"services_bind_address is {bind!r}, must be an IP address"
        return [ctx.finding("GH-INPUT-TYPE", seen, variable="services_bind_address")]
    return []


def _unusable(ctx: Context, wanted: Mapping[str, int]) -> list[Finding]:
    found = [
        ctx.finding("GH-INPUT-PORT", f"{service} is to have port {ctx.wishes['services_ports'].get(service, port)!r}")
        for service, port in wanted.items()
        if not 1 <= port <= 65535
    ]
    for port in sorted(set(wanted.values())):
        sharing = [service for service, one in wanted.items() if one == port]
        if len(sharing) > 1:
            found.append(ctx.finding("GH-INPUT-PORT", f"{' and '.join(sharing)} are both to have port {port}"))
    return found


def _taken(ctx: Context, bind: str, wanted: Mapping[str, int]) -> list[Finding]:
    found = []
    busy = {row["port"] for row in ctx.rows("ports")} | set(wanted.values())
    for service, port in wanted.items():
        holder = next((row for row in ctx.rows("ports") if _collides(row, bind, port)), None)
        if holder is None or _is_ours(ctx, holder) or _hidden(ctx, holder):
            continue
        who = _holder(ctx, holder)
        free = next(number for number in range(port + 1, 65536) if number not in busy)
        seen = f"port {port}, wanted by {service}, is held by {who} on {holder['address']}"
        found.append(ctx.finding("GH-PORT-TAKEN", seen, service=service, holder=who, free=free))
    return found


def _collides(row: Mapping[str, Any], bind: str, port: int) -> bool:
    if row["port"] != port or not str(row.get("proto", "tcp")).startswith("tcp"):
        return False
    return bind in WILDCARDS or row["address"] in (bind, *WILDCARDS)


def _publisher(ctx: Context, row: Mapping[str, Any]) -> str | None:
    """The running container that publishes this port. The engine listens for it, so the process does not tell."""
    if row.get("container"):
        return str(row["container"])
    for container in ctx.mapping("engine").get("containers") or []:
        published = {port.get("host_port") for port in container.get("ports") or [] if isinstance(port, Mapping)}
        if container.get("state") == "running" and row["port"] in published:
            return str(container["name"])
    return None


def _is_ours(ctx: Context, row: Mapping[str, Any]) -> bool:
    return (_publisher(ctx, row) or row.get("unit") or "").startswith(PREFIX_OF_NAMES)


def _hidden(ctx: Context, row: Mapping[str, Any]) -> bool:
    """Whether only root could tell whose it is: it may well be a container of ours."""
    return not row.get("process") and "engine" in (ctx.snapshot.get("needs_root") or [])


def _holder(ctx: Context, row: Mapping[str, Any]) -> str:
    if name := _publisher(ctx, row):
        return f"the container {name}"
    process, pid = row.get("process"), row.get("pid")
    return f"{process} (process {pid})" if process else "a process that only root may name"
