"""The model servers at work. Ollama: a text from the real Python client, and whether the model was where the plan wants
it, GPU or CPU. llama.cpp: its own module.
"""

from __future__ import annotations

import json
from typing import Any

from .. import model_names
from ..engine import EngineError
from ..parsers import ollama_log
from ..result import Result, judged, unverifiable
from . import fallback, generate_llamacpp, interpreters, running
from .context import Context, fetch, run
from .inspection import driver_of

SECONDS = 180
#: What comes after the call.
BESIDES = 3.0

# Runs in the host's environment with PyTorch, which has `ollama`; arguments: address, model, seconds.
_CLIENT = """
import json, sys
from ollama import Client
address, model, limit = sys.argv[1:]
answer = Client(host=address, timeout=float(limit), trust_env=False).generate(
    model=model, prompt="Name three colours.", options={"num_predict": 24, "seed": 1, "temperature": 0})
keys = ("response", "thinking", "eval_count", "eval_duration", "done")
print(json.dumps({key: getattr(answer, key, None) for key in keys}))
"""


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What the client's call gave, then what ``/api/ps`` and the log say about where the model was put."""
    beside = {"llamacpp": generate_llamacpp.probe(expected, ctx)}
    row = ollama_of(expected)
    if row is None or not model_of(row):
        return beside
    call = _call(row, ctx)
    return {
        "simulated": ctx.simulated,
        "stand_in": running.stand_in(row, ctx),
        "call": call,
        "loaded": loaded_of(row),
        "log": _log(row, ctx),
        "driver": driver_of(ctx.snapshot),
        **beside,
    }


def ollama_of(expected: dict[str, Any]) -> dict[str, Any] | None:
    """The planned Ollama."""
    return next((row for row in expected.get("services") or [] if row["name"] == "ollama"), None)


def model_of(row: dict[str, Any]) -> str:
    """The model that applications use; empty where there is none."""
    return str(row.get("model") or next(iter(row.get("models") or []), ""))


def _call(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    if ctx.host_python is None:
        return {"error": "the plan has no Python environment on this host", "planned": False}
    # A call to a service that hangs would take all of its time limit.
    alive = fetch(row["url"].rstrip("/") + "/api/version")
    if not alive.status:
        return {"error": alive.error}
    limit = min(SECONDS, max(5.0, ctx.left - BESIDES))
    # The client gives up first: it knows what it waited for.
    words = [row["url"], model_of(row), f"{limit - min(10.0, limit / 5):.0f}"]
    done = run([ctx.host_python, "-", *words], limit, stdin=_CLIENT)
    if done.rc != 0:
        error = done.last_line or done.error
        late = limit < SECONDS and (done.timed_out or "timed out" in error.lower())
        return {"error": error, **({"late": f"{limit:.0f} s"} if late else {})}
    said: dict[str, Any] = json.loads(done.out.strip().splitlines()[-1])
    return said


def loaded_of(row: dict[str, Any]) -> dict[str, Any] | None:
    """Where the model is now, by ``/api/ps``; see :func:`_loaded`."""
    return _loaded(fetch(row["url"].rstrip("/") + "/api/ps").body, model_of(row))


def _loaded(body: str, model: str) -> dict[str, Any] | None:
    """``{"size", "size_vram"}`` in bytes of the loaded model, ``None`` when it is not loaded or the list is
    no list.
    """
    try:
        rows = json.loads(body)["models"]
        return next(
            {"size": int(row["size"]), "size_vram": int(row.get("size_vram") or 0)}
            for row in rows
            if model_names.among(model, [model_names.full(str(row.get("name") or row.get("model")))])
        )
    except (ValueError, KeyError, TypeError, StopIteration):
        return None


def _log(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    try:
        return dict(ollama_log.parse(running.log(row, ctx, 2000)))
    except EngineError as error:
        return {"error": error.message}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """A text was generated, and by the processor that the plan says; nothing where there is no Ollama or no
    model.
    """
    beside = generate_llamacpp.judge(seen.get("llamacpp") or {}, expected)
    row = ollama_of(expected)
    if row is None or "call" not in seen:
        return beside
    return [_text(row, seen["call"]), _residency(row, seen), _discovery(row, seen), *beside]


def _text(row: dict[str, Any], call: dict[str, Any]) -> Result:
    id, model = "generate.ollama.text", model_of(row)
    if call.get("planned") is False:
        return unverifiable(id, str(call["error"]), next="Set `pytorch_build` to something other than none.")
    if call.get("late"):
        why = f"{model} gave no text within {call['late']}, all that the level has left: a first load can take longer"
        return unverifiable(id, why, seen=call["error"], next=interpreters.longer("generate"))
    text, count = str(call.get("response") or call.get("thinking") or "").strip(), call.get("eval_count") or 0
    return judged(
        id,
        bool(text) and count > 0,
        seen=call.get("error") or {"characters": len(text), "eval_count": count},
        wanted="a text of at least one token",
        why=f"Asked through its Python client, {model} gave no text: {call.get('error') or 'the answer is empty'}.",
        next=running.logs(row),
        needs=(
            "services.ollama.answers",
            f"services.ollama.model.{model.replace(':', '_').replace('/', '_')}",
        ),
    )


def _residency(row: dict[str, Any], seen: dict[str, Any]) -> Result:
    """On the GPU means all of it: a model that is partly in RAM runs at nearly the speed of the RAM."""
    id, loaded = "generate.ollama.residency", seen["loaded"]
    wanted = "all of the model in GPU memory" if row.get("gpu") else "all of the model in RAM"
    placed = f"{loaded['size_vram']} of {loaded['size']} bytes in GPU memory" if loaded else None
    reason = not_here(row, seen)
    if reason:
        return unverifiable(id, reason, seen=placed, wanted=wanted)
    if not loaded and seen["call"].get("planned") is False:
        return unverifiable(id, "no model was loaded, since nothing was asked of it", wanted=wanted)
    if not loaded and seen["call"].get("late"):
        return unverifiable(id, f"the model was not loaded within {seen['call']['late']}", wanted=wanted)
    if not loaded:
        return judged(
            id,
            False,
            seen="not loaded",
            wanted=wanted,
            why="The model is not loaded after a call to it: where it ran cannot have been what was planned.",
            next=running.logs(row),
            needs=("generate.ollama.text", "generate.ollama.discovery"),
        )
    ok = loaded["size_vram"] >= loaded["size"] if row.get("gpu") else loaded["size_vram"] == 0
    return judged(
        id,
        ok,
        seen=placed,
        wanted=wanted,
        why=_misplaced(row, loaded, seen),
        next=_place(loaded, row, seen),
        needs=("generate.ollama.text", "generate.ollama.discovery", *running.causes(row)),
    )


def not_here(row: dict[str, Any], seen: dict[str, Any]) -> str:
    """Why nothing of a GPU can be shown; empty where it can."""
    if seen["stand_in"] is not None:
        return f"stand-in: this is not Ollama's own image ({seen['stand_in']})"
    if row.get("gpu") and seen["simulated"]:
        return "simulated: there is no GPU to hold the model"
    return ""


def _cause(row: dict[str, Any], seen: dict[str, Any]) -> fallback.Cause:
    return fallback.cause(seen["log"].get("reasons") or [], seen.get("driver"), row.get("driver_min"))


def _step(row: dict[str, Any], seen: dict[str, Any]) -> str:
    found = _cause(row, seen)
    step = found.on_host or found.step if running.is_unit(row) else found.step
    return step.format(name=row["unit"] if running.is_unit(row) else row["container"])


def _misplaced(row: dict[str, Any], loaded: dict[str, Any], seen: dict[str, Any]) -> str:
    if not row.get("gpu"):
        return "Ollama has the model in GPU memory, and the plan has no GPU for it."
    if not loaded["size_vram"]:
        return (
            "Ollama runs the model on the CPU, at about a tenth of the GPU's speed, and reports no error: "
            f"{_cause(row, seen).words}. {_said(seen['log'])}"
        )
    part = 100 * loaded["size_vram"] // max(1, loaded["size"])
    return f"Only {part} % of the model is in GPU memory: the rest in RAM sets the speed. {_said(seen['log'])}".strip()


def _place(loaded: dict[str, Any], row: dict[str, Any], seen: dict[str, Any]) -> str:
    if not row.get("gpu"):
        return "Run `gpuhost up` again: it starts it without devices."
    if loaded["size_vram"]:
        return "Use a smaller model or a smaller context (OLLAMA_CONTEXT_LENGTH), or free the GPU's memory."
    return _step(row, seen)


def _processor(log: dict[str, Any]) -> str | None:
    """Which processor Ollama chose at its start; ``None`` where its log no longer says."""
    chosen = log.get("gpu")
    return None if chosen is None else "gpu" if chosen else "cpu"


def _said(log: dict[str, Any]) -> str:
    """The first reason in the log, as Ollama wrote it."""
    return f"Its log says: {str(log['reasons'][0]['text'])[:300]}" if log.get("reasons") else ""


def _discovery(row: dict[str, Any], seen: dict[str, Any]) -> Result:
    """What Ollama found at its start. Its log says it at level INFO, without an error."""
    id, log = "generate.ollama.discovery", seen["log"]
    wanted, found = "gpu" if row.get("gpu") else "cpu", _processor(seen["log"])
    reason = not_here(row, seen)
    if reason:
        return unverifiable(id, reason, seen=found, wanted=wanted)
    if found not in ("gpu", "cpu"):
        return unverifiable(id, log.get("error") or "its log no longer has the lines of its start", wanted=wanted)
    return judged(
        id,
        found == wanted,
        seen=found,
        wanted=wanted,
        why=f"Ollama found no GPU at its start: {_cause(row, seen).words}. {_said(log)}"
        if found == "cpu"
        else "Ollama found a GPU at its start, and the plan has none for it.",
        next=_step(row, seen) if found == "cpu" else "Run `gpuhost up` again: it starts it without devices.",
        needs=(*running.causes(row), "driver.kfd.gpus"),
    )
