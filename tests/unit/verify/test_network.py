"""Reaching addresses, with real sockets on this machine's loopback."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from verify.probes import network
from verify.snapshot import take


class Answers(http.server.BaseHTTPRequestHandler):
    """`/<status>` answers with that status; `/v2/` as a registry that wants a token."""

    def do_GET(self) -> None:
        registry = self.path == "/v2/"
        self.send_response(401 if registry else int(self.path[1:]))
        if registry:
            self.send_header("WWW-Authenticate", 'Bearer realm="https://auth.example.org/token"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


def serving(trust: ssl.SSLContext | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if trust:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    yield from serving()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """PEM of a self-signed certificate for 127.0.0.1, and the file with its key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site CA")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("ca") / "server.pem"
    file.write_bytes(pem + secret)
    return pem.decode(), file


@pytest.fixture(scope="module")
def secure_port(authority: tuple[str, Path]) -> Iterator[int]:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(authority[1])
    yield from serving(trust)


@pytest.mark.parametrize(
    ("path", "ok", "kind"),
    [
        ("/200", True, None),
        ("/204", True, None),
        ("/404", False, "http"),
        ("/503", False, "http"),
        ("/401", False, "http"),
        ("/v2/", True, None),
    ],
)
def test_an_answer_is_judged_by_its_status(port: int, path: str, ok: bool, kind: str | None) -> None:
    (row,) = network.look_network([f"http://127.0.0.1:{port}{path}"])
    assert (row["ok"], row["kind"]) == (ok, kind)
    assert bool(row["error"]) is not ok


def test_a_closed_port_is_refused() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    (row,) = network.look_network([f"http://127.0.0.1:{closed}/"])
    assert (row["ok"], row["kind"]) == (False, "refused")


def test_a_server_that_never_answers_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (row,) = network.look_network([f"http://127.0.0.1:{silent.getsockname()[1]}/"])
    assert row["kind"] == "timeout"


def test_a_name_that_is_not_known_and_one_that_is_never_answered_are_both_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    def resolve(name: str, port: object) -> None:
        if name == "slow.example.org":
            never.wait()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(network, "LIMIT_S", 0.2)
    monkeypatch.setattr(network.socket, "getaddrinfo", resolve)
    rows = network.look_network(["https://unknown.example.org/", "https://slow.example.org/"])
    never.set()
    assert [(row["ok"], row["kind"]) for row in rows] == [(False, "dns"), (False, "dns")]


def test_a_server_with_an_unknown_authority_is_tls_and_is_trusted_once_its_ca_is_given(
    secure_port: int, authority: tuple[str, Path]
) -> None:
    url = f"https://127.0.0.1:{secure_port}/200"
    (before,) = network.look_network([url])
    (after,) = network.look_network([url], [authority[0]])
    assert (before["ok"], before["kind"]) == (False, "tls")
    assert "CERTIFICATE_VERIFY_FAILED" in before["error"]
    assert (after["ok"], after["kind"]) == (True, None)


def test_plain_http_where_tls_is_spoken_is_tls(port: int) -> None:
    (row,) = network.look_network([f"https://127.0.0.1:{port}/200"])
    assert row["kind"] == "tls"


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "mirror.example.org", ""])
def test_only_http_and_https_are_tried(url: str) -> None:
    (row,) = network.look_network([url])
    assert (row["ok"], row["kind"]) == (False, "http")


def test_a_password_in_an_address_is_not_repeated(port: int) -> None:
    (row,) = network.look_network([f"http://ada:secret@127.0.0.1:{port}/404"])
    assert "secret" not in str(row)


def test_results_come_in_the_order_asked(port: int) -> None:
    urls = [f"http://127.0.0.1:{port}/{status}" for status in (200, 404, 204, 500)]
    assert [row["url"] for row in network.look_network(urls)] == urls


def test_a_ca_that_is_none_is_the_sections_error_and_says_which() -> None:
    said = take("/", {"network": ["https://127.0.0.1:1/"], "ca": ["not a certificate"]})
    assert "CA certificate 1 is no PEM certificate" in said["network"]["error"]
