"""Open WebUI's settings: what is read, what differs, what is set, and that what its administrators added stays."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from onhost import openwebui
from verify import openwebui as api
from verify.engine import EngineError

KEY = "signs-the-logins-of-people-and-more"
LLAMA, REMOTE = "http://llamacpp:8080/v1", "https://api.example.com/v1"
OLLAMA = "http://ollama.internal:11434"
#: As release 0.12.4 answers after its first start with the catalogue's environment.
FRESH: dict[str, dict[str, Any]] = {
    api.ADMIN: {"ENABLE_MFA": False, "MFA_ALLOW_OAUTH_BYPASS": False, "ENABLE_SIGNUP": False, "DEFAULT_USER_ROLE": "pending",
                "JWT_EXPIRES_IN": "4w"},
    api.OLLAMA: {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [OLLAMA], "OLLAMA_API_CONFIGS": {}},
    api.OPENAI: {"ENABLE_OPENAI_API": False, "OPENAI_API_BASE_URLS": ["https://api.openai.com/v1"], "OPENAI_API_KEYS": [""],
                 "OPENAI_API_CONFIGS": {}},
    api.EMBEDDING: {"status": True, "RAG_EMBEDDING_ENGINE": "ollama", "RAG_EMBEDDING_MODEL": "bge-m3"},
}  # fmt: skip


class Fake(ThreadingHTTPServer):
    """The routes that are used, with Open WebUI's ways: who may enter, and what it takes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents = copy.deepcopy(FRESH)
        self.sent: list[str] = []
        self.keeps = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Fake

    def do_GET(self) -> None:
        self._answer(self.server.documents[self.path] if self._known() else None)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # "A human administrator session is required to change MFA settings" (utils/mfa.py).
        if not self._known() or any("MFA" in name for name in body):
            return self._answer(None)
        path = self.path.removesuffix("/update")
        self.server.sent.append(path)
        if self.server.keeps:
            self.server.documents[path].update(body)
        self._answer(self.server.documents[path])

    def _known(self) -> bool:
        text, _, signature = self.headers["Authorization"].removeprefix("Bearer ").rpartition(".")
        right = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).digest()
        claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        expected = base64.urlsafe_b64encode(right).rstrip(b"=").decode()
        return signature == expected and (claims["id"], claims["session_stamp"]) == ("somebody", "stamp")

    def _answer(self, document: dict[str, Any] | None) -> None:
        self.send_response(200 if document is not None else 403)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Engine:
    """The container whose database is asked for its administrator."""

    def __init__(self, out: str = '["somebody", "stamp"]', code: int = 0, error: str = "") -> None:
        self.answer, self.error = (code, out, "no such table"), error

    def exec(self, container: str, argv: list[str], **_: Any) -> tuple[int, str, str]:
        assert (container, argv[:2]) == ("gpuhost-openwebui", ["python3", "-c"])
        if self.error:
            raise EngineError(0, self.error)
        return self.answer


@pytest.fixture
def server() -> Iterator[Fake]:
    fake = Fake()
    thread = Thread(target=fake.serve_forever, daemon=True)
    thread.start()
    yield fake
    fake.shutdown()
    fake.server_close()


@pytest.fixture
def row(server: Fake, tmp_path: Path) -> dict[str, Any]:
    """What the plan says; the files are on this machine."""
    (tmp_path / ".env").write_text(f"WEBUI_ADMIN_EMAIL=admin@localhost\nWEBUI_SECRET_KEY={KEY}\n")
    (tmp_path / "llama").write_text("key-of-llama\n")
    (tmp_path / "remote").write_text("key-of-remote\n")
    openai = [{"url": LLAMA, "key_file": f"{tmp_path}/llama"}, {"url": REMOTE, "key_file": f"{tmp_path}/remote"}]
    wanted = {"sign_up": False, "role": "pending", "ollama": [OLLAMA], "openai": openai, "embedding": "ollama: bge-m3"}
    return {"url": server.url, "container": "gpuhost-openwebui", "env_file": f"{tmp_path}/.env", "wanted": wanted}


def test_a_fresh_one_gets_its_connections_and_nothing_else(server: Fake, row: dict[str, Any]) -> None:
    assert openwebui.apply(row, engine=Engine()) == ["OpenAI API"]
    found = server.documents[api.OPENAI]
    assert (found["ENABLE_OPENAI_API"], found["OPENAI_API_BASE_URLS"]) == (True, [LLAMA, REMOTE])
    assert found["OPENAI_API_KEYS"] == ["key-of-llama", "key-of-remote"]
    assert server.sent == [api.OPENAI]
    assert openwebui.apply(row, engine=Engine()) == []
    assert server.sent == [api.OPENAI]


def test_what_somebody_changed_on_its_pages_is_named_and_put_back(server: Fake, row: dict[str, Any]) -> None:
    openwebui.apply(row, engine=Engine())
    server.documents[api.ADMIN].update(ENABLE_SIGNUP=True, DEFAULT_USER_ROLE="user")
    server.documents[api.OLLAMA]["OLLAMA_BASE_URLS"] = ["http://elsewhere:11434"]
    server.documents[api.OPENAI]["OPENAI_API_KEYS"] = ["another", "key-of-remote"]
    server.documents[api.EMBEDDING]["RAG_EMBEDDING_ENGINE"] = ""
    every = ["sign-up", "role of a new account", "Ollama", "OpenAI API", "embedding"]
    assert openwebui.apply(row, check=True, engine=Engine()) == every
    assert openwebui.apply(row, engine=Engine()) == every
    assert openwebui.apply(row, engine=Engine()) == []
    assert server.documents[api.ADMIN]["JWT_EXPIRES_IN"] == "4w"


def test_connections_that_administrators_added_stay(server: Fake, row: dict[str, Any]) -> None:
    server.documents[api.OPENAI].update(
        ENABLE_OPENAI_API=True,
        OPENAI_API_BASE_URLS=["https://theirs.example.com/v1"],
        OPENAI_API_KEYS=["theirs"],
        OPENAI_API_CONFIGS={"0": {"prefix_id": "x"}},
    )
    server.documents[api.OLLAMA]["OLLAMA_BASE_URLS"] = ["http://theirs:11434"]
    openwebui.apply(row, engine=Engine())
    found = server.documents[api.OPENAI]
    assert found["OPENAI_API_BASE_URLS"] == [LLAMA, REMOTE, "https://theirs.example.com/v1"]
    assert (found["OPENAI_API_KEYS"][2], found["OPENAI_API_CONFIGS"]["2"]) == ("theirs", {"prefix_id": "x"})
    assert server.documents[api.OLLAMA]["OLLAMA_BASE_URLS"] == [OLLAMA, "http://theirs:11434"]


def test_a_provider_that_the_site_no_longer_wants_goes_with_its_key(server: Fake, row: dict[str, Any]) -> None:
    openwebui.apply(row, engine=Engine())
    del row["wanted"]["openai"][1]
    assert openwebui.apply(row, engine=Engine()) == ["OpenAI API"]
    assert server.documents[api.OPENAI]["OPENAI_API_KEYS"] == ["key-of-llama"]
    row["wanted"]["openai"] = []
    openwebui.apply(row, engine=Engine())
    assert server.documents[api.OPENAI]["ENABLE_OPENAI_API"] is False


def test_no_key_is_in_what_is_told(server: Fake, row: dict[str, Any]) -> None:
    openwebui.apply(row, engine=Engine())
    keys = api.keys_of(row["wanted"])
    told = json.dumps(api.seen(server.documents, row["wanted"], keys))
    assert LLAMA in told
    assert not [key for key in keys.values() if key in told]
    assert api.seen(server.documents, row["wanted"], keys) == api.planned(row["wanted"])


def test_what_it_takes_and_does_not_keep_is_an_error(server: Fake, row: dict[str, Any]) -> None:
    server.keeps = False
    with pytest.raises(api.OpenWebUIError, match="did not keep what it was told: OpenAI API"):
        openwebui.apply(row, engine=Engine())


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Engine(error="is not running"), "accounts could not be read: is not running"),
        (Engine(out="null"), "no administrator who may log in"),
        (Engine(out="", code=1), "no administrator who may log in: no such table"),
        (Engine(out='["somebody", "an older stamp"]'), "answered HTTP 403"),
    ],
)
def test_why_it_cannot_be_asked_is_told(row: dict[str, Any], engine: Engine, words: str) -> None:
    with pytest.raises(api.OpenWebUIError, match=words):
        openwebui.apply(row, engine=engine)


def test_a_settings_file_without_the_key_is_told_without_a_word_of_it(row: dict[str, Any]) -> None:
    Path(row["env_file"]).write_text("OTHER=secret\n")
    with pytest.raises(api.OpenWebUIError, match="has no WEBUI_SECRET_KEY") as caught:
        openwebui.apply(row, engine=Engine())
    assert "secret\n" not in caught.value.message
