"""What the services of the catalogue are asked beyond their health page, each by its own API.

APIs: ollama docs/api.md; anything-llm server/endpoints/system.js; jupyter_server's REST API; llama.cpp
tools/server/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .. import model_names
from ..result import Result, compare, judged, unverifiable
from . import openwebui
from .pages import mapping, start
from .running import known_as, logs


def needs(row: dict[str, Any]) -> tuple[str, ...]:
    """What a service's content depends on."""
    return (f"services.{row['name']}.answers",)


def _ollama(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    version = mapping(pages.get("version")).get("version")
    listed = mapping(pages.get("tags")).get("models") or []
    names = sorted(str(model.get("name") or model.get("model")) for model in listed if isinstance(model, dict))
    return [
        judged(
            "services.ollama.version",
            isinstance(version, str) and bool(version),
            seen=version,
            wanted="a version",
            why="/api/version does not name a version: what listens there is not Ollama, or it is broken.",
            next=logs(row),
            needs=needs(row),
        ),
        *(_model(name, names, row) for name in row.get("models") or [row.get("model")] if name),
    ]


def _model(name: str, listed: list[str], row: dict[str, Any]) -> Result:
    full = full_name(name)
    return judged(
        f"services.ollama.model.{name.replace(':', '_').replace('/', '_')}",
        model_names.among(full, listed) is not None,
        seen=listed,
        wanted=full,
        why=f"Ollama does not have the model {full}: the apps that use it answer with an error.",
        next=f"./gpuhost models.pull {full}",
        needs=(*needs(row), "services.ollama.version"),
    )


def _anythingllm(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    page, setup = pages.get("page") or {}, mapping(pages.get("setup")).get("results") or {}
    names = [name for one in expected["services"] if one["name"] == "ollama" for name in known_as(one)]
    address = setup.get("OllamaLLMBasePath")
    title = page.get("body") or ""
    return [
        judged(
            "services.anythingllm.page",
            page.get("status") == 200 and "AnythingLLM" in title,
            seen=f"HTTP {page.get('status')}: {start(title)}",
            wanted="HTTP 200 and AnythingLLM's page",
            why="The address that people open does not show AnythingLLM, although the service behind it may be well.",
            next=logs(row),
            needs=needs(row),
        ),
        compare(
            "services.anythingllm.llm_provider",
            seen=setup.get("LLMProvider"),
            wanted="ollama",
            why=f"AnythingLLM is set to {setup.get('LLMProvider') or 'no provider'}: what people ask it "
            "does not go to this host's GPU.",
            next="Settings > LLM in AnythingLLM, or LLM_PROVIDER in its .env; then restart its container.",
            needs=needs(row),
        ),
        judged(
            "services.anythingllm.llm_address",
            urlsplit(str(address)).hostname in names,
            seen=address,
            wanted=f"an address of {' or '.join(names)}",
            why=f"AnythingLLM asks {address or 'no address'} for its answers, and Ollama is not known by that name there.",
            next="Settings > LLM in AnythingLLM, or OLLAMA_BASE_PATH in its .env; then restart its container.",
            needs=(*needs(row), "services.anythingllm.llm_provider"),
        ),
        *_documents(row, setup),
    ]


def _documents(row: dict[str, Any], setup: dict[str, Any]) -> list[Result]:
    """How AnythingLLM makes documents searchable, where it keeps that, and whether it asks for a password."""
    model, wanted = str(setup.get("EmbeddingModelPref") or ""), str(row.get("embedding_model") or "")
    seen = f"{setup.get('EmbeddingEngine') or 'nothing'}: {model or 'no model'}"
    return [
        judged(
            "services.anythingllm.embedding",
            setup.get("EmbeddingEngine") == "ollama" and full_name(model) == full_name(wanted),
            seen=seen,
            wanted=f"ollama: {wanted}",
            why=f"AnythingLLM makes documents searchable with {seen} and not with Ollama's {wanted}: it does so on the "
            "processor, or elsewhere.",
            next="Settings > Embedder in AnythingLLM; documents that are there have to be embedded again.",
            needs=needs(row),
        ),
        compare(
            "services.anythingllm.vector_store",
            seen=setup.get("VectorDB"),
            wanted="lancedb",
            why=f"AnythingLLM keeps what it knows of documents in {setup.get('VectorDB') or 'no store'} and not in its own "
            "folder on this host.",
            next="Settings > Vector Database in AnythingLLM, or VECTOR_DB in its .env; then restart its container.",
            needs=needs(row),
        ),
        judged(
            "services.anythingllm.login",
            bool(setup.get("RequiresAuth") or setup.get("MultiUserMode")),
            seen={"password": bool(setup.get("RequiresAuth")), "users": bool(setup.get("MultiUserMode"))},
            wanted="a password, or users",
            why="AnythingLLM asks nobody for a password: whoever reaches it reads every document and sees its keys.",
            next=f"AUTH_TOKEN in its .env; then docker restart {row['container']}. Or `gpuhost up`.",
            needs=needs(row),
        ),
    ]


def full_name(model: str) -> str:
    """A model's name with its tag."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _key_works(row: dict[str, Any], opened: dict[str, Any] | None, what: str, property: str) -> Result:
    """Whether the key that the host keeps opens the service."""
    id, title = f"services.{row['name']}.{property}", TITLES[row["name"]]
    if opened is None:
        return unverifiable(id, f"only root can read the {what}", wanted=200, next="Run it with sudo.")
    kept = opened.get("kept", True)
    return compare(
        id,
        seen=opened["status"] if kept else opened["error"],
        wanted=200,
        why=f"{title} refuses the {what} that this host keeps: nobody can log in."
        if kept
        else f"This host no longer has the {what} of {title}: nobody can look up how to log in.",
        next=f"docker restart {row['container']}: it reads its {what} file at start." if kept else "Run `gpuhost up` again.",
        needs=needs(row) if kept else (),
    )


def _jupyter(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    closed = (pages.get("closed") or {}).get("status")
    return [
        judged(
            "services.jupyter.version",
            bool(mapping(pages.get("health")).get("version")),
            seen=mapping(pages.get("health")).get("version"),
            wanted="a version",
            why="/api does not name a version: what listens there is not a Jupyter server, or it is broken.",
            next=logs(row),
            needs=(*needs(row), "services.jupyter.health"),
        ),
        compare(
            "services.jupyter.refuses_without_token",
            seen=closed,
            wanted=403,
            why="JupyterLab shows its files without a token: everyone who reaches the port runs programs on this host."
            if closed == 200
            else f"Without a token JupyterLab answers HTTP {closed}, not the refusal (403) it should.",
            next="Run `gpuhost up` again: it sets the token file.",
            needs=needs(row),
        ),
        _key_works(row, pages.get("open", {"status": 0}), "token", "opens_with_token"),
    ]


def _llamacpp(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    closed = (pages.get("closed") or {}).get("status")
    opened = pages.get("models", {"status": 0})
    with_key = _key_works(row, opened, "API key", "opens_with_key")
    return [
        compare(
            "services.llamacpp.refuses_without_key",
            seen=closed,
            wanted=401,
            why="llama.cpp answers without its API key: everyone who reaches the port uses the GPU."
            if closed == 200
            else f"Without its API key llama.cpp answers HTTP {closed}, not the refusal (401) it should.",
            next="Run `gpuhost up` again: it sets the key file.",
            needs=(*needs(row), "services.llamacpp.health"),
        ),
        with_key,
        *([_model_loaded(row, opened), _metrics(row, pages.get("metrics") or {})] if opened and "body" in opened else []),
    ]


def _model_loaded(row: dict[str, Any], page: dict[str, Any]) -> Result:
    named = [str(one.get("id")) for one in mapping(page).get("data") or [] if isinstance(one, dict)]
    return judged(
        "services.llamacpp.model",
        row["model"] in named,
        seen=named,
        wanted=row["model"],
        why=f"llama.cpp has {', '.join(named) or 'no model'} loaded and not {row['model']}: applications that ask for that "
        "one get an answer of another, or an error.",
        next="Run `gpuhost up` again.",
        needs=(*needs(row), "services.llamacpp.opens_with_key"),
    )


def _metrics(row: dict[str, Any], page: dict[str, Any]) -> Result:
    counted = metrics(page.get("body") or "")
    return judged(
        "services.llamacpp.metrics",
        "llamacpp:tokens_predicted_total" in counted,
        seen={name: counted[name] for name in sorted(counted) if name.endswith(("_total", "_seconds"))}
        or f"HTTP {page.get('status')}",
        wanted="counters of tokens and seconds",
        why="llama.cpp's counters cannot be read at /metrics: nothing can watch how fast it answers.",
        next="Run `gpuhost up` again: it starts llama.cpp with --metrics.",
        needs=(*needs(row), "services.llamacpp.opens_with_key"),
    )


def metrics(text: str) -> dict[str, float]:
    """The values of llama.cpp's counters (Prometheus' text format, without labels)."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith("llamacpp:"):
            try:
                found[name] = float(value)
            except ValueError:
                continue
    return found


class Keyed(NamedTuple):
    """Pages behind a key: the secret's name, how it is handed in, and whether what they say is kept."""

    secret: str
    scheme: str
    pages: dict[str, str]
    body: bool = False


#: What people call those services that a sentence names.
TITLES = {"jupyter": "JupyterLab", "llamacpp": "llama.cpp"}
#: What the services are asked beyond their health page, without and with the key that the host keeps.
PAGES: dict[str, dict[str, str]] = {
    "ollama": {"version": "/api/version", "tags": "/api/tags"},
    "anythingllm": {"page": "/", "setup": "/api/setup-complete"},
    "jupyter": {"closed": "/api/contents"},
    "llamacpp": {"closed": "/v1/models"},
    "openwebui": openwebui.PAGES,
}
KEYED = {
    "jupyter": Keyed("token", "token", {"open": "/api/contents"}),
    "llamacpp": Keyed("api_key", "Bearer", {"models": "/v1/models", "metrics": "/metrics"}, body=True),
}
#: Who judges the answers.
OWN: dict[str, Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], list[Result]]] = {
    "ollama": _ollama,
    "anythingllm": _anythingllm,
    "jupyter": _jupyter,
    "llamacpp": _llamacpp,
    "openwebui": openwebui.judge,
}
