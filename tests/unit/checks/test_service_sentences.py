"""llama.cpp and the other services beside Ollama: each check can fail, and names the cause; rows of `test_sentences`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row
from verify.checks import generate_llamacpp, service_own
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

Seen = dict[str, Any]
ROCM_FLOOR = "30.10.0"
NO_DEVICE = {
    "devices": [],
    "gpu": False,
    "backends": ["ROCm", "CPU"],
    "offloaded": None,
    "error": "failed to initialize ROCm: no ROCm-capable device is detected",
    "kind": "no_device",
}


def llamacpp(**changes: Any) -> Change:
    return lambda seen: seen["llamacpp"].update(changes)


def page(service: str, name: str, **changes: Any) -> Change:
    return lambda seen: seen["services"][service][name].update(changes)


def test_a_model_that_ollama_lists_in_another_case_is_there() -> None:
    (found,) = [service_own._model("Tiny:1b", ["tiny:1b"], {"name": "ollama"})]
    assert found.status == PASS


def setup(**changes: Any) -> Change:
    """AnythingLLM's settings as it tells them."""
    said = {"results": {**healthy.SETUP, **changes}}
    return lambda seen: seen["services"]["anythingllm"].update(setup=healthy.page(json.dumps(said)))


DISCOVERY, RESIDENCY = "generate.llamacpp.discovery", "generate.llamacpp.residency"
INSIDE = healthy.llamacpp()["container"]

ROWS: list[Row] = [
    (
        "services",
        page("llamacpp", "closed", status=200),
        "services.llamacpp.refuses_without_key",
        "uses the GPU",
        "gpuhost up",
    ),
    ("services", page("llamacpp", "closed", status=500), "services.llamacpp.refuses_without_key", "HTTP 500", "gpuhost up"),
    (
        "services",
        page("llamacpp", "models", status=401),
        "services.llamacpp.opens_with_key",
        "refuses the API key",
        "restart",
    ),
    (
        "services",
        page("llamacpp", "models", status=0, error="No such file", kept=False),
        "services.llamacpp.opens_with_key",
        "no longer has the API key",
        "gpuhost up",
    ),
    (
        "services",
        page("llamacpp", "models", body='{"data": [{"id": "other"}]}'),
        "services.llamacpp.model",
        "has other loaded and not tiny:1b",
        "gpuhost up",
    ),
    (
        "services",
        page("llamacpp", "metrics", body="", status=501),
        "services.llamacpp.metrics",
        "cannot be read",
        "--metrics",
    ),
    (
        "services",
        setup(EmbeddingEngine="native", EmbeddingModelPref=None),
        "services.anythingllm.embedding",
        "with native: no model and not with Ollama's nomic-embed-text",
        "Embedder",
    ),
    ("services", setup(VectorDB="pinecone"), "services.anythingllm.vector_store", "in pinecone and not", "VECTOR_DB"),
    ("services", setup(RequiresAuth=False), "services.anythingllm.login", "asks nobody for a password", "AUTH_TOKEN"),
    ("generate", llamacpp(call={"error": "HTTP 503"}), "generate.llamacpp.text", "gave no text: HTTP 503", "docker logs"),
    ("generate", llamacpp(call={"text": "", "tokens": 0}), "generate.llamacpp.text", "the answer is empty", "docker logs"),
    (
        "generate",
        llamacpp(listed=NO_DEVICE, container={**INSIDE, "devices": [healthy.KFD]}),
        DISCOVERY,
        "the container was not given /dev/dri/renderD128",
        "--list-devices",
    ),
    (
        "generate",
        llamacpp(listed=NO_DEVICE, nodes={healthy.KFD: "refused", healthy.RENDER: "ok"}),
        DISCOVERY,
        "may not open /dev/kfd: none of its groups (44, 109) owns them",
        "--list-devices",
    ),
    (
        "generate",
        llamacpp(listed=NO_DEVICE, container={**INSIDE, "environment": {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}}),
        DISCOVERY,
        "HSA_OVERRIDE_GFX_VERSION=10.3.0 is set",
        "--list-devices",
    ),
    (
        "generate",
        llamacpp(
            listed={**NO_DEVICE, "backends": ["CPU"], "error": "Available devices: (none)"},
            log={**NO_DEVICE, "backends": ["CPU"]},
        ),
        DISCOVERY,
        "a wrong build: it brings CPU and nothing for rocm",
        "--list-devices",
    ),
    (
        "generate",
        llamacpp(listed=NO_DEVICE, driver={"in_tree": False, "version": "6.10.5.60200"}),
        DISCOVERY,
        "driver 6.10.5.60200 is too old for the image's ROCm, which asks for 30.10.0",
        "--list-devices",
    ),
    ("generate", llamacpp(listed=NO_DEVICE), DISCOVERY, "a driver older than 30.10.0 looks the same", "--list-devices"),
    (
        "generate",
        llamacpp(listed={"devices": [{"backend": "Vulkan"}], "backends": ["Vulkan"], "gpu": True}),
        DISCOVERY,
        "a GPU through vulkan",
        "--list-devices",
    ),
    (
        "generate",
        llamacpp(log={**healthy.llamacpp()["log"], "offloaded": [9, 17]}),
        RESIDENCY,
        "Only 9 of 17 layers on a GPU",
        "services_llamacpp_context",
    ),
    (
        "generate",
        llamacpp(log={**healthy.llamacpp()["log"], "gpu": False, "offloaded": [0, 17]}),
        RESIDENCY,
        "beside another GPU an integrated one is dropped",
        "docker logs",
    ),
]


def judge(seen: Seen, **row: Any) -> dict[str, Result]:
    expected = healthy.expected()
    next(one for one in expected["services"] if one["name"] == "llamacpp").update(row)
    return {result.id: result for result in generate_llamacpp.judge(seen, expected)}


def test_where_the_plan_has_no_gpu_a_model_in_ram_is_as_planned() -> None:
    seen = healthy.llamacpp() | {"listed": {"devices": [], "backends": ["CPU"], "kind": "no_device", "error": "none"}}
    seen["log"] = {"offloaded": [0, 17], "backends": ["CPU"], "gpu": False}
    results = judge(seen, gpu=False, library="cpu", devices=[])
    assert {result.status for result in results.values()} == {PASS}
    assert judge(healthy.llamacpp(), gpu=False, library="cpu", devices=[])[DISCOVERY].status == FAIL


@pytest.mark.parametrize(
    ("change", "id", "words"),
    [
        ({"stand_in": "Debian's llama.cpp"}, DISCOVERY, "stand-in"),
        ({"simulated": True}, RESIDENCY, "simulated"),
        ({"log": {"offloaded": None}}, RESIDENCY, "no longer has the lines"),
        ({"listed": {"kind": "unknown", "error": "no engine"}}, DISCOVERY, "no engine"),
        ({"call": {"error": "only root can read the API key", "planned": False}}, "generate.llamacpp.text", "only root"),
    ],
)
def test_what_cannot_be_seen_is_no_pass(change: Seen, id: str, words: str) -> None:
    result = judge(healthy.llamacpp() | change)[id]
    assert result.status == UNVERIFIABLE
    assert words in result.why


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"error": {"message": "Loading model"}}, {"error": "not the answer of an OpenAI-compatible API"}),
        (
            {
                "choices": [{"message": {"content": None, "reasoning_content": "Hm."}}],
                "usage": {"completion_tokens": 2},
                "timings": {"prompt_per_second": 10.5, "predicted_per_second": 4.5},
            },
            {"text": "Hm.", "tokens": 2, "prompt_rate": 10.5, "rate": 4.5},
        ),
    ],
)
def test_an_answer_is_read_as_it_is_documented(said: Any, seen: Seen) -> None:
    found = generate_llamacpp.read(said)
    assert found.get("error", "").startswith(seen["error"]) if "error" in seen else found == seen
