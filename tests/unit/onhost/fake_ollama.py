"""An Ollama that answers what a test says, and remembers what it was asked. Shapes as in its docs/api.md."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Its API, as far as gpuhost uses it."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        if self.path == "/api/tags":
            rows = [{"name": name, "digest": digest, "size": 1} for name, digest in self.server.models.items()]
            self._send({"models": rows})
        else:
            self._send({"models": self.server.loaded})

    def do_POST(self) -> None:
        asked = self._asked()
        if self.path == "/api/copy":
            self.server.models[asked["destination"]] = self.server.models[asked["source"]]
            self._send(None)
        elif self.path == "/api/create":
            self._create(asked)
        else:
            self._stream(self.server.pulls.pop(0) if self.server.pulls else [])

    def do_DELETE(self) -> None:
        asked = self._asked()
        if self.server.models.pop(asked["model"], None) is None:
            self._send({"error": f"model '{asked['model']}' not found"}, 404)
        else:
            self._send(None)

    def _create(self, asked: dict[str, Any]) -> None:
        if self.server.refuses:
            self._stream([{"error": self.server.refuses}])
            return
        name = asked["model"] if ":" in asked["model"] else f"{asked['model']}:latest"
        name = next((one for one in self.server.models if one.casefold() == name.casefold()), name)
        self.server.made += 1
        self.server.models[name] = f"made-{self.server.made}"
        self._stream([{"status": "using existing layer sha256:1"}, {"status": "writing manifest"}, {"status": "success"}])

    def _asked(self) -> Any:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        self.server.asked.append((self.command, self.path, body))
        return body

    def _stream(self, messages: list[Any]) -> None:
        """Each message a line; a callable among them is called, and `None` is a connection that breaks off."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for message in messages:
            if message is None:
                self.close_connection = True
                return
            if callable(message):
                message()
                continue
            line = json.dumps(message).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _send(self, document: Any, status: int = 200) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


class FakeOllama(http.server.ThreadingHTTPServer):
    """``models`` by name with their digests; ``pulls``: what each pull says, one after the other."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models: dict[str, str] = {}
        self.loaded: list[dict[str, Any]] = []
        self.pulls: list[list[Any]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.refuses = ""
        self.made = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked_for(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.asked if asked == path]

    def has(self, name: str, digest: str) -> Any:
        """A message of a pull: from here on the model is there."""
        return lambda: self.models.update({name: digest})


@contextmanager
def running() -> Iterator[FakeOllama]:
    server = FakeOllama()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
