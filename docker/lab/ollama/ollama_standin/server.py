"""The API over HTTP, and the life of the server."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import HEADER, NAME, NOTICE, VERSION, llama
from .api import Answer, Api, joined
from .settings import Settings, read
from .store import ApiError, Store

ROUTES: dict[str, dict[str, Callable[[Api, dict[str, Any]], Any]]] = {
    "/": {"GET": lambda api, body: "Ollama is running"},
    "/api/version": {"GET": lambda api, body: api.version()},
    "/api/tags": {"GET": lambda api, body: api.tags()},
    "/api/ps": {"GET": lambda api, body: api.ps()},
    "/api/show": {"POST": Api.show},
    "/api/pull": {"POST": Api.pull},
    "/api/create": {"POST": Api.create},
    "/api/copy": {"POST": Api.copy},
    "/api/delete": {"DELETE": Api.delete},
    "/api/generate": {"POST": Api.generate},
    "/api/chat": {"POST": Api.chat},
    "/api/embed": {"POST": Api.embed},
    "/api/embeddings": {"POST": Api.embeddings},
}


class Handler(BaseHTTPRequestHandler):
    """One connection. Errors are `{"error": "…"}`; a failure in the middle of a stream is its last line."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._handle("GET")

    def do_HEAD(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        started = time.monotonic()
        status = 200
        try:
            body = self._body()
            route = ROUTES.get(self.path.split("?")[0])
            if route is None:
                status = self._send(404, "404 page not found")
            elif method not in route:
                status = self._send(405, "405 method not allowed")
            else:
                self._answer(route[method](self.server.api, self._json(body) if method != "GET" else {}), body)
        except ApiError as error:
            status = self._send(error.status, {"error": error.message})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection, status = True, 499
        except Exception as error:  # an answer of 500 is what Ollama gives for whatever it did not foresee
            status = self._send(500, {"error": str(error)})
        self._log(status, time.monotonic() - started)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, body: bytes) -> dict[str, Any]:
        if not body:
            raise ApiError(400, "missing request body")
        try:
            value = json.loads(body)
        except ValueError as error:
            raise ApiError(400, str(error)) from None
        if not isinstance(value, dict):
            raise ApiError(400, "json: cannot unmarshal value into a request")
        return value

    def _answer(self, answer: Any, body: bytes) -> None:
        if not isinstance(answer, Iterator):
            self._send(200, answer)
        elif json.loads(body).get("stream", True):
            self._stream(answer)
        else:
            self._send(200, joined(answer))

    def _send(self, status: int, answer: Answer | str | None) -> int:
        text = isinstance(answer, str)
        data = b"" if answer is None else str(answer).encode() if text else _json(answer)
        self._head(status, "text/plain; charset=utf-8" if text else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        return status

    def _stream(self, answers: Iterator[Answer]) -> None:
        first = next(answers)  # a failure before the first object is a status, not a line
        self._head(200, "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._chunk(first)
            for answer in answers:
                self._chunk(answer)
        except ApiError as error:
            self._chunk({"error": error.message})
        except OSError as error:
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                raise  # the client is gone; the generator's end stops the work
            self._chunk({"error": str(error)})  # for example: no space left in the models folder
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, answer: Answer) -> None:
        line = _json(answer) + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _head(self, status: int, content_type: str) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header(HEADER, NAME)
        self.send_header("Date", self.date_time_string())

    def _log(self, status: int, seconds: float) -> None:
        now, client = datetime.now(UTC).strftime("%Y/%m/%d - %H:%M:%S"), self.client_address[0]
        what = f'{self.command:<8} "{self.path}"'
        print(f"[GIN] {now} | {status} | {seconds * 1e3:>10.3f}ms | {client:>15} | {what}", flush=True)


class Server(ThreadingHTTPServer):
    """The listening server."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        super().__init__(address, Handler)
        self.api = api


def log(message: str, **fields: object) -> None:
    """One line in Ollama's log format on standard error."""
    pairs = "".join(f" {key}={json.dumps(value) if _quoted(value) else value}" for key, value in fields.items())
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    print(f'time={now}Z level=INFO source=gpuhost-lab msg="{message}"{pairs}', file=sys.stderr, flush=True)


def serve() -> int:
    """Run until SIGTERM; 1 when the settings or the folders do not allow it, as Ollama does."""
    try:
        settings = read(os.environ)
        _make_identity(settings.home)
        store = Store(settings.models)
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    runners = llama.Runners()
    server = Server((settings.host, settings.port), Api(store, runners, settings.keep_alive, llama.CONTEXT))
    threading.Thread(target=_expire, args=(runners,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    _announce(settings)
    server.serve_forever(poll_interval=0.1)
    runners.stop()
    return 0


def _announce(settings: Settings) -> None:
    env = " ".join(f"{name}:{value}" for name, value in sorted(settings.logged.items()))
    log("server config", env=f"map[{env}]")
    log(NOTICE)
    log(f"Listening on {settings.host}:{settings.port} (version {VERSION})")
    log("discovering available GPUs...")
    device = {"id": "cpu", "library": "cpu", "compute": "", "name": "cpu", "description": "cpu", "driver": ""}
    log("inference compute", **device, pci_id="", type="", total=_gib("PHYS"), available=_gib("AVPHYS"))


def _gib(pages: str) -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf(f'SC_{pages}_PAGES') / 2**30:.1f} GiB"


def _make_identity(home: Path) -> None:
    """Ollama keeps a key pair in its home and does not start where it cannot; so does this, without a key."""
    identity = home / ".ollama/id_ed25519"
    if not identity.exists():
        identity.parent.mkdir(parents=True, exist_ok=True)
        identity.write_text("The lab's stand-in for Ollama has no key.\n", encoding="utf-8")
        identity.chmod(0o600)


def _expire(runners: llama.Runners) -> None:
    while True:
        time.sleep(0.5)
        runners.expire(time.time())


def _quoted(value: object) -> bool:
    return not isinstance(value, str) or not value or " " in value


def _json(answer: object) -> bytes:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
