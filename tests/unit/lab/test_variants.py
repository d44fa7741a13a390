"""Variants of the lab's images: other configurations over the same layers."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from control.lab import variants

CONFIG = {"architecture": "amd64", "config": {"Entrypoint": ["/bin/app"], "Cmd": ["serve"], "Labels": {"mine": "1"}}}


class Registry:
    """As much of a registry as one that is filled needs; layers stand once, and are lent from one repository to another."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.lent: list[tuple[str, str]] = []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, name = re.fullmatch(r"/v2/.*?/(manifests|blobs)/(.*)", self.path).groups()  # type: ignore[union-attr] # a test
                found = registry.manifests.get(self.path) if kind == "manifests" else registry.blobs.get(name)
                self._say(200 if found else 404, found or b"")

            def do_POST(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                if "mount" in asked:
                    registry.lent.append((urlsplit(self.path).path.split("/blobs")[0], asked["mount"][0]))
                self._say(201 if "mount" in asked else 202, b"", Location=f"{registry.url}/upload?state=1")

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if "/manifests/" in self.path:
                    registry.manifests[self.path] = body
                else:
                    registry.blobs[parse_qs(urlsplit(self.path).query)["digest"][0]] = body
                self._say(201, b"")

            def _say(self, code: int, body: bytes, **headers: str) -> None:
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def config(self, path: str) -> dict[str, Any]:
        """The configuration of an image that the registry has."""
        described = json.loads(self.manifests[path])["config"]
        blob = self.blobs[described["digest"]]
        assert described["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"
        assert described["size"] == len(blob)
        return dict(json.loads(blob))


@pytest.fixture
def registry() -> Iterator[Registry]:
    one = Registry()
    blob = json.dumps(CONFIG).encode()
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    one.blobs[digest] = blob
    manifest = {"config": {"digest": digest, "size": len(blob)}, "layers": [{"digest": "sha256:a"}, {"digest": "sha256:b"}]}
    one.manifests["/v2/app/app/manifests/1"] = json.dumps(manifest).encode()
    yield one
    one.close()


def test_each_variant_has_the_layers_and_says_what_it_is(registry: Registry) -> None:
    variants.add(registry.url, "app/app:1")
    for name in variants.VARIANTS:
        path = f"/v2/{name}/app/app/manifests/1"
        assert json.loads(registry.manifests[path])["layers"] == [{"digest": "sha256:a"}, {"digest": "sha256:b"}]
        assert registry.config(path)["config"]["Labels"] == {"mine": "1", variants.LABEL: name}
        assert (f"/v2/{name}/app/app", "sha256:b") in registry.lent


def test_what_is_wrong_with_each(registry: Registry) -> None:
    variants.add(registry.url, "app/app:1")
    newer, never, other = (registry.config(f"/v2/{name}/app/app/manifests/1") for name in variants.VARIANTS)
    assert (newer["architecture"], newer["config"]["Entrypoint"]) == ("amd64", ["/bin/app"])
    assert "never answers" in " ".join(never["config"]["Entrypoint"])
    assert never["config"]["Cmd"] is None
    assert (other["architecture"], other["config"]["Entrypoint"]) == ("arm64", ["/bin/app"])
