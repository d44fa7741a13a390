"""The page that shows what this host offers, and what it is made of."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from .accounts import Account, accounts
from .sites import STATE, Site, gateway
from .verify import without_port

_STATIC = {"gateway.css": "text/css", "gateway.js": "text/javascript"}
#: Seconds after which what is known of the services is no longer said to be so.
STALE_S = 180


@require_GET
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The services of the user who looks, with their addresses as this user reaches them."""
    account = _account(request)
    host, seen = gateway().cookie_domain or without_port(request.get_host()), _seen()
    offered = [_shown(site, host, seen) for site in gateway().sites.values() if account.may_use(site.service)]
    values = {
        "account": account,
        "pages": [one for one in offered if one["site"].kind == "page"],
        "programs": [one for one in offered if one["site"].kind == "api"],
        "seen": seen,
        "jupyter": next((one for one in offered if one["site"].query_token), None),
        "home": f"https://{request.get_host()}",
    }
    return render(request, "index.html", values)


@require_GET
@login_required
def state(request: HttpRequest) -> HttpResponse:
    """What the open page asks again and again."""
    account, seen = _account(request), _seen()
    mine = {name: one for name, one in seen["services"].items() if account.may_use(name)}
    return JsonResponse({**seen, "services": mine})


@require_POST
@login_required
def key(request: HttpRequest) -> HttpResponse:
    """The user's own key for programs; a POST, so that no other page can have it fetched."""
    answer = JsonResponse({"key": _account(request).key})
    answer["Cache-Control"] = "no-store"
    return answer


@require_GET
def static(request: HttpRequest, name: str) -> HttpResponse:
    if name not in _STATIC:
        raise Http404
    content = (Path(__file__).parent / "static" / name).read_bytes()
    return HttpResponse(content, content_type=_STATIC[name], headers={"Cache-Control": "max-age=300"})


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Asked by the engine, through the proxy too."""
    return HttpResponse("ok", content_type="text/plain")


def _account(request: HttpRequest) -> Account:
    account = accounts.by_name(request.user.get_username())
    if account is None:  # taken off the list this very moment
        raise Http404
    return account


def _shown(site: Site, host: str, seen: dict[str, Any]) -> dict[str, Any]:
    here = seen["services"].get(site.service, {})
    address = site.origin(host)
    return {
        "site": site,
        "address": address,
        "api": f"{address}{site.api}",
        "state": here.get("state", "unknown"),
        "stand_in": here.get("stand_in", ""),
        "models": here.get("models", []),
    }


def _seen() -> dict[str, Any]:
    """What a timer on the host wrote down last; without it, or where that was long ago, nothing is known."""
    nothing: dict[str, Any] = {"services": {}, "gpus": [], "taken_at": 0, "ca_sha256": ""}
    try:
        said = json.loads((STATE / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return nothing
    if time.time() - float(said.get("taken_at") or 0) > STALE_S:
        return {**nothing, "ca_sha256": said.get("ca_sha256", "")}
    return {**nothing, **said}
