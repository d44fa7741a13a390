"""Services judged by what they say, not by a status code, and by who can reach them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ..engine import EngineError
from ..redaction import Redactor
from ..result import Result, judged, unverifiable
from . import openwebui, running
from .context import Context, fetch
from .pages import healthy, parsed, start
from .running import logs
from .service_own import KEYED, OWN, PAGES, Keyed, needs

SECONDS = 10

# Where the role keeps a service's secrets (docs/architecture.md, paths on a target).
SECRETS = "etc/gpuhost/secrets"


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Each service's health page and what its own checks ask for; the socket table."""
    ports = ctx.snapshot.get("ports")
    services = expected.get("services") or []
    return {
        "ports": [row for row in ports if row.get("proto", "tcp").startswith("tcp")] if isinstance(ports, list) else None,
        "services": {row["name"]: _look(row, ctx) for row in services},
    }


def _look(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    base, others = row["url"].rstrip("/"), PAGES.get(row["name"], {})
    health = asdict(fetch(base + row["health"]["path"], seconds=SECONDS))
    # A service that gives no answer is not waited for again, page by page.
    reached = others.items() if health["status"] else ()
    answers: dict[str, Any] = {page: asdict(fetch(base + path, seconds=SECONDS)) for page, path in reached}
    answers["health"] = health
    if row["name"] in KEYED and health["status"]:
        answers |= _with_key(base, row["name"], KEYED[row["name"]], ctx)
    if row.get("settings") and health["status"]:
        answers["settings"] = openwebui.look(row, ctx)
    if health["status"] != 200 or not healthy(row["health"], health["body"]):
        answers["log"] = _last_words(row, ctx)
    return answers


def _with_key(base: str, service: str, keyed: Keyed, ctx: Context) -> dict[str, dict[str, Any] | None]:
    """How a service takes the key that this host keeps.

    ``None`` for a page where this process may not read the key; ``kept`` is False where there is none.
    """
    try:
        key = (ctx.root / SECRETS / service / keyed.secret).read_text(encoding="utf-8").strip()
    except PermissionError:
        return dict.fromkeys(keyed.pages)
    except OSError as error:
        return {page: {"status": 0, "error": error.strerror, "kept": False} for page in keyed.pages}
    found: dict[str, dict[str, Any] | None] = {}
    for page, path in keyed.pages.items():
        answer = fetch(base + path, {"Authorization": f"{keyed.scheme} {key}"}, SECONDS)
        # What a person keeps there is nobody's business.
        body = {"body": answer.body} if keyed.body else {}
        found[page] = {"status": answer.status, "error": answer.error, "kept": True, **body}
    return found


def _last_words(row: dict[str, Any], ctx: Context) -> str:
    """The end of a service's log, without what looks like a secret."""
    try:
        lines = [line.strip() for line in running.log(row, ctx, 20).splitlines() if line.strip()]
    except EngineError:
        return ""
    return Redactor().text(" | ".join(lines[-3:]))[-400:]


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Per service: it answers, its health page says what it should, its own checks, and who can reach it."""
    results: list[Result] = []
    for row in expected.get("services") or []:
        pages = seen["services"].get(row["name"]) or {}
        health, log = pages.get("health") or {}, pages.get("log") or ""
        results += [_answers(row, health, log), _health(row, health, log)]
        if row["name"] in OWN:
            results += OWN[row["name"]](row, pages, expected)
        results.append(_exposure(row, seen["ports"]))
    return results


def _answers(row: dict[str, Any], page: dict[str, Any], log: str) -> Result:
    said = f"HTTP {page['status']}" if page.get("status") else page.get("error") or "no answer"
    return judged(
        f"services.{row['name']}.answers",
        bool(page.get("status")),
        seen=said,
        wanted="an HTTP answer",
        why=f"{row['name']} runs but gives no answer at {row['url']}: {said}.{_quoted(log)}",
        next=f"{logs(row)}; {running.restart(row)}",
        needs=(running.running(row),),
    )


def _health(row: dict[str, Any], page: dict[str, Any], log: str) -> Result:
    wanted, body = row["health"], page.get("body") or ""
    if "json" in wanted:
        said = parsed(body)
        seen: Any = {key: said.get(key) for key in wanted["json"]} if isinstance(said, dict) else start(body)
        asked = wanted["json"]
    else:
        asked, seen = f"contains {wanted['contains']}", start(body)
    return judged(
        f"services.{row['name']}.health",
        healthy(wanted, body) and page.get("status") == 200,
        seen=seen if page.get("status") == 200 else f"HTTP {page.get('status')}: {start(body)}",
        wanted=asked,
        why=f"{row['name']} answers at {wanted['path']}, but not with what a working {row['name']} says: "
        f"{start(body) or 'an empty page'}.{_quoted(log)}",
        next=logs(row),
        needs=needs(row),
    )


def _quoted(log: str) -> str:
    return f" Its last lines: {log}" if log else ""


def _exposure(row: dict[str, Any], ports: list[dict[str, Any]] | None) -> Result:
    id, where = f"services.{row['name']}.exposure", urlsplit(row["url"])
    if ports is None:
        return unverifiable(id, "the socket table could not be read", wanted=[where.hostname])
    listeners = [port for port in ports if port["port"] == where.port and not running.is_bridge(port, [row])]
    seen = sorted({str(port["address"]) for port in listeners})
    # Docker publishes on every IPv6 address too when it is told every IPv4 address.
    planned = {where.hostname} | ({"::"} if where.hostname == "0.0.0.0" else set())
    beyond = [address for address in seen if address not in planned]
    return judged(
        id,
        bool(seen) and not beyond,
        seen=seen,
        wanted=[where.hostname],
        why=f"Something listens on port {where.port} at {', '.join(beyond)}: {row['name']} is open to "
        "others than planned, "
        "and Docker's rules come before a firewall's."
        if beyond
        else f"Nothing listens on {where.hostname}:{where.port}.",
        next=f"sudo ss -ltnp 'sport = :{where.port}'; then run `gpuhost up` again.",
        needs=(running.running(row), *([] if running.is_unit(row) else [f"containers.{row['name']}.published"])),
    )
