"""Ollama's speed with and without the GPU: what is asked, what its answers come to, and what is said of them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify.checks import CHECKS, speed
from verify.checks.context import Context
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

Seen = dict[str, Any]


def shown(**changes: Any) -> Change:
    return lambda seen: seen["shown"].update(changes)


def instead(key: str, **value: Any) -> Change:
    return lambda seen: seen.update({key: value})


ROWS: list[Row] = [
    (
        "speed",
        shown(tokens=47.2),
        "speed.ollama.tokens",
        "tiny:1b generates 47.2 tokens/s, and at least 47.2 are due. With the GPU hidden on this host it is 31.5: the "
        "processors",
        "gpuhost monitor",
    ),
    (
        "speed",
        shown(prompt=803.0),
        "speed.ollama.prompt",
        "tiny:1b reads a prompt at 803.0 tokens/s, and at least 804.0",
        "--only",
    ),
    (
        "speed",
        shown(tokens=78.0),
        "speed.ollama.tokens",
        "at least 78.4 are due. It was 98.0 in 1 earlier run, the last on 2026-11-21: something changed on this host.",
        "Compare driver, kernel",
    ),
    (
        "speed",
        instead("shown", error="timed out"),
        "speed.ollama.tokens",
        "tiny:1b gave no answer when its speed was measured: timed out.",
        "docker logs --tail 50 gpuhost-ollama",
    ),
    ("speed", instead("shown", error="HTTP 500: x"), "speed.ollama.prompt", "HTTP 500: x", "docker logs"),
]

UNKNOWN: list[Unknown] = [
    (
        "speed",
        instead("hidden", error="timed out"),
        "speed.ollama.tokens",
        "with the GPU hidden there is no rate to compare with: timed",
    ),
    (
        "speed",
        instead("loaded_hidden", size=10, size_vram=1),
        "speed.ollama.tokens",
        "the GPU could not be hidden: the model was in its memory all the same",
    ),
    (
        "speed",
        instead("hidden", count=16, tokens=31.5, prompt=None),
        "speed.ollama.prompt",
        "with the GPU hidden Ollama told no rate",
    ),
    ("speed", shown(prompt=None), "speed.ollama.prompt", "Ollama told no rate"),
    ("speed", instead("stand_in", x="made in the lab"), "speed.ollama.tokens", "stand-in"),
    ("speed", lambda seen: seen.update(simulated=True), "speed.ollama.prompt", "simulated"),
]


def judge(seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == "speed")
    return {result.id: result for result in check.judge(seen, healthy.expected() | changes)}


def test_where_the_gpu_is_simulated_figures_are_shown_and_prove_nothing() -> None:
    for changes in ({"simulated": True}, {"stand_in": "made in the lab"}):
        results = judge(healthy.seen("speed") | changes)
        assert {result.status for result in results.values()} == {UNVERIFIABLE}
        assert results["speed.ollama.tokens"].seen == {"value": 98.2, "unit": "tokens/s", "hidden": 31.5}


EDGES = [(47.25, 31.5, PASS), (47.24, 31.5, FAIL)]


@pytest.mark.parametrize(("tokens", "hidden", "status"), EDGES)
def test_a_card_is_half_as_fast_again_at_least(tokens: float, hidden: float, status: str) -> None:
    seen = healthy.seen("speed")
    shown(tokens=tokens)(seen)
    result = judge(seen, history=[])["speed.ollama.tokens"]
    assert result.status == status
    assert result.wanted == {"at_least": 47.2, "unit": "tokens/s", "source": "1.5 times what it does with the GPU hidden"}
    assert result.seen == {"value": 47.2, "unit": "tokens/s", "hidden": 31.5}


@pytest.mark.parametrize(("tokens", "prompt", "fails"), [(25.3, 483.0, set()), (25.1, 482.3, {"tokens", "prompt"})])
def test_a_gpu_inside_of_the_processor_reads_the_same_memory(tokens: float, prompt: float, fails: set[str]) -> None:
    seen, gpus = healthy.seen("speed"), healthy.expected()["gpus"]
    shown(tokens=tokens, prompt=prompt)(seen)
    results = judge(seen, history=[], gpus=[{**gpus[0], "integrated": True}])
    assert {id.rpartition(".")[2] for id, result in results.items() if result.status == FAIL} == fails
    # With a card beside it, that is what counts.
    both = judge(seen, history=[], gpus=[{**gpus[0], "integrated": True}, gpus[0]])
    assert {result.status for result in both.values()} == {FAIL}


def test_a_service_planned_for_the_processors_is_compared_with_its_own_past() -> None:
    seen, services = healthy.seen("speed"), [healthy.service("ollama", gpu=False)]
    del seen["hidden"], seen["loaded_hidden"]
    assert judge(seen, services=services)["speed.ollama.tokens"].status == PASS
    shown(tokens=48.9)(seen)
    slow = judge(seen, services=services)["speed.ollama.tokens"]
    assert slow.status == FAIL
    assert slow.wanted["at_least"] == 49.0
    first = judge(seen, services=services, history=[])["speed.ollama.tokens"]
    assert first.status == UNVERIFIABLE
    assert "the next one is compared with this one" in first.why
    # What it does with the GPU hidden is no measure of what it does without one.
    shown(tokens=49.1)(seen)
    seen["hidden"] = {"count": 16, "tokens": 49.0, "prompt": 402.0}
    assert judge(seen, services=services)["speed.ollama.tokens"].status == PASS


def test_without_ollama_or_a_model_nothing_is_asked() -> None:
    assert judge(healthy.seen("speed"), services=[healthy.service("jupyter", gpu=True)]) == {}
    assert judge({}) == {}
    assert speed.probe(healthy.expected() | {"services": []}, Context({})) == {}


#: In the form of Ollama's `docs/api.md`.
ANSWER = {
    "model": "llama3.2",
    "created_at": "2026-11-22T19:22:45.499127Z",
    "response": "The sky is blue because",
    "done": True,
    "total_duration": 4935886791,
    "load_duration": 534986708,
    "prompt_eval_count": 260,
    "prompt_eval_duration": 107345000,
    "eval_count": 237,
    "eval_duration": 4289432000,
}


def test_rates_are_counts_over_durations() -> None:
    read = speed.read(json.dumps(ANSWER))
    assert read == {"count": 237, "tokens": pytest.approx(55.25, abs=0.01), "prompt": pytest.approx(2422.1, abs=0.1)}


@pytest.mark.parametrize("change", [{"prompt_eval_count": 16}, {"prompt_eval_duration": 0}, {"prompt_eval_count": None}])
def test_a_prompt_that_was_hardly_read_has_no_rate(change: Seen) -> None:
    assert speed.read(json.dumps({**ANSWER, **change}))["prompt"] is None


def test_nothing_generated_is_no_rate() -> None:
    assert speed.read(json.dumps({**ANSWER, "eval_duration": 0}))["tokens"] is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"eval_count": "many"}', '{"error": "x"}'])
def test_an_answer_without_figures_is_an_error(body: str) -> None:
    assert speed.read(body) == {"error": f"no figures in the answer: {body}"}


class Ollama(http.server.BaseHTTPRequestHandler):
    """Answers as Ollama does, and notes what it was asked."""

    asked: list[Any]
    vram = 5

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        type(self).vram = 0 if body["options"].get("num_gpu") == 0 else 5
        self.send(ANSWER)

    def do_GET(self) -> None:
        self.send({"models": [{"name": "tiny:1b", "size": 5, "size_vram": self.vram}]})

    def send(self, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def ollama() -> Iterator[tuple[str, list[Any]]]:
    Ollama.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ollama) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", Ollama.asked
        server.shutdown()


@pytest.mark.parametrize(("gpu", "calls"), [(True, 4), (False, 2)])
def test_the_gpu_is_hidden_from_one_call_and_the_model_left_as_it_was(
    gpu: bool, calls: int, ollama: tuple[str, list[Any]]
) -> None:
    url, asked = ollama
    expected = healthy.expected() | {"services": [{**healthy.service("ollama", gpu=gpu), "url": url}]}
    ctx = Context(expected)
    ctx.__dict__["snapshot"] = {}
    ctx._containers["gpuhost-ollama"] = {}
    seen = speed.probe(expected, ctx)
    assert seen["shown"]["count"] == 237
    assert [one["options"].get("num_gpu") for one in asked] == [None, None, 0, None][:calls]
    assert len({one["prompt"] for one in asked}) == len(asked), "a prompt that it knows is not read again"
    assert {(one["model"], one["stream"], one["options"]["temperature"]) for one in asked} == {("tiny:1b", False, 0)}
    if gpu:
        assert seen["loaded_hidden"] == {"size": 5, "size_vram": 0}
        assert Ollama.vram == 5, "the model is on the GPU again"


def test_a_server_that_is_not_there_is_an_error() -> None:
    row = {**healthy.service("ollama", gpu=True), "url": "http://127.0.0.1:9"}
    assert "refused" in speed.ask(row, 5, 1, "1")["error"]
