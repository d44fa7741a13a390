"""Settings that an application keeps in its own database, as the site wants them; the role sets them through its API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from control.given_secrets import VARIABLE as GIVEN
from control.planner.containers import PREFIX_OF_NAMES, Filler, secret_path, url
from control.planner.model import Context

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Service

#: The variable with the address of a provider elsewhere, and the secret that opens it.
REMOTE, REMOTE_KEY = "services_openwebui_remote_url", "remote_key"


def decide(ctx: Context, services: Sequence[Service]) -> list[dict[str, Any]]:
    """``{service, api, url, container, env_file, wanted}`` of each service that keeps settings of its own."""
    return [_of(ctx, service, services) for service in services if service.settings]


def _of(ctx: Context, service: Service, services: Sequence[Service]) -> dict[str, Any]:
    fill = Filler(ctx, service)
    assert service.env_file is not None
    return {
        "service": service.id,
        "api": service.settings,
        "url": url(ctx, service),
        "container": f"{PREFIX_OF_NAMES}{service.id}",
        "env_file": fill(service.env_file.path),
        "wanted": {
            "sign_up": False,
            "role": "pending",
            "ollama": [fill(f"{{address:{one.id}}}") for one in services if one.models],
            "openai": [*_here(fill, services), *_remote(ctx, service)],
            "embedding": f"ollama: {ctx.wishes['services_embedding_model']}",
        },
    }


def _here(fill: Filler, services: Sequence[Service]) -> list[dict[str, str]]:
    """Services of this host that answer as OpenAI's API does, and the files of their keys."""
    return [
        {"url": fill(f"{{address:{one.id}}}") + one.openai.path, "key_file": secret_path(one.id, one.openai.key)}
        for one in services
        if one.openai
    ]


def _remote(ctx: Context, service: Service) -> list[dict[str, str]]:
    if _problem(ctx, service.id):
        return []
    return [{"url": str(ctx.wishes[REMOTE]).rstrip("/"), "key_file": secret_path(service.id, REMOTE_KEY)}]


def findings(ctx: Context, services: Sequence[Service]) -> list[Finding]:
    """A provider elsewhere that was asked for and cannot be used as it is."""
    asked = [one.id for one in services if one.settings] if ctx.wishes[REMOTE] else []
    problems = [_problem(ctx, service) for service in asked]
    return [ctx.finding("GH-INPUT-REMOTE", problem) for problem in problems if problem]


def _problem(ctx: Context, service: str) -> str:
    where = str(ctx.wishes[REMOTE])
    given = ctx.wishes[GIVEN]
    named = given.get(service) if isinstance(given, dict) else None
    if urlsplit(where).scheme != "https" or not urlsplit(where).hostname:
        return f"{REMOTE}: {where!r} is no https address"
    if not isinstance(named, dict) or REMOTE_KEY not in named:
        return f"{REMOTE} names {where}, and {GIVEN}.{service}.{REMOTE_KEY} is not given"
    return ""
