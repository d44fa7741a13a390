"""The door to the network: names, one address per service, who may log in, and the two containers that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner import guard, services
from control.planner.containers import literal, secret_path
from control.planner.gatewaycontainers import LOGIN_ADDRESS, containers, images
from control.planner.gatewaynames import Names, decide_names
from control.planner.gatewayusers import decide_users
from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.rows import Service

#: Where the two containers of the gateway, and nobody else, talk to each other.
NETWORK, BRIDGE = "gpuhost-gateway", f"{guard.BRIDGES}1"
HTTPS = 443
#: A service's port on the network is that of its row and this: the row's own is taken on 127.0.0.1.
ABOVE = 10_000
#: The part of a host without a gateway: nothing is there, and what was there goes.
NOTHING: dict[str, Any] = {
    "enabled": False, "title": "", "names": [], "default_name": None, "ports": [], "bind": [], "home": None, "sites": [],
    "tls": None, "users": [], "credentials": [], "network": NETWORK, "bridge": BRIDGE, "images": [], "containers": [],
    "login": None, "login_address": None,
}  # fmt: skip


def decide(ctx: Context) -> Outcome:
    """The part of the role ``gateway``."""
    if not ctx.wishes["gateway_enabled"]:
        return Outcome(dict(NOTHING))
    names, found = decide_names(ctx)
    users, wrong = decide_users(ctx)
    offered = offers(ctx)
    sites = [_site(ctx, row, names) for row in offered]
    ports = list(dict.fromkeys([home_port(ctx), *(site["port"] for site in sites)]))
    part = {
        "enabled": True,
        "title": title(ctx),
        "names": list(names.all),
        "ports": ports,
        "bind": [str(one) for one in ctx.wishes["gateway_bind_addresses"]],
        "default_name": names.default,
        "home": {"port": home_port(ctx), "origins": [origin(name, home_port(ctx)) for name in names.home]},
        "sites": sites,
        "tls": _tls(ctx),
        "users": users,
        "credentials": _credentials(ctx, offered),
        "network": NETWORK,
        "bridge": BRIDGE,
        "images": images(ctx),
        "containers": [],
        "login_address": LOGIN_ADDRESS,
    }
    part["containers"] = containers(ctx, part)
    part["login"] = _login(ctx, names, part)
    where = origin(names.home[0], home_port(ctx)) if names.home else "no name"
    what = f"{where}, {len(sites)} services behind it"
    return Outcome(part, [Decision("gateway", what, "gateway_enabled", "gateway.on")], [*found, *wrong, *_services(ctx)])


def offers(ctx: Context) -> list[Service]:
    """The services that the gateway leads to, in the order in which they run."""
    chosen = ctx.wishes["gateway_services"]
    return [row for row in services.enabled(ctx)[0] if not chosen or row.id in chosen]


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


def origin(name: str, number: int) -> str:
    """An address with https; the port is left out where it is https's own."""
    return f"https://{literal(name)}" if number == HTTPS else f"https://{literal(name)}:{number}"


def _site(ctx: Context, row: Service, names: Names) -> dict[str, Any]:
    number, door = port(ctx, row), row.gateway
    own_names = [f"{row.id}.{names.domain}"] if names.domain else list(names.all)
    return {
        "service": row.id,
        "title": row.name,
        "kind": door.kind,
        "port": number,
        "host": own_names[0] if names.domain else None,
        "origins": [origin(name, number) for name in own_names],
        "upstream": f"{row.id}:{row.port}",
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


def _credentials(ctx: Context, offered: list[Service]) -> list[dict[str, str]]:
    """What the gateway shows services in its users' place: their own secrets, by the files that hold them."""
    return [
        {"service": row.id, "scheme": shown.scheme, "path": secret_path(row.id, shown.secret)}
        for row in offered
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
