"""The probe of the gateway against a real TLS server: what it trusts, as whom it asks, and what it says when it cannot."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from control.lab.keys import Authority
from tests.unit.checks import healthy
from verify.checks import exposure, gateway
from verify.checks.context import Context

KEY = "k" * 32


class Door(BaseHTTPRequestHandler):
    """Answers as the gateway does."""

    def do_GET(self) -> None:
        known = self.headers.get("X-Gateway-Key") == KEY
        if self.headers["Host"] not in ("localhost", self.server.name):  # type: ignore[attr-defined] # set by the fixture
            status = 421
        elif self.headers.get("Origin"):
            status = 403
        elif self.path == "/" and not known and "text/html" in self.headers.get("Accept", ""):
            status = 302
        else:
            status = (403 if self.path == "/api/pull" else 200) if known else 401
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/login?next=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def door(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What is expected of a gateway that listens here, with an authority of its own."""
    authority = Authority(tmp_path / "ca")
    authority.ensure()
    certificate, key = authority.server(["localhost", "127.0.0.1"])
    (tmp_path / "tls.crt").write_text(certificate)
    (tmp_path / "tls.key").write_text(key)
    (tmp_path / "admin.key").write_text(KEY)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    line = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    line.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    server.socket = line.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    server.name = f"127.0.0.1:{port}"  # type: ignore[attr-defined] # read by the handler
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"https://127.0.0.1:{port}"
    yield {
        "home": home,
        "bind": ["0.0.0.0"],
        "ports": [port],
        "certified": [],
        "ca": str(authority.certificate),
        "key": str(tmp_path / "admin.key"),
        "containers": [],
        "sites": [{"service": "ollama", "origin": home, "path": "/api/version", "closed": ["/api/pull"]}],
    }
    server.shutdown()


def verdicts(door: dict[str, Any]) -> dict[str, str]:
    expected = {"gateway": door}
    return {one.id: one.status for one in gateway.judge(gateway.probe(expected, Context(expected)), expected)}


def test_a_door_as_it_should_be_passes(door: dict[str, Any]) -> None:
    assert verdicts(door) == dict.fromkeys(
        [
            "gateway.page.asks_for_login",
            "gateway.host.refused",
            "gateway.origin.refused",
            "gateway.ollama.refuses",
            "gateway.ollama.opens",
            "gateway.ollama.closed",
        ],
        "pass",
    )


def test_another_authority_is_not_trusted(door: dict[str, Any], tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    other.ensure()
    seen = gateway.probe({"gateway": {**door, "ca": str(other.certificate)}}, Context({}))["gateway"]
    assert seen["page"]["status"] == 0
    assert "certificate verify failed" in seen["page"]["error"]


def test_a_name_that_the_certificate_is_not_for_is_told(door: dict[str, Any]) -> None:
    asker = gateway.Asker(door, Path(door["ca"]).read_text())
    assert asker.certificate("localhost") == ""
    assert "gpu01" in asker.certificate("gpu01")


def test_a_door_where_nobody_listens_fails_and_says_so(door: dict[str, Any]) -> None:
    closed = {**door, "home": "https://127.0.0.1:1", "sites": []}
    assert verdicts(closed)["gateway.page.asks_for_login"] == "fail"


def test_what_only_root_may_read_is_not_judged(door: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: Any) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    assert verdicts(door) == {"gateway.page.asks_for_login": "unverifiable"}


def test_without_a_gateway_nothing_is_asked() -> None:
    assert gateway.judge(gateway.probe({}, Context({})), {}) == []


def test_rules_that_only_root_may_read_are_not_judged() -> None:
    seen = healthy.seen("exposure") | {"rules": {"rc": 1, "text": "", "error": "Operation not permitted"}, "as_root": False}
    by_id = {one.id: one.status for one in exposure.judge(seen, healthy.expected())}
    assert by_id["exposure.loopback.rules"] == "unverifiable"


def test_a_listener_of_somebody_else_is_listed_and_no_failure() -> None:
    (listeners, _) = exposure.judge(healthy.seen("exposure"), healthy.expected())
    assert listeners.status == "pass"
    assert "9100 (node_exporter)" in listeners.seen


def test_the_way_of_containers_to_a_service_of_the_host_is_no_listener_on_the_network() -> None:
    expected = healthy.expected()
    for row in expected["services"]:
        if row["name"] == "ollama":
            row.update(healthy.ON_THE_HOST)
    seen = healthy.seen("exposure")
    bridge = {"address": "172.18.0.1", "port": 11434, "proto": "tcp", "process": "systemd", "container": None}
    (listeners, _) = exposure.judge(seen | {"ports": [*seen["ports"], bridge]}, expected)
    assert listeners.status == "pass"
    (listeners, _) = exposure.judge(seen | {"ports": [*seen["ports"], bridge | {"process": "ollama"}]}, expected)
    assert listeners.status == "fail"
