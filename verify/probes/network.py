"""Whether this host reaches the addresses a plan needs. Only looked at when asked."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from .apt import without_secret

LIMIT_S = 5.0
PORTS = {"http": 80, "https": 443}


class Attempt:
    """One address being tried, and how far that got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.phase = "dns"
        self.answer: dict[str, Any] | None = None

    def finish(self, error: str | None, kind: str | None) -> None:
        self.answer = {"url": without_secret(self.url), "ok": error is None, "error": error, "kind": kind}

    def result(self) -> dict[str, Any]:
        if self.answer is None:
            said = "the name was not resolved" if self.phase == "dns" else "no answer"
            self.finish(f"{said} in {LIMIT_S:g} s", "dns" if self.phase == "dns" else "timeout")
        return self.answer or {}


def look_network(urls: list[str], certificates: list[str] | None = None) -> list[dict[str, Any]]:
    """One row per address, in the order given, all tried at once and each for at most :data:`LIMIT_S` seconds.

    `kind` is `dns`, `refused` (no connection: refused, reset, or no route), `timeout`, `tls` or `http` (an answer with an
    error status); None where all is well. An answer that asks for a registry token counts as reached.

    :param certificates: PEM texts of further CAs to trust, beside the system's.
    """
    trust = trusting(certificates or [])
    attempts = [Attempt(url) for url in urls]
    threads = [threading.Thread(target=try_one, args=(attempt, trust), daemon=True) for attempt in attempts]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LIMIT_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return [attempt.result() for attempt in attempts]


def trusting(certificates: list[str]) -> ssl.SSLContext:
    """The system's CAs and the given ones. Raises :class:`ValueError` for a text that is no certificate."""
    context = ssl.create_default_context()
    for number, pem in enumerate(certificates, 1):
        try:
            context.load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError) as problem:
            raise ValueError(f"CA certificate {number} is no PEM certificate: {problem}") from problem
    return context


def try_one(attempt: Attempt, trust: ssl.SSLContext) -> None:
    parts = urllib.parse.urlsplit(attempt.url)
    if parts.scheme not in PORTS or not parts.hostname:
        return attempt.finish("not an http or https address", "http")
    try:
        # A number, not the scheme's name: a bare host has no /etc/services to look it up in.
        socket.getaddrinfo(parts.hostname, parts.port or PORTS[parts.scheme])
        attempt.phase = "connect"
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))
        request = urllib.request.Request(attempt.url, headers={"User-Agent": "gpuhost"})
        opener.open(request, timeout=LIMIT_S).close()
    except Exception as problem:
        attempt.finish(*explain(problem))
    else:
        attempt.finish(None, None)


def explain(problem: Exception) -> tuple[str | None, str | None]:
    """Error and kind of what went wrong; both None for an answer that is as good as a page."""
    if isinstance(problem, urllib.error.HTTPError):
        wants_token = problem.code == 401 and "bearer" in (problem.headers.get("WWW-Authenticate") or "").lower()
        return (None, None) if wants_token else (f"HTTP {problem.code} {problem.reason}", "http")
    cause = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    kinds: list[tuple[type[BaseException], str]] = [
        (socket.gaierror, "dns"),
        (ssl.SSLError, "tls"),
        (socket.timeout, "timeout"),
        (OSError, "refused"),
    ]
    kind = next((name for sort, name in kinds if isinstance(cause, sort)), "http")
    return str(cause) or type(cause).__name__, kind
