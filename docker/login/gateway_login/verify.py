"""The answer to the proxy's question: may this request pass, and as whom?"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs, quote, urlsplit

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from .accounts import Account, accounts
from .sites import Site, gateway, origin

#: Where a program shows its key to a service that wants Authorization for itself.
KEY_HEADER = "X-Gateway-Key"


def verify(request: HttpRequest, service: str) -> HttpResponse:
    """204 lets the request pass; anything else goes to the client in its place.

    The proxy asks with the client's headers, and the address and the method in headers of its own.
    """
    site = gateway().sites.get(service)
    if site is None:
        return JsonResponse({"error": "there is no such service here"}, status=404)
    account = _by_session(request) or _by_key(request, site) or _by_password(request, site)
    if account is None:
        return _refused(request)
    if not account.may_use(service):
        return _not_for_this_user(request, site, account)
    answer = HttpResponse(status=204)
    answer["X-Gateway-User"] = account.name
    if credential := accounts.credential(service):
        answer["X-Gateway-Authorization"] = credential
    return answer


def _by_session(request: HttpRequest) -> Account | None:
    return accounts.by_name(request.user.get_username()) if request.user.is_authenticated else None


def _by_key(request: HttpRequest, site: Site) -> Account | None:
    """A key in a header of ours; where Authorization is the gateway's, there too; in the address, as Jupyter's do."""
    shown = [request.headers.get(KEY_HEADER, "")]
    if not site.own_login:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        shown += [value.strip()] if scheme.lower() in ("bearer", "token") else []
        shown += [_basic(request)[1]]
    if site.query_token:
        query = urlsplit(request.headers.get("X-Forwarded-Uri", "")).query
        shown += parse_qs(query).get("token", [])[:1]
    return next((found for key in shown if key and (found := accounts.by_key(key))), None)


def _by_password(request: HttpRequest, site: Site) -> Account | None:
    """Name and password, as `curl --user` sends them; failures count as at the login page."""
    if site.own_login:
        return None
    name, password = _basic(request)
    user = authenticate(request, username=name, password=password) if name and password else None
    return accounts.by_name(user.get_username()) if user else None


def _basic(request: HttpRequest) -> tuple[str, str]:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _is_a_person(request: HttpRequest) -> bool:
    """Whether a browser opens a page; what a page or a program fetches is told in its own language."""
    method = request.headers.get("X-Forwarded-Method", "GET")
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return method == "GET" and mode == "navigate" and "text/html" in request.headers.get("Accept", "")


def _refused(request: HttpRequest) -> HttpResponse:
    if getattr(request, "axes_locked_out", False):
        return JsonResponse({"error": "too many failed logins: wait a little"}, status=429)
    if not _is_a_person(request):
        answer = JsonResponse({"error": "log in first, or send your key: Authorization: Bearer KEY"}, status=401)
        answer["WWW-Authenticate"] = 'Bearer realm="gpuhost"'
        return answer
    here = f"https://{request.get_host()}"
    wanted = f"{here}{request.headers.get('X-Forwarded-Uri', '/')}"
    host = gateway().cookie_domain or without_port(request.get_host())
    return HttpResponseRedirect(f"{origin(host, gateway().port)}/login?next={quote(wanted, safe='')}")


def _not_for_this_user(request: HttpRequest, site: Site, account: Account) -> HttpResponse:
    if not _is_a_person(request):
        return JsonResponse({"error": f"{account.name} may not use {site.title}"}, status=403)
    host = gateway().cookie_domain or without_port(request.get_host())
    values = {"site": site, "account": account, "page": origin(host, gateway().port)}
    return render(request, "forbidden.html", values, status=403)


def without_port(host: str) -> str:
    return host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
