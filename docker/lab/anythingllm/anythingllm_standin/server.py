"""The endpoints over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import HEADER, NAME, documents
from .application import Application, Reply

Endpoint = Callable[[Application, dict[str, Any]], Reply]
OPEN: dict[tuple[str, str], Endpoint] = {
    ("GET", "/api/ping"): lambda app, body: app.ping(),
    ("GET", "/api/onboarding"): lambda app, body: app.onboarding(),
    ("GET", "/api/setup-complete"): lambda app, body: app.setup_complete(),
    ("GET", "/api/env-dump"): lambda app, body: app.env_dump(),
    ("GET", "/api/utils/metrics"): lambda app, body: app.metrics(),
    ("POST", "/api/request-token"): Application.request_token,
}
LOGIN: dict[tuple[str, str], Endpoint] = {
    ("GET", "/api/system/check-token"): lambda app, body: (200, "OK"),
    ("POST", "/api/system/custom-models"): Application.custom_models,
    ("POST", "/api/system/generate-api-key"): lambda app, body: documents.generate_key(app.database, body),
}
#: For programs: they get the kind and the bytes of what was sent.
KEYED: dict[tuple[str, str], Callable[[Application, str, bytes], Reply]] = {
    ("POST", "/api/v1/document/upload"): lambda app, kind, body: documents.upload(app.root / "storage", kind, body),
    ("GET", "/api/v1/documents"): lambda app, kind, body: documents.listed(app.root / "storage"),
}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._handle("GET")

    def do_HEAD(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, answer = self._reply(method, self.path.split("?")[0], body)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr, flush=True)
            status, answer = 500, "Internal Server Error"
        self._send(status, answer)

    def _reply(self, method: str, path: str, body: bytes) -> Reply:
        app = self.server.app
        if not path.startswith("/api/"):
            return app.page() if method == "GET" else (404, "Not Found")
        authorization = self.headers.get("Authorization") or ""
        if keyed := KEYED.get((method, path)):
            refused = documents.refused(app.database, authorization)
            return documents.REFUSED if refused else keyed(app, self.headers.get("Content-Type") or "", body)
        endpoint = OPEN.get((method, path))
        if endpoint is None:
            endpoint = LOGIN.get((method, path))
            reason = app.refused(authorization)
            if endpoint and reason:
                return reason
        return endpoint(app, json.loads(body or b"{}")) if endpoint else (404, "Not Found")

    def _send(self, status: int, answer: object) -> None:
        page = isinstance(answer, str) and answer.startswith("<!doctype html>")
        text = isinstance(answer, str)
        data = str(answer).encode() if text else json.dumps(answer, separators=(",", ":")).encode()
        kind = "text/html" if page else "text/plain" if text else "application/json"
        self.send_response_only(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header(HEADER, NAME)
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """The listening server."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], app: Application) -> None:
        super().__init__(address, Handler)
        self.app = app
