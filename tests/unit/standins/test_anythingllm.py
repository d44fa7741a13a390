"""How the lab's stand-in for AnythingLLM starts, what it keeps, and what it answers."""

from __future__ import annotations

import http.client
import importlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

environment = importlib.import_module("anythingllm_standin.environment")
main = importlib.import_module("anythingllm_standin.__main__")
server = importlib.import_module("anythingllm_standin.server")
tokens = importlib.import_module("anythingllm_standin.tokens")

PAGE = Path(__file__).parents[3] / "docker/lab/anythingllm/public/index.html"
LOGIN = {"AUTH_TOKEN": "open-sesame", "JWT_SECRET": "a-secret-of-the-site"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("storage", "public"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".env").touch()
    (tmp_path / "public/index.html").write_bytes(PAGE.read_bytes())
    return tmp_path


class Running:
    """A started instance and the means to ask it."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.app = main.start(root, environ)
        self.server = server.Server(("127.0.0.1", 0), self.app)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=10)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        assert response.headers["X-Gpuhost-Stand-In"] == "anythingllm"
        text = response.read().decode()
        connection.close()
        return response.status, json.loads(text) if "json" in response.headers["Content-Type"] else text

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def run(root: Path) -> Iterator[Any]:
    started: list[Running] = []

    def start(**environ: str) -> Running:
        started.append(Running(root, STORAGE_DIR="/app/server/storage", **environ))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def ollama() -> Iterator[str]:
    """Something that answers GET /api/tags as Ollama does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps({"models": [{"name": "gpuhost-lab-tiny:latest"}]}).encode()
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def test_it_is_online_and_its_page_says_what_it_is(run: Any) -> None:
    running = run(LLM_PROVIDER="ollama")
    assert running.ask("GET", "/api/ping") == (200, {"online": True})
    status, page = running.ask("GET", "/workspace/anything")
    assert status == 200
    assert "<title>AnythingLLM</title>" in page
    assert "stand-in for AnythingLLM" in page
    assert "%" not in page


def test_setup_complete_tells_the_settings_and_no_secret(run: Any) -> None:
    running = run(LLM_PROVIDER="ollama", VECTOR_DB="lancedb", OLLAMA_BASE_PATH="http://ollama:11434", **LOGIN)
    status, answer = running.ask("GET", "/api/setup-complete")
    expected = {
        "LLMProvider": "ollama",
        "VectorDB": "lancedb",
        "OllamaLLMBasePath": "http://ollama:11434",
        "RequiresAuth": True,
        "JWTSecret": True,
        "StorageDir": "/app/server/storage",
        "EmbeddingEngine": "native",
    }
    assert status == 200
    assert expected.items() <= answer["results"].items()
    assert not any(secret in json.dumps(answer) for secret in LOGIN.values())


@pytest.mark.parametrize(("environ", "done"), [({}, False), ({"LLM_PROVIDER": "ollama"}, True), (LOGIN, True)])
def test_settings_in_the_environment_mark_the_setup_as_done(run: Any, environ: dict[str, str], done: bool) -> None:
    assert run(**environ).ask("GET", "/api/onboarding") == (200, {"onboardingComplete": done})


def test_the_signature_is_made_once_and_kept_in_the_env_file(root: Path, capsys: Any) -> None:
    first: dict[str, str] = {"LLM_PROVIDER": "ollama"}
    main.start(root, first)
    second: dict[str, str] = {}
    main.start(root, second)
    assert len(first["SIG_KEY"]) == len(first["SIG_SALT"]) == 64
    assert {key: second[key] for key in ("SIG_KEY", "SIG_SALT")} == {key: first[key] for key in ("SIG_KEY", "SIG_SALT")}
    assert "Loaded existing key & salt" in capsys.readouterr().out


def test_a_signature_that_is_given_leaves_the_env_file_alone(root: Path) -> None:
    (root / ".env").write_text("SIG_KEY='k'\nSIG_SALT=\"s\"\n# OPEN=1\nJWT_SECRET=plain # said\n")
    environ: dict[str, str] = {}
    main.start(root, environ)
    assert (environ["SIG_KEY"], environ["SIG_SALT"], environ["JWT_SECRET"]) == ("k", "s", "plain")
    assert "OPEN" not in environ
    assert (root / ".env").read_text().startswith("SIG_KEY='k'")


def test_env_dump_rewrites_the_env_file_without_a_login(run: Any, root: Path) -> None:
    running = run(LLM_PROVIDER="ollama", UNKNOWN="x", **LOGIN)
    (root / ".env").write_text("MINE=1")
    assert running.ask("GET", "/api/env-dump") == (200, "OK")
    text = (root / ".env").read_text()
    assert text.startswith("# Auto-dump ENV from system call on ")
    assert "LLM_PROVIDER='ollama'" in text
    assert "MINE" not in text
    assert "UNKNOWN" not in text


def test_a_dumped_value_ends_at_the_first_quote_space_or_hash(tmp_path: Path) -> None:
    environment.dump(tmp_path / ".env", {"AUTH_TOKEN": 'to"p', "JWT_SECRET": "a#b", "OLLAMA_MODEL_PREF": "x\u2003y"})
    lines = (tmp_path / ".env").read_text().splitlines()[1:]
    assert sorted(lines) == ["AUTH_TOKEN='to'", "JWT_SECRET='a'", "OLLAMA_MODEL_PREF='x'"]


def test_an_env_that_is_a_directory_ends_the_start_as_the_real_one_does(root: Path) -> None:
    (root / ".env").unlink()
    (root / ".env").mkdir()
    with pytest.raises(SystemExit, match=r"Is a directory, open '.*/\.env'"):
        main.start(root, {})
    main.start(root, {"SIG_KEY": "k", "SIG_SALT": "s"})  # nothing to write: the real one gets through too


def test_a_storage_that_cannot_be_written_ends_the_start(root: Path) -> None:
    (root / "storage").rmdir()
    with pytest.raises(SystemExit, match=r"unable to open database file: \.\./storage/anythingllm\.db"):
        main.start(root, {})


def test_the_database_is_kept_over_a_restart(root: Path) -> None:
    main.start(root, {"LLM_PROVIDER": "ollama"})
    assert main.start(root, {"SIG_KEY": "k", "SIG_SALT": "s"}).database.onboarded()
    with sqlite3.connect(root / "storage/anythingllm.db") as connection:
        assert connection.execute("SELECT count(*) FROM system_settings").fetchone() == (1,)


def test_the_models_of_ollama_come_through(run: Any, ollama: str) -> None:
    answer = run(OLLAMA_BASE_PATH=ollama).ask("POST", "/api/system/custom-models", {"provider": "ollama"})
    assert answer == (200, {"models": [{"id": "gpuhost-lab-tiny:latest"}], "error": None})


@pytest.mark.parametrize(
    ("base", "provider", "answer"),
    [
        ("http://127.0.0.1:1", "ollama", {"models": [], "error": None}),
        ("http://ollama:11434/", "ollama", {"models": [], "error": "Not a valid URL."}),
        ("", "ollama", {"models": [], "error": "Not a valid URL."}),
        ("", "other", {"models": [], "error": "Invalid provider for custom models"}),
    ],
)
def test_an_ollama_that_does_not_answer_gives_no_models(run: Any, base: str, provider: str, answer: Any) -> None:
    running = run(OLLAMA_BASE_PATH=base)
    assert running.ask("POST", "/api/system/custom-models", {"provider": provider}) == (200, answer)


def test_with_a_password_the_model_list_needs_a_token(run: Any, ollama: str) -> None:
    running = run(OLLAMA_BASE_PATH=ollama, **LOGIN)
    ask = ("POST", "/api/system/custom-models", {"provider": "ollama"})
    assert running.ask(*ask) == (401, {"error": "No auth token found."})
    assert running.ask(*ask, token="a.b.c") == (401, {"error": "Token expired or failed validation."})
    status, answer = running.ask("POST", "/api/request-token", {"password": "wrong"})
    assert (status, answer["valid"], answer["message"]) == (401, False, "[003] Invalid password provided")
    answer = running.ask("POST", "/api/request-token", {"password": LOGIN["AUTH_TOKEN"]})[1]
    assert running.ask(*ask, token=answer["token"])[1]["models"]


def test_a_token_of_another_secret_or_of_the_past_does_not_hold() -> None:
    assert tokens.valid(tokens.make("s"), "s")
    assert not tokens.valid(tokens.make("other"), "s")
    assert not tokens.valid(tokens.make("s", seconds=-1), "s")


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nothing"), ("POST", "/"), ("POST", "/api/ping")])
def test_what_does_not_exist_is_404(run: Any, method: str, path: str) -> None:
    assert run().ask(method, path)[0] == 404


def form(name: str, data: bytes) -> tuple[bytes, dict[str, str]]:
    """A file as a browser or curl sends it."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def test_a_document_goes_up_with_a_key_that_somebody_made_who_logged_in(run: Any, root: Path) -> None:
    running = run(**LOGIN)
    body, headers = form("../plan.txt", b"The door is green.")
    address = ("127.0.0.1", running.server.server_address[1])

    def upload(key: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.request("POST", "/api/v1/document/upload", body, {**headers, "Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    assert running.ask("POST", "/api/system/generate-api-key", {})[0] == 401
    assert upload("guess") == (403, {"error": "No valid api key found."})
    token = running.ask("POST", "/api/request-token", {"password": "open-sesame"})[1]["token"]
    key = running.ask("POST", "/api/system/generate-api-key", {"name": "test"}, token)[1]["apiKey"]["secret"]
    status, said = upload(key)
    assert (status, said["success"]) == (200, True)
    stored = root / "storage/documents" / said["documents"][0]["location"]
    assert json.loads(stored.read_text())["pageContent"] == "The door is green."
    listed = running.ask("GET", "/api/v1/documents", None, key)[1]["localFiles"]["items"][0]["items"]
    assert [one["title"] for one in listed] == ["plan.txt"]
    assert running.ask("GET", "/api/v1/documents", None, token)[0] == 403


def test_what_is_no_text_is_refused_by_name(run: Any) -> None:
    documents = importlib.import_module("anythingllm_standin.documents")
    body, headers = form("photo.png", b"\x89PNG\xff")
    status, said = documents.upload(Path("/nowhere"), headers["Content-Type"], body)
    assert status == 500
    assert "photo.png is no text" in said["error"]
