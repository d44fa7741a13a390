"""What the unit of a model cache runs: ``python3 -m onhost.model_server FOLDER``. Hands models to hosts of the same site.

It reads only, and only what the models that it was told of are made of. Both ends show a certificate that the other was
given by the control node; whoever has none gets no answer. It ends by itself when nobody asks any more.
"""

from __future__ import annotations

import http.server
import json
import re
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .siblings import model_store

#: Seconds without a question after which it ends.
IDLE_SECONDS = 600
HANDSHAKE_SECONDS = 15
CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Handler(http.server.BaseHTTPRequestHandler):
    """``/manifest/NAME`` and ``/blob/DIGEST``; anything else is not there."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server

    def setup(self) -> None:
        self.request.settimeout(HANDSHAKE_SECONDS)
        # Here, in the connection's own thread: a peer that says nothing holds up nobody.
        self.request = self.server.trust().wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self) -> None:
        with self.server.busy:
            kind, _, wanted = unquote(self.path).lstrip("/").partition("/")
            if kind == "manifest" and wanted in self.server.models():
                self._manifest(wanted)
            elif kind == "blob" and wanted in self.server.digests():
                self._blob(self.server.store.blob(wanted))
            else:
                self.send_error(404)

    def _manifest(self, name: str) -> None:
        data = self.server.store.manifest(name)
        if data is None:
            self.send_error(404)
            return
        self._head(200, len(data))
        self.wfile.write(data)

    def _blob(self, path: Path) -> None:
        try:
            blob = path.open("rb")
        except OSError:
            self.send_error(404)
            return
        with blob:
            size = path.stat().st_size
            asked = _RANGE.fullmatch(self.headers.get("Range") or "")
            start = int(asked[1]) if asked else 0
            if start >= size and size:
                self.send_error(416)
                return
            self._head(206 if asked else 200, size - start)
            blob.seek(start)
            for data in iter(lambda: blob.read(CHUNK), b""):
                self.wfile.write(data)
                self.server.busy.seen()

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.end_headers()


class Busy:
    """How long nobody asked anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        with self._lock:
            self._asking += 1

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._asking -= 1
        self.seen()

    def seen(self) -> None:
        """Somebody is served right now."""
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """0 while somebody is served."""
        return 0.0 if self._asking else time.monotonic() - self._last


class Server(http.server.ThreadingHTTPServer):
    """``folder`` has key.pem, certificate.pem, clients.pem and order.json: ``{address, port, models_folder, models}``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        order = self._order()
        address = (order["address"], order["port"])
        self.address_family = socket.AF_INET6 if ":" in order["address"] else socket.AF_INET
        super().__init__(address, Handler)
        self.store = model_store.Store(order["models_folder"])
        self.busy = Busy()

    def _order(self) -> dict[str, Any]:
        order: dict[str, Any] = json.loads((self.folder / "order.json").read_text(encoding="utf-8"))
        return order

    def models(self) -> list[str]:
        """The models that are handed out now: the order grows while others ask."""
        return list(self._order()["models"])

    def digests(self) -> set[str]:
        """Everything that those are made of."""
        manifests = filter(None, map(self.store.manifest, self.models()))
        return {layer["digest"] for manifest in manifests for layer in model_store.layers(manifest)}

    def trust(self) -> ssl.SSLContext:
        """Our certificate, and those of the hosts that may ask; read anew, since more come and some go."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.folder / "certificate.pem", self.folder / "key.pem")
        context.load_verify_locations(self.folder / "clients.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that could not show who it is, or that went away: one line."""
        print(f"{client_address[0]}: {sys.exc_info()[1]}", flush=True)


def main(folder: str) -> int:
    """Serve until nobody asks any more."""
    server = Server(Path(folder))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    print(f"listening on port {server.server_port}", flush=True)
    while server.busy.idle_seconds() < IDLE_SECONDS:
        time.sleep(min(5.0, IDLE_SECONDS / 4))
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
