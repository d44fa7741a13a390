"""How fast Ollama answers, beside what the same engine does with the GPU hidden on this host, and beside its own past.

A model can lie in GPU memory and still be computed elsewhere; only speed tells. The GPU is hidden from one request by its
option ``num_gpu`` (layers that go to GPUs): none. Ollama, docs/api.md: a rate is ``eval_count`` over ``eval_duration``.
"""

from __future__ import annotations

import json
import time
from typing import Any

from ..result import Result, judged, unverifiable
from . import rate, running
from .context import Context, fetch
from .generate import loaded_of, model_of, not_here, ollama_of

#: Tokens to generate: enough for a rate on a GPU; processors are given as many as they manage in their time.
TOKENS, HIDDEN_TOKENS = 64, 16
#: A prompt of some hundred tokens, so that reading it is a rate too.
PROMPT = "Write about the sea, the wind and the light. " + "The waves come and go and the day is long. " * 20
#: What all of it may take, and the share of it for the processors.
SECONDS, HIDDEN_SHARE = 90.0, 0.5
#: How much faster a GPU has to be than the processors beside it. A card of its own reads its memory several times as fast as
#: a processor does; one inside of the processor reads the same memory, and is faster at arithmetic alone: at prompts.
CARD, INTEGRATED = {"tokens": 1.5, "prompt": 2.0}, {"tokens": 0.8, "prompt": 1.2}

WHAT = {"tokens": "generates", "prompt": "reads a prompt at"}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Two calls: as it is, and with the GPU hidden where it is planned to use one. The model is left loaded as it was."""
    row = ollama_of(expected)
    if row is None or not model_of(row):
        return {}
    over = time.monotonic() + min(SECONDS, max(2.0, ctx.left / 3))
    seen: dict[str, Any] = {"simulated": ctx.simulated, "stand_in": running.stand_in(row, ctx)}
    share = (over - time.monotonic()) * (1 - HIDDEN_SHARE if row.get("gpu") else 1)
    # The first call loads the model; its own figures do not count that, and the second's prompt is not in its memory yet.
    ask(row, share / 2, TOKENS, salt="1")
    seen["shown"] = ask(row, share / 2, TOKENS, salt="2")
    if row.get("gpu"):
        seen["hidden"] = ask(row, over - time.monotonic(), HIDDEN_TOKENS, salt="3", num_gpu=0)
        seen["loaded_hidden"] = loaded_of(row)
        ask(row, 10.0, 1, salt="4")
    return seen


def ask(row: dict[str, Any], seconds: float, tokens: int, salt: str, **options: Any) -> dict[str, Any]:
    """`{count, tokens, prompt}`, the last two in tokens a second; `{"error"}` where no answer came in that time."""
    body = {
        "model": model_of(row),
        "prompt": f"{salt}. {PROMPT}",
        "stream": False,
        "options": {"num_predict": tokens, "seed": 1, "temperature": 0, **options},
    }
    address, kind = row["url"].rstrip("/") + "/api/generate", {"Content-Type": "application/json"}
    answer = fetch(address, kind, max(1.0, seconds), json.dumps(body))
    if answer.status != 200:
        return {"error": answer.error or f"HTTP {answer.status}: {answer.body[:200]}"}
    return read(answer.body)


def read(body: str) -> dict[str, Any]:
    """The rates in an answer of ``/api/generate``; pure. ``prompt`` is ``None`` where the prompt was in its memory "
    "already."""
    try:
        said = json.loads(body)
        count, took = int(said["eval_count"]), int(said["eval_duration"])
    except (ValueError, KeyError, TypeError):
        return {"error": f"no figures in the answer: {body[:200]}"}
    read_count, read_took = int(said.get("prompt_eval_count") or 0), int(said.get("prompt_eval_duration") or 0)
    return {
        "count": count,
        "tokens": 1e9 * count / took if took else None,
        "prompt": 1e9 * read_count / read_took if read_took and read_count > 16 else None,
    }


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """The rate of generating and that of reading; nothing where there is no Ollama or no model."""
    row = ollama_of(expected)
    if row is None or not seen:
        return []
    gpus = expected.get("gpus") or []
    factors = INTEGRATED if gpus and all(gpu.get("integrated") for gpu in gpus) else CARD
    return [_rate(row, name, seen, expected, factors[name]) for name in WHAT]


def _rate(row: dict[str, Any], name: str, seen: dict[str, Any], expected: dict[str, Any], factor: float) -> Result:
    id, shown = f"speed.{row['name']}.{name}", seen["shown"]
    needs = ("generate.ollama.text", "generate.ollama.residency", "generate.ollama.discovery", *running.causes(row))
    if "error" in shown:
        return judged(
            id,
            False,
            seen=shown["error"],
            wanted="an answer",
            why=f"{model_of(row)} gave no answer when its speed was measured: {shown['error']}.",
            next=running.logs(row),
            needs=(*needs, f"services.{row['name']}.answers"),
        )
    hidden = (seen.get("hidden") or {}).get(name)
    figures = {"value": shown[name], "unit": "tokens/s", **({"hidden": hidden} if hidden else {})}
    reason = not_here(row, seen) or _unknown(row, name, seen)
    if reason:
        return unverifiable(id, reason, seen={key: rate.figure(value) for key, value in figures.items()})
    against = {"id": id, "history": expected.get("history"), "device": {"kind": "gpu" if row.get("gpu") else "cpu"}}
    dues = [_beside(hidden, factor)] if hidden and row.get("gpu") else []
    past = rate.history(name, against)
    found = rate.compared(f"{model_of(row)} {WHAT[name]}", figures, [*dues, *([past] if past else [])])
    if found.ok is None:
        return unverifiable(id, found.why, seen=found.seen, wanted=found.wanted)
    return judged(id, found.ok, seen=found.seen, wanted=found.wanted, why=found.why, next=found.next, needs=needs)


def _unknown(row: dict[str, Any], name: str, seen: dict[str, Any]) -> str:
    """Why nothing can be said; empty where something can."""
    if not seen["shown"][name]:
        return "Ollama told no rate: what it was asked is too short, or in its memory already"
    hidden = seen.get("hidden") or {}
    if not row.get("gpu"):
        return ""
    if "error" in hidden:
        return f"with the GPU hidden there is no rate to compare with: {hidden['error']}"
    if (seen.get("loaded_hidden") or {}).get("size_vram"):
        return "the GPU could not be hidden: the model was in its memory all the same"
    return "" if hidden.get(name) else "with the GPU hidden Ollama told no rate to compare with"


def _beside(hidden: float, factor: float) -> rate.Due:
    """At least so many times what the processors do."""
    why = (
        f"With the GPU hidden on this host it is {rate.figure(hidden)}: the processors do the work, whatever the list of "
        "devices says, or the GPU is held back."
    )
    step = "`gpuhost monitor` shows whether the GPU works meanwhile, and its clocks; `gpuhost verify --only health`."
    return rate.Due(factor * hidden, f"{factor:g} times what it does with the GPU hidden", why, step)
