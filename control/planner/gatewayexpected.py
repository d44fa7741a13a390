"""What verify compares the gateway with."""

from __future__ import annotations

from typing import Any

from control.planner import gatewaynames
from control.planner.containers import PREFIX_OF_NAMES, secret_path
from control.planner.gatewaycontainers import data_folder
from control.planner.model import Context

#: Where Caddy keeps its authority's certificate, below its data folder.
CA = "caddy/pki/authorities/local/root.crt"


def gateway(ctx: Context) -> dict[str, Any] | None:
    """How the door is to be found, and whose key opens it for the checks; None without one."""
    part = ctx.parts["gateway"]
    if not part["enabled"]:
        return None
    home = part["home"]["origins"][0]
    # By an address no name comes in the handshake: only one of them can have its certificate shown.
    names = [name for name in part["names"] if name == part["default_name"] or not gatewaynames.is_address(name)]
    if ctx.wishes["gateway_domain"]:
        names += [site["host"] for site in part["sites"]]
    everything = [user["name"] for user in part["users"] if not user["services"]] or [part["users"][0]["name"]]
    return {
        "home": home,
        "bind": part["bind"],
        "ports": part["ports"],
        "certified": names,
        "ca": f"{data_folder(ctx)}/caddy/{CA}" if part["tls"]["issuer"] == "internal" else None,
        "key": secret_path("gateway", f"{everything[0]}.key"),
        "containers": [
            {
                **{key: one[key] for key in ("image", "devices", "groups", "override", "cap_add")},
                "name": one["name"].removeprefix(PREFIX_OF_NAMES),
                "container": one["name"],
                "gpu": False,
                # 0.0.0.0:443:443 as the checks see it: without the port inside.
                "published": [port.rpartition(":")[0] for port in one["ports"]],
            }
            for one in part["containers"]
        ],
        "sites": [_site(ctx, site) for site in part["sites"]],
    }


def _site(ctx: Context, site: dict[str, Any]) -> dict[str, Any]:
    """What is asked of one service: a page that its secret opens or its health page, and of what is closed one path each."""
    row = ctx.table.service(site["service"])
    shut = [path for path in site["closed"] if not path.endswith("/*")]
    # Where only some paths are open, one that nobody has stands for all others.
    closed = [*shut, *(["/gpuhost-is-closed"] if site["only"] else [])]
    path = row.gateway.credential.opens if row.gateway.credential else row.health.path
    return {"service": site["service"], "origin": site["origins"][0], "path": path, "closed": closed}
