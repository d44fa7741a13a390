"""How fast Ollama and llama.cpp answer on this host, with the same model and the same prompts, turn by turn.

Prompt and generation are timed by the servers themselves (ollama docs/api.md: durations in nanoseconds; llama.cpp
tools/server/README.md: timings). Each prompt begins otherwise, so that nothing comes out of a cache.
"""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

from .checks import running
from .checks.context import Context, fetch

SCHEMA = 1
SECONDS = 600
#: Words of a prompt; what they say does not matter, that they are the same for both does.
_WORDS = [
    "the",
    "light",
    "of",
    "the",
    "morning",
    "fell",
    "on",
    "the",
    "table",
    "and",
    "nobody",
    "in",
    "the",
    "house",
    "had",
    "heard",
    "the",
    "letter",
    "come",
    "through",
    "the",
    "door",
]

Sample = dict[str, float]
Post = Callable[[str, dict[str, Any], dict[str, str]], Any]


def measure(
    expected: dict[str, Any], ctx: Context, runs: int, words: int, tokens: int, post: Post | None = None
) -> dict[str, Any]:
    """The figures of both servers; ``error`` where they cannot be compared here.

    :param words: length of the prompts; :param tokens: how many are asked for.
    """
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "host": expected.get("host"),
        "simulated": ctx.simulated,
        "taken_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "runs": runs,
        "model": None,
        "engines": [],
    }
    rows = {row["name"]: row for row in expected.get("services") or []}
    missing = [name for name in ("ollama", "llamacpp") if name not in rows]
    if missing:
        return {**head, "error": f"{' and '.join(missing)} is not among the services of this host"}
    model = rows["llamacpp"]["model"]
    if rows["llamacpp"].get("file", "").rpartition("/")[2] != "model.gguf":
        return {**head, "error": f"llama.cpp runs {model} from a file of the host, which Ollama does not have"}
    try:
        key = (ctx.root / rows["llamacpp"]["key"].lstrip("/")).read_text(encoding="utf-8").strip()
    except OSError as error:
        return {**head, "error": f"{rows['llamacpp']['key']}: {error.strerror}"}
    ask = post or _post
    engines: list[dict[str, Any]] = [
        _engine(rows["ollama"], ctx, lambda prompt: _ollama(ask, rows["ollama"]["url"], model, prompt, tokens)),
        _engine(rows["llamacpp"], ctx, lambda prompt: _llamacpp(ask, rows["llamacpp"]["url"], key, prompt, tokens)),
    ]
    _turns(engines, runs, words)
    engines[0]["processor"] = _placed(rows["ollama"]["url"], model)
    engines[1]["processor"] = rows["llamacpp"].get("library")
    return {**head, "model": model, "engines": [_summed(one) for one in engines], **_ratios(engines)}


def _engine(row: dict[str, Any], ctx: Context, ask: Callable[[str], Sample]) -> dict[str, Any]:
    return {"name": row["name"], "stand_in": running.stand_in(row, ctx), "ask": ask, "samples": [], "error": ""}


def _turns(engines: list[dict[str, Any]], runs: int, words: int) -> None:
    """One prompt each to warm up (the model is loaded then), then turn by turn: a slow minute hits both."""
    for turn in range(runs + 1):
        prompt = f"{turn} {time.time_ns()} " + " ".join(_WORDS[index % len(_WORDS)] for index in range(words))
        for engine in engines:
            if engine["error"]:
                continue
            try:
                sample = engine["ask"](prompt)
            except (OSError, ValueError, KeyError, TypeError) as error:
                engine["error"] = f"{type(error).__name__}: {error}"
                continue
            if turn:
                engine["samples"].append(sample)


def _ollama(post: Post, url: str, model: str, prompt: str, tokens: int) -> Sample:
    options = {"num_predict": tokens, "temperature": 0, "seed": 1}
    body = {"model": model, "prompt": prompt, "raw": True, "stream": False, "options": options}
    said = post(f"{url.rstrip('/')}/api/generate", body, {})
    return {
        "prompt_tokens": said["prompt_eval_count"],
        "prompt_rate": 1e9 * said["prompt_eval_count"] / max(1, said["prompt_eval_duration"]),
        "tokens": said["eval_count"],
        "rate": 1e9 * said["eval_count"] / max(1, said["eval_duration"]),
    }


def _llamacpp(post: Post, url: str, key: str, prompt: str, tokens: int) -> Sample:
    body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "seed": 1, "cache_prompt": False}
    said = post(f"{url.rstrip('/')}/completion", body, {"Authorization": f"Bearer {key}"})["timings"]
    return {
        "prompt_tokens": said["prompt_n"],
        "prompt_rate": said["prompt_per_second"],
        "tokens": said["predicted_n"],
        "rate": said["predicted_per_second"],
    }


def _post(url: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    """The JSON answer, from this host itself: a site's proxy has no business in between."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
        return json.load(answer)


def _placed(url: str, model: str) -> str | None:
    """Where Ollama has the model: ``gpu``, ``cpu`` or ``partly``; None where it does not say."""
    try:
        rows = json.loads(fetch(url.rstrip("/") + "/api/ps").body)["models"]
        row = next(one for one in rows if str(one["name"]).partition(":latest")[0] == model.partition(":latest")[0])
        size, vram = int(row["size"]), int(row.get("size_vram") or 0)
    except (ValueError, KeyError, TypeError, StopIteration):
        return None
    return "gpu" if vram >= size else "partly" if vram else "cpu"


def _summed(engine: dict[str, Any]) -> dict[str, Any]:
    kept = {key: engine[key] for key in ("name", "stand_in", "processor", "samples", "error")}
    for key in ("prompt_rate", "rate"):
        kept[key] = round(statistics.median(one[key] for one in engine["samples"]), 2) if engine["samples"] else None
    return kept


def _ratios(engines: list[dict[str, Any]]) -> dict[str, Any]:
    """llama.cpp's rates as multiples of Ollama's; and why there are none."""
    broken = [f"{one['name']}: {one['error'] or 'no answer'}" for one in engines if one["error"] or not one["samples"]]
    if broken:
        return {"error": "; ".join(broken)}
    first, second = (_summed(one) for one in engines)
    return {key: round(second[key] / first[key], 2) for key in ("prompt_rate", "rate") if first[key]}


def run(expected: dict[str, Any], root: Path, runs: int, words: int, tokens: int) -> dict[str, Any]:
    """:func:`measure` on this host."""
    return measure(expected, Context(expected, root=root), runs, words, tokens)
