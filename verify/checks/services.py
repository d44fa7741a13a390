"""Services judged by what they say, not by a status code, and by who can reach them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..result import Result, compare, judged, unverifiable
from .context import Context, fetch

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
    if row["name"] == "jupyter" and health["status"]:
        answers["open"] = _with_token(row, ctx.root / SECRETS / "jupyter" / "token")
    return answers


def _with_token(row: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """How Jupyter takes the token that this host keeps: only the status, since the page lists the user's files.

    ``None`` where this process may not read the token; ``kept`` is False where there is none.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except PermissionError:
        return None
    except OSError as error:
        return {"status": 0, "error": error.strerror, "kept": False}
    answer = fetch(row["url"].rstrip("/") + PAGES["jupyter"]["closed"], {"Authorization": f"token {token}"}, SECONDS)
    return {"status": answer.status, "error": answer.error, "kept": True}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Per service: it answers, its health page says what it should, its own checks, and who can reach it."""
    results: list[Result] = []
    for row in expected.get("services") or []:
        pages = seen["services"].get(row["name"]) or {}
        results += [_answers(row, pages.get("health") or {}), _health(row, pages.get("health") or {})]
        if row["name"] in OWN:
            results += OWN[row["name"]](row, pages, expected)
        results.append(_exposure(row, seen["ports"]))
    return results


def needs(row: dict[str, Any]) -> tuple[str, ...]:
    """What a service's content depends on."""
    return (f"services.{row['name']}.answers",)


def logs(row: dict[str, Any]) -> str:
    """The next step that shows a service's own words."""
    return f"docker logs --tail 50 {row['container']}"


def _answers(row: dict[str, Any], page: dict[str, Any]) -> Result:
    said = f"HTTP {page['status']}" if page.get("status") else page.get("error") or "no answer"
    return judged(
        f"services.{row['name']}.answers",
        bool(page.get("status")),
        seen=said,
        wanted="an HTTP answer",
        why=f"{row['name']} runs but gives no answer at {row['url']}: {said}.",
        next=f"{logs(row)}; docker restart {row['container']}",
        needs=(f"containers.{row['name']}.running",),
    )


def _health(row: dict[str, Any], page: dict[str, Any]) -> Result:
    wanted, body = row["health"], page.get("body") or ""
    if "json" in wanted:
        said = _json(body)
        seen: Any = {key: said.get(key) for key in wanted["json"]} if isinstance(said, dict) else _start(body)
        ok, asked = seen == wanted["json"], wanted["json"]
    else:
        ok, asked = wanted["contains"] in body, f"contains {wanted['contains']}"
        seen = _start(body)
    return judged(
        f"services.{row['name']}.health",
        ok and page.get("status") == 200,
        seen=seen if page.get("status") == 200 else f"HTTP {page.get('status')}: {_start(body)}",
        wanted=asked,
        why=f"{row['name']} answers at {wanted['path']}, but not with what a working {row['name']} says: "
        f"{_start(body) or 'an empty page'}",
        next=logs(row),
        needs=needs(row),
    )


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _object(page: dict[str, Any] | None) -> dict[str, Any]:
    said = _json((page or {}).get("body") or "")
    return said if isinstance(said, dict) else {}


def _start(body: str) -> str:
    return " ".join(body.split())[:120]


def _exposure(row: dict[str, Any], ports: list[dict[str, Any]] | None) -> Result:
    id, where = f"services.{row['name']}.exposure", urlsplit(row["url"])
    if ports is None:
        return unverifiable(id, "the socket table could not be read", wanted=[where.hostname])
    seen = sorted({str(port["address"]) for port in ports if port["port"] == where.port})
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
        needs=(f"containers.{row['name']}.running", f"containers.{row['name']}.published"),
    )


def _ollama(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    version = _object(pages.get("version")).get("version")
    listed = _object(pages.get("tags")).get("models") or []
    names = sorted(str(model.get("name") or model.get("model")) for model in listed if isinstance(model, dict))
    return [
        judged(
            "services.ollama.version",
            isinstance(version, str) and bool(version),
            seen=version,
            wanted="a version",
            why="/api/version does not name a version: what listens there is not Ollama, or it is broken.",
            next=logs(row),
            needs=needs(row),
        ),
        *(_model(name, names, row) for name in row.get("models") or [row.get("model")] if name),
    ]


def _model(name: str, listed: list[str], row: dict[str, Any]) -> Result:
    full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return judged(
        f"services.ollama.model.{name.replace(':', '_').replace('/', '_')}",
        full in listed,
        seen=listed,
        wanted=full,
        why=f"Ollama does not have the model {full}: the apps that use it answer with an error.",
        next=f"gpuhost models pull {full}",
        needs=(*needs(row), "services.ollama.version"),
    )


def _anythingllm(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    page, setup = pages.get("page") or {}, _object(pages.get("setup")).get("results") or {}
    # The names that the services' network gives Ollama: its alias and its container's name.
    names = [name for one in expected["services"] if one["name"] == "ollama" for name in (one["name"], one["container"])]
    address = setup.get("OllamaLLMBasePath")
    title = page.get("body") or ""
    return [
        judged(
            "services.anythingllm.page",
            page.get("status") == 200 and "AnythingLLM" in title,
            seen=f"HTTP {page.get('status')}: {_start(title)}",
            wanted="HTTP 200 and AnythingLLM's page",
            why="The address that people open does not show AnythingLLM, although the service behind it may be well.",
            next=logs(row),
            needs=needs(row),
        ),
        compare(
            "services.anythingllm.llm_provider",
            seen=setup.get("LLMProvider"),
            wanted="ollama",
            why=f"AnythingLLM is set to {setup.get('LLMProvider') or 'no provider'}: what people ask it "
            "does not go to this host's GPU.",
            next="Settings > LLM in AnythingLLM, or LLM_PROVIDER in its .env; then restart its container.",
            needs=needs(row),
        ),
        judged(
            "services.anythingllm.llm_address",
            urlsplit(str(address)).hostname in names,
            seen=address,
            wanted=f"an address of {' or '.join(names)}",
            why=f"AnythingLLM asks {address or 'no address'} for its answers, and Ollama is not known by that name there.",
            next="Settings > LLM in AnythingLLM, or OLLAMA_BASE_PATH in its .env; then restart its container.",
            needs=(*needs(row), "services.anythingllm.llm_provider"),
        ),
    ]


def _jupyter(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    closed = (pages.get("closed") or {}).get("status")
    opened = pages.get("open", {"status": 0, "error": "not asked"})
    token_id = "services.jupyter.opens_with_token"
    if opened is None:
        with_token = unverifiable(token_id, "only root can read the token", wanted=200, next="Run it with sudo.")
    else:
        kept = opened.get("kept", True)
        with_token = compare(
            token_id,
            seen=opened["status"] if kept else opened["error"],
            wanted=200,
            why="JupyterLab refuses the token that this host keeps: nobody can log in."
            if kept
            else "This host no longer has the token of JupyterLab: nobody can look up how to log in.",
            next=f"docker restart {row['container']}: it reads its token file at start."
            if kept
            else "Run `gpuhost up` again.",
            needs=needs(row) if kept else (),
        )
    return [
        judged(
            "services.jupyter.version",
            bool(_object(pages.get("health")).get("version")),
            seen=_object(pages.get("health")).get("version"),
            wanted="a version",
            why="/api does not name a version: what listens there is not a Jupyter server, or it is broken.",
            next=logs(row),
            needs=(*needs(row), "services.jupyter.health"),
        ),
        compare(
            "services.jupyter.refuses_without_token",
            seen=closed,
            wanted=403,
            why="JupyterLab shows its files without a token: everyone who reaches the port runs programs on this host."
            if closed == 200
            else f"Without a token JupyterLab answers HTTP {closed}, not the refusal (403) it should.",
            next="Run `gpuhost up` again: it sets the token file.",
            needs=needs(row),
        ),
        with_token,
    ]


# What the services with checks of their own are asked beyond their health page, and who judges the answers.
# APIs:
# ollama docs/api.md; anything-llm server/endpoints/system.js; jupyter_server's REST API.
PAGES: dict[str, dict[str, str]] = {
    "ollama": {"version": "/api/version", "tags": "/api/tags"},
    "anythingllm": {"page": "/", "setup": "/api/setup-complete"},
    "jupyter": {"closed": "/api/contents"},
}
OWN: dict[str, Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], list[Result]]] = {
    "ollama": _ollama,
    "anythingllm": _anythingllm,
    "jupyter": _jupyter,
}
