"""The door to the network: names, one address per service, who may log in, and the two containers that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner import guard, native, services
from control.planner.containers import aliases, literal, secret_path
from control.planner.gatewayaddresses import home_port, offered, origin, own_names, port
from control.planner.gatewaycontainers import HEALTH_PORT, LOGIN_ADDRESS, containers, images
from control.planner.gatewaynames import Names, bound, decide_names
from control.planner.gatewayusers import decide_users
from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.rows import Service

#: Where the two containers of the gateway, and nobody else, talk to each other.
NETWORK, BRIDGE = "gpuhost-gateway", f"{guard.BRIDGES}1"
#: The part of a host without a gateway: nothing is there, and what was there goes.
NOTHING: dict[str, Any] = {
    "enabled": False, "title": "", "names": [], "default_name": None, "ports": [], "bind": [], "home": None, "sites": [],
    "tls": None, "users": [], "credentials": [], "network": NETWORK, "bridge": BRIDGE, "images": [], "containers": [],
    "login": None, "login_address": None,
    "health_port": HEALTH_PORT,
}  # fmt: skip


def decide(ctx: Context) -> Outcome:
    """The part of the role ``gateway``."""
    if not ctx.wishes["gateway_enabled"]:
        return Outcome(dict(NOTHING))
    names, found = decide_names(ctx)
    users, wrong = decide_users(ctx)
    shown = offers(ctx)
    sites = [_site(ctx, row, names) for row in shown]
    ports = list(dict.fromkeys([home_port(ctx), *(site["port"] for site in sites)]))
    part = {
        "enabled": True,
        "title": title(ctx),
        "names": list(names.all),
        "ports": ports,
        "bind": list(bound(ctx)),
        "default_name": names.default,
        "home": {"port": home_port(ctx), "origins": [origin(name, home_port(ctx)) for name in names.home]},
        "sites": sites,
        "tls": _tls(ctx),
        "users": users,
        "credentials": _credentials(shown),
        "network": NETWORK,
        "bridge": BRIDGE,
        "images": images(ctx),
        "containers": [],
        "login_address": LOGIN_ADDRESS,
        "health_port": HEALTH_PORT,
    }
    part["containers"] = containers(ctx, part)
    part["login"] = _login(ctx, names, part)
    where = origin(names.home[0], home_port(ctx)) if names.home else "no name"
    what = f"{where}, {len(sites)} services behind it"
    return Outcome(
        part, [Decision("gateway", what, "gateway_enabled", "gateway.on")], [*found, *wrong, *_services(ctx), *_numbers(ctx)]
    )


def offers(ctx: Context) -> list[Service]:
    """The services that the gateway leads to, in the order in which they run."""
    return [row for row in services.enabled(ctx)[0] if offered(ctx, row.id)]


def _site(ctx: Context, row: Service, names: Names) -> dict[str, Any]:
    number, door = port(ctx, row), row.gateway
    called, on_host = own_names(row, names), native.is_native(ctx, row)
    return {
        "service": row.id,
        "title": row.name,
        "kind": door.kind,
        "port": number,
        "host": called[0] if names.domain else None,
        "origins": [origin(name, number) for name in called],
        "upstream": f"{aliases(row.id)[1 if on_host else 0]}:{row.port}",
        "on_host": on_host,
        "api": door.api,
        "closed": [form for path in door.closed for form in (path, f"{path}/*")],
        "only": list(door.only),
        "own_login": door.own_login,
        "query_token": door.query_token,
        "credential": door.credential is not None,
    }


def _tls(ctx: Context) -> dict[str, Any]:
    email = ctx.wishes["gateway_acme_email"]
    return {"issuer": "acme" if email else "internal", "email": email or None, "url": ctx.wishes["gateway_acme_url"] or None}


def title(ctx: Context) -> str:
    """What the host is called on the pages; the inventory calls the machine that gpuhost runs on localhost."""
    hostname = str(ctx.mapping("addresses").get("hostname") or "")
    return hostname if ctx.host == "localhost" and hostname else ctx.host


def _credentials(rows: list[Service]) -> list[dict[str, str]]:
    """What the gateway shows services in its users' place: their own secrets, by the files that hold them."""
    return [
        {"service": row.id, "scheme": shown.scheme, "path": secret_path(row.id, shown.secret)}
        for row in rows
        if (shown := row.gateway.credential)
    ]


def _login(ctx: Context, names: Names, part: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the login service (docker/login/gateway_login/sites.py)."""
    read = ("service", "title", "kind", "port", "host", "own_login", "query_token", "api")
    return {
        "title": part["title"],
        "names": [literal(name) for name in names.home],
        "port": part["home"]["port"],
        "cookie_domain": names.domain,
        "session_hours": ctx.wishes["gateway_session_hours"],
        "attempts": ctx.wishes["gateway_login_attempts"],
        "pause_minutes": ctx.wishes["gateway_login_pause"],
        "own_ca": part["tls"]["issuer"] == "internal",
        "simulated": ctx.simulated,
        "gpus": [f"{gpu.name} ({gpu.gfx})" for gpu in ctx.used],
        "sites": [{key: site[key] for key in read} for site in part["sites"]],
    }


def _services(ctx: Context) -> list[Any]:
    """Services that the gateway is told of and that this host does not run."""
    known = {row.id for row in services.enabled(ctx)[0]}
    asked = [*ctx.wishes["gateway_services"], *ctx.wishes["gateway_ports"]]
    return [
        ctx.finding("GH-INPUT-GATEWAY", f"{name} is to be reached through the gateway and is not among services_enabled")
        for name in dict.fromkeys(asked)
        if name not in known
    ]


def _numbers(ctx: Context) -> list[Any]:
    """Numbers that would let nobody in, or lock nobody out."""
    asked = {name: ctx.wishes[name] for name in ("gateway_session_hours", "gateway_login_attempts", "gateway_login_pause")}
    return [
        ctx.finding("GH-INPUT-GATEWAY", f"{name} is {number}, must be at least 1")
        for name, number in asked.items()
        if number < 1
    ]
