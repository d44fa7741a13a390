"""A registry of models on this machine, over TLS with a CA of its own, that can be told to misbehave."""

from __future__ import annotations

import datetime
import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> tuple[Path, str]:
    """A file with key and certificate for localhost, and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    path = folder / "localhost.pem"
    path.write_text(secret + pem)
    return path, pem


class Handler(http.server.BaseHTTPRequestHandler):
    """Manifests by their path, blobs by their digest; blobs from another address, as Ollama's registry has them."""

    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        data = self.server.content.get(self.path)
        if self.path in self.server.status:
            self.send_error(self.server.status[self.path])
        elif data is None:
            self.send_error(404)
        elif isinstance(data, str):
            self.send_response(307)
            self.send_header("Location", data)
            self.end_headers()
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        asked = self.headers.get("Range")
        if asked and self.server.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            if int(first) >= len(data):
                self.send_error(416)
                return
            data = data[int(first) : int(last) + 1]
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.server.cuts and len(data) > self.server.cuts[0]:
            self.wfile.write(data[: self.server.cuts.pop(0)])
            self.close_connection = True
            return
        for offset in range(0, len(data), 1 << 16):
            self.wfile.write(data[offset : offset + (1 << 16)])
            time.sleep(self.server.pause)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    """The registry. ``content`` by path; ``status`` for paths that fail."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, bytes | str] = {}
        self.status: dict[str, int] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        #: After how many bytes the next answers break off, as far as they have as many.
        self.cuts: list[int] = []
        self.pause = 0.0
        self.authority = ""

    @property
    def name(self) -> str:
        return f"localhost:{self.server_port}"

    def offer(self, name: str, manifest: bytes, blobs: dict[str, bytes]) -> None:
        """The registry has ``library/<name>``, whose blobs lie elsewhere."""
        model, _, tag = name.partition(":")
        self.content[f"/v2/library/{model}/manifests/{tag or 'latest'}"] = manifest
        for digest, data in blobs.items():
            self.content[f"/v2/library/{model}/blobs/{digest}"] = f"https://{self.name}/elsewhere/{digest}"
            self.content[f"/elsewhere/{digest}"] = data


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    server = Server()
    path, server.authority = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
