"""A repository is trusted with the one key that was pinned, or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from onhost import openpgp, repositories
from onhost.finding import FindingError

SAMPLES = Path(__file__).parents[2] / "samples" / "openpgp"
PINNED = "7F0CAFE6FEC79685D703FF38654ADF418D675516"
OTHER = "D3E44B44004E4B799B8E23CA2E033F5300D63EC9"
KEY = (SAMPLES / "ed25519.asc").read_bytes()
OTHER_KEY = (SAMPLES / "rsa2048.asc").read_bytes()
WRITTEN = [
    "etc/apt/preferences.d/gpuhost-rocm.pref",
    "etc/apt/keyrings/gpuhost-rocm.gpg",
    "etc/apt/sources.list.d/gpuhost-rocm.sources",
]


class Served(HTTPServer):
    """A vendor's server: what it hands out, and what it was asked."""

    body = KEY
    asked: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/rocm.gpg.key"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Served)
        self.server.asked.append(self.path)
        self.send_response(200 if self.server.body else 404)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *words: Any) -> None:
        """Quiet."""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    server = Served(("127.0.0.1", 0), Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def repository(**key: str) -> dict[str, Any]:
    return {
        "name": "rocm",
        "url": "https://repo.example/rocm/apt/7.2.4",
        "suite": "noble",
        "components": ["main", "proprietary"],
        "architectures": ["amd64"],
        "key": {"fingerprint": PINNED, **key},
        "pin": {"origin": "repo.example", "priority": 600},
    }


def found(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in (root / "etc/apt").rglob("*") if path.is_file())


def test_apt_learns_of_a_repository_with_its_key_and_its_pin(root: Path) -> None:
    given = repository(content=KEY.decode())
    assert repositories.ensure(given) is True
    assert found(root) == sorted(WRITTEN)
    assert [f"/{path}" for path in WRITTEN] == repositories.written(given)
    assert (root / WRITTEN[1]).read_bytes() == openpgp.dearmoured(KEY)
    assert (root / WRITTEN[2]).read_text().splitlines()[1:] == [
        "Types: deb",
        "URIs: https://repo.example/rocm/apt/7.2.4",
        "Suites: noble",
        "Components: main proprietary",
        "Architectures: amd64",
        "Signed-By: /etc/apt/keyrings/gpuhost-rocm.gpg",
    ]
    assert (root / WRITTEN[0]).read_text().splitlines()[1:] == [
        "Package: *",
        "Pin: release o=repo.example",
        "Pin-Priority: 600",
    ]
    assert {(root / path).stat().st_mode & 0o777 for path in WRITTEN} == {0o644}


def test_a_second_time_nothing_is_written_and_a_changed_file_is_put_right(root: Path) -> None:
    given = repository(content=KEY.decode())
    repositories.ensure(given)
    assert repositories.ensure(given) is False
    (root / WRITTEN[2]).write_text("Types: deb\nTrusted: yes\n")
    assert repositories.ensure(given) is True
    assert "Trusted" not in (root / WRITTEN[2]).read_text()
    (root / WRITTEN[1]).chmod(0o666)
    assert repositories.ensure(given) is True


def test_a_repository_without_a_pin_writes_none(root: Path) -> None:
    repositories.ensure({**repository(content=KEY.decode()), "pin": None})
    assert found(root) == sorted(WRITTEN[1:])


def test_asking_writes_nothing(root: Path) -> None:
    assert repositories.ensure(repository(content=KEY.decode()), check=True) is True
    assert not (root / "etc/apt").exists()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (OTHER_KEY, OTHER),
        (b"<html>Please log in to the guest network</html>", "no OpenPGP key"),
        (openpgp.dearmoured(KEY)[:40], "cut short"),
        (b"x" * (repositories.LIMIT_BYTES + 1), "more than"),
    ],
    ids=["another key", "a page", "cut short", "endless"],
)
def test_a_key_that_is_not_the_pinned_one_changes_nothing(root: Path, vendor: Served, key: bytes, said: str) -> None:
    vendor.body = key
    with pytest.raises(FindingError) as caught:
        repositories.ensure(repository(url=vendor.url))
    assert caught.value.id == ("GH-KEY-FETCH" if said == "more than" else "GH-KEY-FINGERPRINT")
    assert said in caught.value.seen
    assert not (root / "etc/apt").exists()


def test_a_site_s_own_key_is_compared_too(root: Path) -> None:
    with pytest.raises(FindingError, match=PINNED):
        repositories.ensure(repository(content=OTHER_KEY.decode()))
    assert not (root / "etc/apt").exists()


def test_of_several_keys_in_a_file_only_the_pinned_one_is_trusted(root: Path, vendor: Served) -> None:
    vendor.body = OTHER_KEY + KEY
    repositories.ensure(repository(url=vendor.url))
    assert list(openpgp.keys((root / WRITTEN[1]).read_bytes())) == [PINNED]


def test_a_fingerprint_may_be_written_as_people_do(root: Path) -> None:
    given = repository(content=KEY.decode())
    given["key"]["fingerprint"] = "7f0c afe6 fec7 9685 d703  ff38 654a df41 8d67 5516"
    assert repositories.ensure(given) is True


def test_a_vendor_that_does_not_answer_is_told_with_its_address(root: Path, vendor: Served) -> None:
    vendor.body = b""
    with pytest.raises(FindingError) as caught:
        repositories.ensure(repository(url=vendor.url))
    assert (caught.value.id, caught.value.seen) == ("GH-KEY-FETCH", f"{vendor.url}: HTTP 404 Not Found")
    assert not (root / "etc/apt").exists()


def test_a_key_that_is_there_already_serves_while_the_vendor_does_not_answer(root: Path, vendor: Served) -> None:
    repositories.ensure(repository(url=vendor.url))
    vendor.body = b""
    assert repositories.ensure(repository(url=vendor.url)) is False
    (root / WRITTEN[1]).write_bytes(openpgp.dearmoured(OTHER_KEY))
    with pytest.raises(FindingError, match="GH-KEY-FINGERPRINT"):
        repositories.ensure(repository(url=vendor.url))


@pytest.mark.parametrize("url", ["file:///etc/shadow", "ftp://repo.example/key", "rocm.gpg.key"])
def test_a_key_is_fetched_over_http_and_nothing_else(root: Path, url: str) -> None:
    with pytest.raises(FindingError, match="not an http or https address"):
        repositories.ensure(repository(url=url))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "https://repo.example/\nTrusted: yes"),
        ("suite", "noble main"),
        ("components", ["main\nTrusted: yes"]),
        ("architectures", [""]),
        ("name", "a\nb"),
    ],
)
def test_no_field_can_bring_a_further_line_into_apt_s_sources(root: Path, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match="no place in a package source"):
        repositories.ensure({**repository(content=KEY.decode()), field: value})
    assert not (root / "etc/apt").exists()


@pytest.mark.parametrize(
    ("file", "text", "clashes"),
    [
        (
            "rocm.list",
            "deb [arch=amd64 signed-by=/etc/apt/keyrings/rocm.gpg] https://repo.example/rocm/apt/7.2.4/ noble main",
            True,
        ),
        (
            "x.sources",
            "Types: deb\nURIs: https://repo.example/rocm/apt/7.2.4\nSuites: noble jammy\nComponents: main\n",
            True,
        ),
        ("rocm.list", "# deb https://repo.example/rocm/apt/7.2.4 noble main", False),
        ("rocm.list", "deb https://repo.example/rocm/apt/7.2.3 noble main", False),
        ("rocm.list", "deb https://repo.example/rocm/apt/7.2.4 jammy main", False),
    ],
    ids=["list", "deb822", "commented", "another release", "another suite"],
)
def test_a_second_source_for_the_same_repository_is_told_before_apt_breaks(
    root: Path, file: str, text: str, clashes: bool
) -> None:
    other = root / "etc/apt/sources.list.d" / file
    other.parent.mkdir(parents=True)
    other.write_text(text + "\n")
    if not clashes:
        assert repositories.ensure(repository(content=KEY.decode())) is True
        return
    with pytest.raises(FindingError, match=f"GH-APT-SOURCE-CLASH: /etc/apt/sources.list.d/{file}"):
        repositories.ensure(repository(content=KEY.decode()))
    assert found(root) == [f"etc/apt/sources.list.d/{file}"]


DUMP = """Acquire::AllowInsecureRepositories 0
Acquire::http::Proxy http://proxy.example:3128
Acquire::http::Proxy::mirror.example DIRECT
Acquire::Languages:: en
"""


@pytest.mark.parametrize(
    ("dump", "scheme", "host", "expected"),
    [
        (DUMP, "http", "repo.example", "http://proxy.example:3128"),
        (DUMP, "https", "repo.example", "http://proxy.example:3128"),
        (DUMP, "https", "mirror.example", ""),
        (DUMP + "Acquire::https::Proxy http://tls.example:1\n", "https", "repo.example", "http://tls.example:1"),
        (DUMP + "Acquire::https::Proxy false\n", "https", "repo.example", ""),
        ("", "http", "repo.example", ""),
    ],
)
def test_apt_s_proxy_is_the_key_s_too(dump: str, scheme: str, host: str, expected: str) -> None:
    assert repositories.apt_proxy(dump, scheme, host) == expected


def test_the_environment_s_proxy_comes_first(monkeypatch: pytest.MonkeyPatch, vendor: Served) -> None:
    proxy = vendor.url.rpartition("/")[0]
    monkeypatch.setenv("http_proxy", proxy)
    assert repositories.proxies("http://repo.example/key")["http"] == proxy
    address = {**repository(url="http://repo.example/key"), "name": "nowhere"}
    assert repositories.key(address) == openpgp.dearmoured(KEY)
    assert vendor.asked == ["http://repo.example/key"]


def test_the_lists_of_a_repository_are_known_by_its_address() -> None:
    given = {**repository(), "url": "https://user:secret@repo.radeon.com/rocm_x/apt/7.2.4/"}
    assert repositories.lists(given) == "/var/lib/apt/lists/repo.radeon.com_rocm%5fx_apt_7.2.4_dists_*"
    given = {**repository(), "url": "http://mirror.example:8080/rocm/"}
    assert repositories.lists(given) == "/var/lib/apt/lists/mirror.example:8080_rocm_dists_*"
