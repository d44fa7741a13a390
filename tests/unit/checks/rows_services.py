"""Services: their answers and addresses, their ways to each other, generated text; rows of `test_sentences`."""

from __future__ import annotations

from tests.unit.checks import healthy, test_service_sentences
from tests.unit.checks.changes import Change, Row, Unknown, put

REFUSED = {"status": 0, "body": "", "error": "Connection refused"}


def body(service: str, page: str, text: str, status: int = 200) -> Change:
    return put("services", service, page, healthy.page(text, status))


ROWS: list[Row] = [
    (
        "services",
        put("services", "ollama", "health", REFUSED),
        "services.ollama.answers",
        "Connection refused",
        "docker restart",
    ),
    (
        "services",
        body("ollama", "health", "<h1>It works</h1>"),
        "services.ollama.health",
        "not with what a working ollama says",
        "docker logs",
    ),
    ("services", body("ollama", "health", '{"version": "1"}', 500), "services.ollama.health", "", "docker logs"),
    (
        "services",
        body("anythingllm", "health", '{"online": false}'),
        "services.anythingllm.health",
        '{"online": false}',
        "docker logs",
    ),
    ("services", body("ollama", "version", "{}"), "services.ollama.version", "does not name a version", "docker logs"),
    (
        "services",
        body("ollama", "tags", "{}"),
        "services.ollama.model.tiny_1b",
        "does not have the model tiny:1b",
        "models.pull tiny:1b",
    ),
    (
        "services",
        body("anythingllm", "page", "AnythingLLM", 502),
        "services.anythingllm.page",
        "does not show AnythingLLM",
        "docker logs",
    ),
    (
        "services",
        body("anythingllm", "page", "<h1>nginx</h1>"),
        "services.anythingllm.page",
        "does not show AnythingLLM",
        "docker logs",
    ),
    (
        "services",
        test_service_sentences.setup(LLMProvider="openai"),
        "services.anythingllm.llm_provider",
        "is set to openai",
        "LLM_PROVIDER",
    ),
    (
        "services",
        test_service_sentences.setup(OllamaLLMBasePath="http://127.0.0.1:11434"),
        "services.anythingllm.llm_address",
        "asks http://127.0.0.1:11434",
        "OLLAMA_BASE_PATH",
    ),
    (
        "services",
        body("jupyter", "closed", "[]"),
        "services.jupyter.refuses_without_token",
        "runs programs on this host",
        "gpuhost up",
    ),
    (
        "services",
        body("jupyter", "closed", "", 500),
        "services.jupyter.refuses_without_token",
        "answers HTTP 500",
        "gpuhost up",
    ),
    (
        "services",
        put("services", "jupyter", "open", {"status": 403}),
        "services.jupyter.opens_with_token",
        "nobody can log in",
        "restart",
    ),
    (
        "services",
        put("services", "jupyter", "open", {"status": 0, "error": "No such file or directory", "kept": False}),
        "services.jupyter.opens_with_token",
        "no longer has the token",
        "gpuhost up",
    ),
    (
        "services",
        lambda seen: seen["ports"].append({"address": "192.0.2.7", "port": 8888}),
        "services.jupyter.exposure",
        "at 192.0.2.7: jupyter is open to others",
        "ss -ltnp",
    ),
    ("services", put("ports", []), "services.ollama.exposure", "Nothing listens on 127.0.0.1:11434", "ss -ltnp"),
    (
        "exposure",
        lambda seen: seen["ports"].append({"address": "::", "port": 8888, "container": "gpuhost-jupyter"}),
        "exposure.network.listeners",
        ":: port 8888: who reaches this host reaches it without TLS",
        "sudo ss -ltnp 'sport = :8888'",
    ),
    (
        "exposure",
        put("rules", {"rc": 1, "text": "", "error": "Error: No such file or directory"}),
        "exposure.loopback.rules",
        "The rules are gone that keep what is published on 127.0.0.1",
        "sudo systemctl restart gpuhost-loopback.service",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": False, "error": "x"}),
        "wiring.jupyter.ollama",
        "not on one network",
        "docker network",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": True, "error": "x"}),
        "wiring.jupyter.ollama",
        "does not answer there (x)",
        "docker",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": True, "body": "hi"}),
        "wiring.jupyter.ollama",
        "is not ollama (hi)",
        "docker",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": None, "error": "x"}),
        "wiring.jupyter.ollama",
        "could not be asked",
        "docker",
    ),
    (
        "generate",
        put("call", {"error": "model not found"}),
        "generate.ollama.text",
        "gave no text: model not found",
        "docker logs",
    ),
    (
        "generate",
        put("call", {"response": " ", "eval_count": 0}),
        "generate.ollama.text",
        "the answer is empty",
        "docker logs",
    ),
    ("generate", put("loaded", None), "generate.ollama.residency", "not loaded after a call", "docker logs"),
    (
        "generate",
        put("loaded", "size_vram", 0),
        "generate.ollama.residency",
        "on the CPU, at about a tenth",
        "inference compute",
    ),
    (
        "generate",
        put("loaded", "size_vram", 650_000_000),
        "generate.ollama.residency",
        "Only 50 % of the model",
        "smaller model",
    ),
    (
        "generate",
        put("log", {"gpu": False, "reasons": [{"kind": "EACCES", "text": "open /dev/kfd: permission denied"}]}),
        "generate.ollama.discovery",
        "without the numbers of the groups that own them. Its log says: open /dev/kfd: permission denied",
        "ls -ln /dev/kfd",
    ),
]

UNKNOWN: list[Unknown] = [
    ("services", put("ports", None), "services.ollama.exposure", "could not be read"),
    (
        "services",
        put("services", "jupyter", "open", None),
        "services.jupyter.opens_with_token",
        "only root can read the token",
    ),
    ("generate", put("call", {"error": "no environment", "planned": False}), "generate.ollama.text", "no environment"),
    (
        "generate",
        lambda seen: seen.update(call={"error": "no environment", "planned": False}, loaded=None),
        "generate.ollama.residency",
        "no model was loaded",
    ),
    (
        "generate",
        put("call", {"error": "httpx.ReadTimeout: timed out", "late": "27 s"}),
        "generate.ollama.text",
        "no text within 27 s, all that the level has left",
    ),
    (
        "generate",
        lambda seen: seen.update(call={"error": "timed out", "late": "27 s"}, loaded=None),
        "generate.ollama.residency",
        "was not loaded within 27 s",
    ),
    ("generate", put("log", {"error": "nothing about devices"}), "generate.ollama.discovery", "nothing about devices"),
    ("generate", put("log", {"gpu": None}), "generate.ollama.discovery", "no longer has the lines"),
]
