"""A container engine for tests: it listens on a unix socket and answers what the test says."""

from __future__ import annotations

import json
import shutil
import socketserver
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, Any]


class FakeEngine:
    """``answers[(method, path)]`` is ``(status, body)``; a list is sent as a stream of objects, bytes as they are.

    A callable gets the path with its query and gives the answer. ``asked`` has every request in order.
    """

    def __init__(self) -> None:
        # The address of a unix socket holds 107 bytes: pytest's own folders are too deep.
        self.folder = Path(tempfile.mkdtemp(prefix="eng"))
        self.socket = str(self.folder / "s")
        self.answers: dict[tuple[str, str], Any] = {}
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                path = urlsplit(self.path).path
                engine.asked.append(f"{self.command} {self.path}")
                engine.bodies.append(self._body())
                answer = engine.answers.get((self.command, path), (404, {"message": f"no such thing: {path}"}))
                status, body = answer(self.path) if callable(answer) else answer
                self._send(status, body)

            do_GET = do_POST = do_DELETE = handle_one  # noqa: N815  # http.server's names

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = b""
                while size := int(self.rfile.readline(), 16):
                    parts += self.rfile.read(size)
                    self.rfile.readline()
                return parts

            def _send(self, status: int, body: Any) -> None:
                self.send_response(status)
                self.send_header("Connection", "close")
                self.end_headers()
                if isinstance(body, list):
                    for part in body:
                        self.wfile.write(json.dumps(part).encode() + b"\r\n")
                elif isinstance(body, bytes):
                    self.wfile.write(body)
                elif body is not None:
                    self.wfile.write(json.dumps(body).encode())
                self.close_connection = True

            def address_string(self) -> str:
                return "test"

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(self.socket, Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.folder)


def framed(*parts: tuple[int, bytes]) -> bytes:
    """The engine's raw stream of these parts."""
    return b"".join(bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for number, data in parts)


def container(**host: Any) -> dict[str, Any]:
    """The inspection of a running container, in the engine's shape."""
    return {
        "Id": "4f" * 32,
        "Name": "/ollama",
        "Image": "sha256:" + "a" * 64,
        "State": {"Running": True, "Status": "running", "ExitCode": 0, "Pid": 4711, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {
            "Image": "ollama/ollama:rocm",
            "Env": ["PATH=/bin", "OLLAMA_HOST=0.0.0.0:11434", "SIG_KEY=topsecret"],
            "Cmd": ["serve"],
            "Entrypoint": ["/bin/ollama"],
            "Labels": {"org.gpuhost.service": "ollama", "org.opencontainers.image.version": "22.04"},
            "User": "11434",
            "WorkingDir": "",
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "PortBindings": {"11434/tcp": [{"HostIp": "127.0.0.1", "HostPort": "11434"}]},
            "Devices": [{"PathOnHost": "/dev/kfd", "PathInContainer": "/dev/kfd", "CgroupPermissions": "rwm"}],
            "GroupAdd": ["109", "44"],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Memory": 1 << 30,
            "NetworkMode": "gpuhost",
            **host,
        },
        "Mounts": [{"Type": "bind", "Source": "/srv/gpuhost/ollama", "Destination": "/models", "RW": True}],
        "NetworkSettings": {"Networks": {"gpuhost": {"IPAddress": "172.18.0.2"}}},
    }
