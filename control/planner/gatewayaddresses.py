"""Where browsers and programs find a service through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner.gatewaynames import Names, decide_names, is_address
from control.planner.model import Context

if TYPE_CHECKING:
    from control.rows import Service

HTTPS = 443
#: A service's port on the network is that of its row and this: the row's own is taken on 127.0.0.1.
ABOVE = 10_000


def offered(ctx: Context, service: str) -> bool:
    """Whether the gateway leads to a service that runs on the host."""
    chosen = ctx.wishes["gateway_services"]
    return bool(ctx.wishes["gateway_enabled"]) and (not chosen or service in chosen)


def home_port(ctx: Context) -> int:
    """The port of the front page; -1 for what is no number, which no port has."""
    return _number(ctx.wishes["gateway_port"])


def port(ctx: Context, row: Service) -> int:
    """The port on the network: the site's where it names one, else the row's and 10,000. With a domain: the door's."""
    if ctx.wishes["gateway_domain"]:
        return home_port(ctx)
    return _number(ctx.wishes["gateway_ports"].get(row.id, row.port + ABOVE))


def _number(value: Any) -> int:
    return int(value) if str(value).isdigit() else -1


def own_names(row: Service, names: Names) -> list[str]:
    """By which names a service is reached: with a domain by one of its own, else by those of the front page."""
    return [f"{row.id}.{names.domain}"] if names.domain else list(names.all)


def origin(name: str, number: int) -> str:
    """An address with https; the port is left out where it is https's own."""
    host = f"[{name}]" if is_address(name) and ":" in name else name
    return f"https://{host}" if number == HTTPS else f"https://{host}:{number}"


def origins(ctx: Context, row: Service) -> list[str]:
    """Where a browser shows the service's pages through the gateway; none where it does not lead there."""
    if not offered(ctx, row.id):
        return []
    names, _ = decide_names(ctx)
    return [origin(name, port(ctx, row)) for name in own_names(row, names)]
