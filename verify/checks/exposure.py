"""What of this host answers on the network: no container of gpuhost's but the gateway, and the rules that keep it so."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..result import Result, judged, unverifiable
from .context import Context, Ran, run
from .running import is_bridge

OURS = "gpuhost-"


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """The listening sockets, and the table of rules as the kernel has it."""
    table = expected.get("guard") or {}
    argv = ["nft", "--stateless", "list", "table", table.get("family", ""), table.get("name", "")]
    rules = run(argv, 10, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) if table else Ran(0)
    ports = ctx.snapshot.get("ports")
    return {
        "ports": ports if isinstance(ports, list) else None,
        "rules": {"rc": rules.rc, "text": rules.out, "error": rules.last_line},
        "as_root": bool(ctx.snapshot.get("as_root")),
    }


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """The sockets, then the rules where the plan has them."""
    results = [_listeners(seen["ports"], expected)] if expected.get("services") or expected.get("gateway") else []
    return [*results, _rules(seen, expected["guard"])] if expected.get("guard") else results


def _listeners(ports: Sequence[Mapping[str, Any]] | None, expected: Mapping[str, Any]) -> Result:
    id, door = "exposure.network.listeners", expected.get("gateway") or {}
    planned = sorted(door.get("ports") or [])
    wanted = f"of gpuhost's, the gateway alone, on {', '.join(map(str, planned))}" if planned else "nothing of gpuhost's"
    if ports is None:
        return unverifiable(id, "the socket table could not be read", wanted=wanted)
    services = expected.get("services") or []
    beyond = [row for row in ports if not (ipaddress.ip_address(row["address"]).is_loopback or is_bridge(row, services))]
    inside = {urlsplit(row["url"]).port for row in services}
    wrong = [row for row in beyond if row["port"] not in planned and (row["port"] in inside or _is_ours(row))]
    where = ", ".join(sorted({f"{row['address']} port {row['port']}" for row in wrong}))
    return judged(
        id,
        not wrong,
        seen=sorted({f"{row['port']} ({row.get('container') or row.get('process') or 'unknown'})" for row in beyond}),
        wanted=wanted,
        why=f"A service listens on {where}: who reaches this host reaches it without TLS and past the gateway's login.",
        next=f"sudo ss -ltnp 'sport = :{wrong[0]['port']}'; then run `gpuhost up` again." if wrong else "",
    )


def _is_ours(row: Mapping[str, Any]) -> bool:
    return str(row.get("container") or "").startswith(OURS)


def _rules(seen: Mapping[str, Any], table: Mapping[str, str]) -> Result:
    id, rules = "exposure.loopback.rules", seen["rules"]
    if rules["rc"] and not seen["as_root"]:
        return unverifiable(id, "only root may read the rules", wanted="loaded", next="Run it with sudo.")
    drops = rules["text"].count("drop")
    return judged(
        id,
        rules["rc"] == 0 and drops >= table["drops"],
        seen=f"{drops} rules that drop" if rules["rc"] == 0 else rules["error"],
        wanted=f"the table {table['family']} {table['name']} with {table['drops']} rules that drop",
        why="The rules are gone that keep what is published on 127.0.0.1 from the same network segment: engines before 28 "
        "let machines there in (moby#45610).",
        next=f"sudo systemctl restart {table['unit']}",
    )
