"""The protocol of the lab's stand-in for Ollama: shapes and errors as Ollama's docs/api.md has them.

What computes is replaced here; the lab tests ask the real one through the `ollama` client.
"""

from __future__ import annotations

import http.client
import importlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.models import parts
from tests.unit.models import registry as models_registry

api = importlib.import_module("ollama_standin.api")
main = importlib.import_module("ollama_standin.__main__")
registry = importlib.import_module("ollama_standin.registry")
server = importlib.import_module("ollama_standin.server")
settings = importlib.import_module("ollama_standin.settings")
store = importlib.import_module("ollama_standin.store")

WEIGHTS = b"weights" * 150_000
MODEL = "gpuhost-lab-tiny"


class FakeRunner:
    """Says "one two"; shaped as llama-server's answers were seen."""

    def __init__(self, model: Any) -> None:
        self.model, self.expires_at = model, time.time() + 300
        self.asked: dict[str, Any] = {}

    def resident_bytes(self) -> int:
        return 30_000_000

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/tokenize":
            return {"tokens": [1, 2, 3]}
        vectors = [{"embedding": [3.0, 4.0, 0.0]} for _ in body["input"]]
        return {"data": vectors, "usage": {"prompt_tokens": 2 * len(vectors)}}

    def stream(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked = body
        yield {"content": " one", "stop": False}
        yield {"content": " two", "stop": False}
        timings = {"prompt_ms": 1.5, "predicted_ms": 2.5}
        yield {
            "content": "",
            "stop": True,
            "stop_type": "limit",
            "tokens_predicted": 2,
            "tokens_evaluated": 7,
            "timings": timings,
        }


class FakeRunners:
    """Loads nothing; remembers what was asked."""

    def __init__(self) -> None:
        self.runners: dict[str, FakeRunner] = {}
        self.keep_alive = 0.0

    @contextmanager
    def use(self, model: Any, keep_alive: float) -> Iterator[FakeRunner]:
        self.keep_alive = keep_alive
        yield self.runners.setdefault(model.digest, FakeRunner(model))

    def loaded(self) -> list[FakeRunner]:
        return list(self.runners.values())

    def unload(self, model: Any) -> None:
        self.runners.pop(model.digest, None)


class Client:
    """A server in this process and the means to ask it."""

    def __init__(self, root: Path, source: models_registry.Server) -> None:
        self.root = root
        self.runners = FakeRunners()
        address = f"https://{source.name}/v2"
        self.store = store.Store(root, lambda name: registry.Registry(f"{address}/{name.namespace}/{name.model}"))
        self.server = server.Server(("127.0.0.1", 0), api.Api(self.store, self.runners, 300.0, 2048))
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=10)
        connection.request(method, path, body if body is None or isinstance(body, str) else json.dumps(body))
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        """Status, and one object or the list of a stream."""
        response, text = self.ask("POST", path, body)
        streamed = response.headers["Content-Type"] == "application/x-ndjson"
        return response.status, [json.loads(line) for line in text.splitlines()] if streamed else json.loads(text or "null")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[models_registry.Server]:
    """A registry that has the model, and a short patience with it."""
    config = {"model_families": ["x"], "file_type": "F32", "gpuhost_model_info": {"general.architecture": "llama"}}
    with models_registry.running(tmp_path) as made:
        made.offer(MODEL, *parts.model(WEIGHTS, config, {"temperature": 0.5}))
        (tmp_path / "ca.pem").write_text(made.authority)
        monkeypatch.setattr(registry, "AUTHORITIES", str(tmp_path / "ca.pem"))
        monkeypatch.setattr(registry, "FIRST_PAUSE_S", 0.001)
        yield made


@pytest.fixture
def client(tmp_path: Path, source: models_registry.Server) -> Iterator[Client]:
    made = Client(tmp_path / "models", source)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def pulled(client: Client) -> Client:
    assert client.post("/api/pull", model=MODEL, stream=False) == (200, {"status": "success"})
    return client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_says_that_it_runs_and_that_it_is_a_stand_in(client: Client, method: str) -> None:
    response, text = client.ask(method, "/")
    assert response.status == 200
    assert text == ("Ollama is running" if method == "GET" else "")
    assert response.headers["X-Gpuhost-Stand-In"] == "ollama"


def test_the_version_is_none_that_ollama_ever_had(client: Client) -> None:
    answer = json.loads(client.ask("GET", "/api/version")[1])
    assert answer == {"version": "0.0.0-gpuhost-lab", "gpuhost_stand_in": "ollama"}


def test_a_pull_streams_real_bytes_and_ends_with_success(client: Client) -> None:
    status, lines = client.post("/api/pull", model=MODEL)
    assert status == 200
    assert lines[0] == {"status": "pulling manifest"}
    assert [line["status"] for line in lines[-3:]] == [
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    weights = [line for line in lines if line.get("total") == len(WEIGHTS)]
    assert "completed" not in weights[0]  # as documented: not before something is there
    assert weights[0]["status"] == f"pulling {weights[0]['digest'][7:19]}"
    done = [line.get("completed", 0) for line in weights]
    assert done == sorted(done)
    assert done[-1] == len(WEIGHTS)
    assert len(set(done)) > 3


def ranges(source: models_registry.Server) -> list[str | None]:
    """What was asked for of the weights."""
    return [asked for path, asked in source.asked if path == f"/elsewhere/{parts.digest(WEIGHTS)}"]


def test_a_dropped_connection_is_followed_by_the_rest(client: Client, source: models_registry.Server) -> None:
    source.cuts = [500_000]
    assert client.post("/api/pull", model=MODEL)[1][-1] == {"status": "success"}
    first, second = ranges(source)
    assert first == f"bytes=0-{len(WEIGHTS) - 1}"
    assert second == f"bytes=500000-{len(WEIGHTS) - 1}"


def test_a_pull_goes_on_where_the_last_one_stopped(client: Client, source: models_registry.Server) -> None:
    source.cuts = [100_000] + [1] * (registry.TRIES - 1)
    assert client.post("/api/pull", model=MODEL)[1][-1] == {"error": "max retries exceeded: unexpected EOF"}
    lines = client.post("/api/pull", model=MODEL)[1]
    came = 100_000 + registry.TRIES - 1
    assert next(line["completed"] for line in lines if line.get("total") == len(WEIGHTS) and "completed" in line) >= came
    assert ranges(source)[-1] == f"bytes={came}-{len(WEIGHTS) - 1}"
    assert lines[-1] == {"status": "success"}
    assert sorted(path.suffix for path in client.root.glob("blobs/*")) == [""] * 4, "no part is left"


def test_what_is_not_what_its_digest_says_is_thrown_away(client: Client, source: models_registry.Server) -> None:
    path = f"/elsewhere/{parts.digest(WEIGHTS)}"
    source.content[path] = b"x" * len(WEIGHTS)
    said = client.post("/api/pull", model=MODEL)[1][-1]["error"]
    assert said.startswith(f"digest mismatch, file must be downloaded again: want {parts.digest(WEIGHTS)}, got sha256:")
    assert json.loads(client.ask("GET", "/api/tags")[1]) == {"models": []}
    source.content[path] = WEIGHTS
    assert client.post("/api/pull", model=MODEL)[1][-1] == {"status": "success"}


def test_two_pulls_at_once_fetch_once_and_both_see_the_end(client: Client, source: models_registry.Server) -> None:
    source.pause = 0.01
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(client.post("/api/pull", model=MODEL))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lines[-1] for _, lines in results] == [{"status": "success"}] * 2
    assert len(ranges(source)) == 1


def test_a_model_that_was_here_before_comes_anew_from_its_first_byte(client: Client) -> None:
    def came() -> list[int]:
        lines = client.post("/api/pull", model=MODEL)[1]
        return [line.get("completed", 0) for line in lines if line.get("total") == len(WEIGHTS)]

    first = came()
    assert first[0] == 0
    assert client.ask("DELETE", "/api/delete", {"model": MODEL})[0].status == 200
    assert came() == first


def test_an_unknown_model_cannot_be_pulled(client: Client) -> None:
    error = {"error": "pull model manifest: file does not exist"}
    assert client.post("/api/pull", model="nope") == (200, [{"status": "pulling manifest"}, error])
    assert client.post("/api/pull", model="nope", stream=False) == (500, error)


def test_what_was_pulled_is_listed_as_documented(pulled: Client) -> None:
    (model,) = json.loads(pulled.ask("GET", "/api/tags")[1])["models"]
    assert set(model) == {"name", "model", "modified_at", "size", "digest", "details"}
    assert model["name"] == model["model"] == "gpuhost-lab-tiny:latest"
    assert model["size"] > len(WEIGHTS)
    assert model["details"]["quantization_level"] == "F32"


def test_show_has_the_documented_fields(pulled: Client) -> None:
    status, shown = pulled.post("/api/show", model=MODEL)
    assert status == 200
    assert {"modelfile", "parameters", "template", "details", "model_info", "capabilities", "license"} <= set(shown)
    assert shown["model_info"] == {"general.architecture": "llama"}


def test_generate_streams_the_text_and_then_the_counts(pulled: Client) -> None:
    status, lines = pulled.post("/api/generate", model=MODEL, prompt="hello")
    assert status == 200
    assert [line["response"] for line in lines] == [" one", " two", ""]
    assert [line["done"] for line in lines] == [False, False, True]
    last = lines[-1]
    assert (last["done_reason"], last["eval_count"], last["prompt_eval_count"]) == ("length", 2, 7)
    assert (last["eval_duration"], last["prompt_eval_duration"]) == (2_500_000, 1_500_000)
    assert last["total_duration"] > last["load_duration"] > 0
    assert last["context"] == [1, 2, 3]


def test_without_streaming_generate_and_chat_give_one_object(pulled: Client) -> None:
    generated = pulled.post("/api/generate", model=MODEL, prompt="hello", stream=False)[1]
    assert (generated["response"], generated["done"]) == (" one two", True)
    chat = pulled.post("/api/chat", model=MODEL, messages=[{"role": "user", "content": "hello"}], stream=False)[1]
    assert chat["message"] == {"role": "assistant", "content": " one two"}
    assert "context" not in chat


@pytest.mark.parametrize(
    ("request_", "passed"),
    [
        ({}, {"n_predict": 128}),
        (
            {"options": {"num_predict": 5, "temperature": 0, "seed": 7, "num_gpu": 99}},
            {"n_predict": 5, "temperature": 0, "seed": 7},
        ),
        ({"options": {"num_predict": -1, "stop": "end"}}, {"n_predict": 128, "stop": ["end"]}),
        ({"format": "json"}, {"json_schema": {}}),
        ({"format": {"type": "object"}}, {"json_schema": {"type": "object"}}),
    ],
)
def test_options_reach_what_computes(pulled: Client, request_: dict[str, Any], passed: dict[str, Any]) -> None:
    pulled.post("/api/generate", model=MODEL, prompt="hello", **request_)
    asked = pulled.runners.loaded()[0].asked
    assert passed.items() <= asked.items()
    assert "num_gpu" not in asked


def test_ps_says_that_nothing_is_in_vram(pulled: Client) -> None:
    assert json.loads(pulled.ask("GET", "/api/ps")[1]) == {"models": []}
    pulled.post("/api/generate", model=MODEL, prompt="hello")
    (model,) = json.loads(pulled.ask("GET", "/api/ps")[1])["models"]
    assert (model["size"], model["size_vram"], model["context_length"]) == (30_000_000, 0, 2048)


def test_an_empty_prompt_loads_and_keep_alive_0_unloads(pulled: Client) -> None:
    assert pulled.post("/api/generate", model=MODEL, keep_alive="10m", stream=False)[1]["done_reason"] == "load"
    assert pulled.runners.keep_alive == 600
    assert len(pulled.runners.loaded()) == 1
    assert pulled.post("/api/generate", model=MODEL, keep_alive=0, stream=False)[1]["done_reason"] == "unload"
    assert pulled.runners.loaded() == []


def test_embeddings_have_length_one_and_the_asked_dimensions(pulled: Client) -> None:
    answer = pulled.post("/api/embed", model=MODEL, input=["a", "b"])[1]
    assert answer["embeddings"] == [[0.6, 0.8, 0.0]] * 2
    assert answer["prompt_eval_count"] == 4
    assert pulled.post("/api/embed", model=MODEL, input="a", dimensions=1)[1]["embeddings"] == [[1.0]]
    assert pulled.post("/api/embeddings", model=MODEL, prompt="a") == (200, {"embedding": [3.0, 4.0, 0.0]})


def test_a_model_is_made_of_another_with_settings_of_its_own(pulled: Client) -> None:
    status, lines = pulled.post(
        "/api/create", model="careful", **{"from": MODEL}, system="Be brief.", parameters={"top_k": 3, "stop": ["x", "y"]}
    )
    assert (status, lines[-1]) == (200, {"status": "success"})
    shown = pulled.post("/api/show", model="careful")[1]
    assert shown["system"] == "Be brief."
    assert [line.split() for line in shown["parameters"].splitlines()] == [
        ["temperature", "0.5"], ["top_k", "3"], ["stop", '"x"'], ["stop", '"y"']
    ]  # fmt: skip
    pulled.post("/api/generate", model="careful", prompt="hello", options={"top_k": 5})
    asked = pulled.runners.loaded()[0].asked
    assert asked["prompt"] == "Be brief.\nhello"
    assert (asked["temperature"], asked["top_k"], asked["stop"]) == (0.5, 5, ["x", "y"])
    assert pulled.post("/api/show", model=MODEL)[1]["system"] == "", "what it was made of stays as it is"


def test_a_model_that_others_are_made_of_leaves_them_whole(pulled: Client) -> None:
    pulled.post("/api/create", model="careful", **{"from": MODEL}, system="Be brief.")
    assert pulled.post("/api/copy", source="careful", destination="kept:1") == (200, None)
    for name in (MODEL, "careful"):
        assert pulled.ask("DELETE", "/api/delete", {"model": name})[0].status == 200
    (left,) = json.loads(pulled.ask("GET", "/api/tags")[1])["models"]
    assert left["name"] == "kept:1"
    assert pulled.post("/api/generate", model="kept:1", prompt="hello", stream=False)[1]["response"] == " one two"


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"from": "nope"}, 404, "model 'nope' not found"),
        ({}, 400, "neither 'from' or 'files' was specified"),
        ({"from": MODEL, "parameters": {"topk": 3}}, 400, "unknown parameter 'topk'"),
    ],
)
def test_a_model_that_cannot_be_made_says_why(pulled: Client, asked: dict[str, Any], status: int, says: str) -> None:
    assert pulled.post("/api/create", model="careful", **asked) == (status, {"error": says})


def test_delete_takes_the_blobs_away_too(pulled: Client) -> None:
    assert len(list(pulled.root.glob("blobs/*"))) == 4
    response, text = pulled.ask("DELETE", "/api/delete", {"model": MODEL})
    assert (response.status, text) == (200, "")
    assert list(pulled.root.glob("blobs/*")) == []
    assert pulled.ask("DELETE", "/api/delete", {"model": MODEL})[0].status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/api/generate", {"model": "nope", "prompt": "x"}, 404, "model 'nope' not found"),
        ("POST", "/api/chat", {"model": "nope", "messages": []}, 404, "model 'nope' not found"),
        (
            "POST",
            "/api/embeddings",
            {"model": "nope", "prompt": "x"},
            404,
            'model "nope" not found, try pulling it first',
        ),
        ("POST", "/api/generate", {"model": "../../etc/passwd"}, 400, "invalid model name"),
        ("POST", "/api/generate", None, 400, "missing request body"),
        ("POST", "/api/generate", "{", 400, "Expecting property name"),
        ("GET", "/api/generate", None, 405, "405 method not allowed"),
        ("GET", "/api/nothing", None, 404, "404 page not found"),
    ],
)
def test_errors_are_the_documented_ones(client: Client, method: str, path: str, body: Any, status: int, says: str) -> None:
    response, text = client.ask(method, path, body)
    assert response.status == status
    assert says in text.replace('\\"', '"')
    assert response.headers["X-Gpuhost-Stand-In"] == "ollama"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("90s", 90.0),
        ("300", 300.0),
        (15, 15.0),
        (-1, float("inf")),
        ("-1m", float("inf")),
        (0, 0.0),
    ],
)
def test_durations_are_read_as_ollama_reads_them(value: str | int, seconds: float) -> None:
    assert settings.duration(value) == seconds


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", ("127.0.0.1", 11434)),
        ("0.0.0.0", ("0.0.0.0", 11434)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        (":9000", ("127.0.0.1", 9000)),
        ("http://10.0.0.1", ("10.0.0.1", 80)),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(value: str, address: tuple[str, int]) -> None:
    assert settings.address(value) == address


def test_the_start_log_tells_the_override_and_that_there_is_no_gpu(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server._announce(settings.read({"HOME": str(tmp_path), "HSA_OVERRIDE_GFX_VERSION": "10.3.0"}))
    log = capsys.readouterr().err
    assert "HSA_OVERRIDE_GFX_VERSION:10.3.0" in log
    assert 'msg="inference compute" id=cpu library=cpu' in log
    assert "stand-in for Ollama, not Ollama" in log


def test_it_does_not_start_where_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / "home").write_text("a file, so nothing can be made below it")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert server.serve() == 1
    assert capsys.readouterr().err.startswith("Error: ")


def test_the_command_lists_models_and_says_when_no_server_answers(
    pulled: Client, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{pulled.server.server_address[1]}")
    assert main.main(["list"]) == 0
    assert "gpuhost-lab-tiny:latest" in capsys.readouterr().out
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    with pytest.raises(SystemExit, match="could not connect to ollama server"):
        main.main(["list"])
