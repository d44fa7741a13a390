"""Ports on the host: usable, free, and not open to the world."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from control.planner import gateway, gatewayaddresses
from control.planner.containers import PREFIX_OF_NAMES, host_port
from control.planner.gatewaycontainers import HEALTH_PORT
from control.planner.gatewaynames import bound
from control.planner.model import Context, Outcome
from control.planner.services import enabled

if TYPE_CHECKING:
    from control.findings import Finding

#: How `ss`, the engine and a configuration write "every address": a port there is taken on all of them.
WILDCARDS = ("0.0.0.0", "::", "*", "")


@dataclass(frozen=True)
class Listener:
    """What is to listen: for whom, where, and the setting that moves it."""

    name: str
    bind: tuple[str, ...]
    port: int
    asked: Any
    setting: str


def decide(ctx: Context) -> Outcome:
    """Only findings: the ports themselves stand in the parts of the services and the gateway."""
    bind = str(ctx.wishes["services_bind_address"])
    door = _gateway(ctx)
    wanted = [*_services(ctx, bind), *door]
    return Outcome({}, findings=[*_address(ctx, bind), *_unusable(ctx, wanted), *_inside(ctx, door), *_taken(ctx, wanted)])


def _services(ctx: Context, bind: str) -> list[Listener]:
    asked = ctx.wishes["services_ports"]
    return [
        Listener(row.id, (bind,), host_port(ctx, row), asked.get(row.id, row.port), f"services_ports: {{{row.id}: FREE}}")
        for row in enabled(ctx)[0]
    ]


def _gateway(ctx: Context) -> list[Listener]:
    """The front page and, where services have no names of their own, a port for each."""
    if not ctx.wishes["gateway_enabled"]:
        return []
    bind, asked = bound(ctx), ctx.wishes["gateway_ports"]
    home = gatewayaddresses.home_port(ctx)
    found = [Listener("the gateway", bind, home, ctx.wishes["gateway_port"], "gateway_port: FREE")]
    if ctx.wishes["gateway_domain"]:
        return found
    for row in gateway.offers(ctx):
        port, setting = gatewayaddresses.port(ctx, row), f"gateway_ports: {{{row.id}: FREE}}"
        found.append(Listener(f"{row.id} behind the gateway", bind, port, asked.get(row.id, port), setting))
    return found


def _address(ctx: Context, bind: str) -> list[Finding]:
    """Services listen for this host alone: they have no TLS, and not all of them a login."""
    try:
        inside = bind not in WILDCARDS and ipaddress.ip_address(bind).is_loopback
    except ValueError:
        seen = f"services_bind_address is {bind!r}, must be an IP address"
        return [ctx.finding("GH-INPUT-TYPE", seen, variable="services_bind_address")]
    return [] if inside else [ctx.finding("GH-PORT-OPEN", f"services_bind_address is {bind!r}")]


def _unusable(ctx: Context, wanted: Sequence[Listener]) -> list[Finding]:
    found = [
        ctx.finding("GH-INPUT-PORT", f"{one.name} is to have port {one.asked!r}")
        for one in wanted
        if not 1 <= one.port <= 65535
    ]
    for port in sorted({one.port for one in wanted}):
        sharing = [one.name for one in wanted if one.port == port]
        if len(sharing) > 1:
            found.append(ctx.finding("GH-INPUT-PORT", f"{' and '.join(sharing)} are both to have port {port}"))
    return found


def _inside(ctx: Context, door: Sequence[Listener]) -> list[Finding]:
    """The proxy listens inside of its container on the ports that it has outside, and on one more."""
    return [
        ctx.finding("GH-INPUT-PORT", f"{one.name} and the gateway's own health check are both to have port {HEALTH_PORT}")
        for one in door
        if one.port == HEALTH_PORT
    ]


def _taken(ctx: Context, wanted: Sequence[Listener]) -> list[Finding]:
    found = []
    busy = {row["port"] for row in ctx.rows("ports")} | {one.port for one in wanted}
    for one in wanted:
        holder = next((row for row in ctx.rows("ports") for bind in one.bind if _collides(row, bind, one.port)), None)
        if holder is None or _is_ours(ctx, holder) or _hidden(ctx, holder):
            continue
        who = _holder(ctx, holder)
        free = next(number for number in range(one.port + 1, 65536) if number not in busy)
        seen = f"port {one.port}, wanted by {one.name}, is held by {who} on {holder['address']}"
        setting = one.setting.replace("FREE", str(free))
        found.append(ctx.finding("GH-PORT-TAKEN", seen, service=one.name, holder=who, setting=setting))
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
