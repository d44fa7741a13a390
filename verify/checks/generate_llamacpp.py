"""llama.cpp at work: a text from its OpenAI-compatible API, and whether the model is on the planned processor.

It falls back to the CPU without an error. Its list of devices and its log say so, and the container's devices, rights and
settings say why.
"""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

from ..engine import EngineError
from ..parsers import llama_server
from ..result import Result, judged, unverifiable
from .context import Context, fetch
from .inside import causes
from .inspection import OVERRIDE, look

NAME = "llamacpp"
SECONDS = 180
#: What comes after the call.
BESIDES = 3.0
LOG_LINES = 5000
#: How each library calls its devices (llama.cpp's --list-devices).
BACKENDS = {"rocm": ("ROCm", "CUDA"), "vulkan": ("Vulkan",)}

_SILENT: dict[str, Any] = {
    "error": "llama.cpp does not answer", "kind": "unknown", "devices": [], "gpu": None, "offloaded": None,
}  # fmt: skip
_OPENS = 'for node in "$@"; do if [ ! -e "$node" ]; then echo "$node absent"; elif [ ! -r "$node" ] || [ ! -w "$node" ]; \
then echo "$node refused"; else echo "$node ok"; fi; done'


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """A call, the devices that llama.cpp lists, its log, and whether it may open the planned nodes; empty without it."""
    row = planned(expected)
    if row is None:
        return {}
    found = ctx.container(row["container"])
    # A service that hangs would take all of the call's time limit.
    alive = fetch(row["url"].rstrip("/") + row["health"]["path"])
    answers = alive.status == 200
    return {
        "simulated": ctx.simulated,
        "stand_in": ctx.stand_in(row["container"]),
        "call": _call(row, ctx) if answers else {"error": alive.error or f"HTTP {alive.status}"},
        "listed": _listed(row["container"], found, ctx) if answers else dict(_SILENT),
        "log": _log(row["container"], ctx) if answers else dict(_SILENT),
        "nodes": _nodes(row, ctx) if answers else {},
        "container": look(found) if found and "error" not in found else {},
        "driver": ((ctx.snapshot.get("kernel") or {}).get("modules") or {}).get("amdgpu") or {},
    }


def planned(expected: dict[str, Any]) -> dict[str, Any] | None:
    """llama.cpp as the plan has it."""
    return next((row for row in expected.get("services") or [] if row["name"] == NAME), None)


def _call(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    try:
        key = (ctx.root / row["key"].lstrip("/")).read_text(encoding="utf-8").strip()
    except PermissionError:
        return {"error": "only root can read the API key", "planned": False}
    except OSError as error:
        return {"error": f"{row['key']}: {error.strerror}"}
    return ask(row, key, "Name three colours.", 24, min(SECONDS, max(5.0, ctx.left - BESIDES)))


def ask(row: dict[str, Any], key: str, prompt: str, tokens: int, seconds: float = SECONDS) -> dict[str, Any]:
    """``{text, tokens, prompt_rate, rate}`` of a chat completion, rates in tokens per second; ``{error}`` without one."""
    body = {
        "model": row["model"],
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "temperature": 0,
        "seed": 1,
    }
    request = urllib.request.Request(
        f"{row['url'].rstrip('/')}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds) as answer:
            return read(json.load(answer))
    except (OSError, ValueError) as error:
        return {"error": str(error)}


def read(said: Any) -> dict[str, Any]:
    """What matters of an answer (llama.cpp tools/server/README.md); pure."""
    try:
        message, timings = said["choices"][0]["message"], said.get("timings") or {}
        text = message.get("content") or message.get("reasoning_content") or ""
        return {
            "text": str(text),
            "tokens": int(said["usage"]["completion_tokens"]),
            "prompt_rate": timings.get("prompt_per_second"),
            "rate": timings.get("predicted_per_second"),
        }
    except (KeyError, IndexError, TypeError, ValueError):
        return {"error": f"not the answer of an OpenAI-compatible API: {str(said)[:120]}"}


def _listed(container: str, found: dict[str, Any], ctx: Context) -> dict[str, Any]:
    program = ((found.get("Config") or {}).get("Entrypoint") or ["llama-server"])[0]
    try:
        _, out, err = ctx.engine.exec(container, [program, "--list-devices"], timeout=60)
    except EngineError as error:
        return {"error": error.message, "kind": "unknown", "devices": [], "gpu": None}
    return llama_server.parse(f"{err}\n{out}")


def _log(container: str, ctx: Context) -> dict[str, Any]:
    try:
        text = ctx.engine.logs(container, LOG_LINES)
    except EngineError as error:
        return {"error": error.message, "devices": [], "gpu": None, "offloaded": None}
    # The last start is the one that runs.
    start = text.rfind("llama_server: initializing")
    return llama_server.parse(text[max(0, start) :])


def _nodes(row: dict[str, Any], ctx: Context) -> dict[str, str]:
    """Per planned device node what the service's own user meets inside: ok, absent, refused; empty where nobody can tell."""
    if not row.get("devices"):
        return {}
    try:
        _, out, _ = ctx.engine.exec(row["container"], ["sh", "-c", _OPENS, "sh", *row["devices"]], timeout=15)
    except EngineError:
        return {}
    return {node: state for node, _, state in (line.rpartition(" ") for line in out.splitlines()) if node}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """A text came, the planned devices are found, and all of the model is on them."""
    row = planned(expected)
    return [_text(row, seen["call"]), _discovery(row, seen), _residency(row, seen)] if row and seen else []


def _text(row: dict[str, Any], call: dict[str, Any]) -> Result:
    id = "generate.llamacpp.text"
    if call.get("planned") is False:
        return unverifiable(id, str(call["error"]), next="Run it with sudo.")
    text = str(call.get("text") or "").strip()
    return judged(
        id,
        bool(text) and call.get("tokens", 0) > 0,
        seen=call.get("error") or {"characters": len(text), "tokens": call.get("tokens")},
        wanted="a text of at least one token",
        why=f"Asked through its API, llama.cpp gave no text: {call.get('error') or 'the answer is empty'}.",
        next=f"docker logs --tail 50 {row['container']}",
        needs=("services.llamacpp.answers", "services.llamacpp.health", "services.llamacpp.opens_with_key"),
    )


def _not_here(row: dict[str, Any], seen: dict[str, Any]) -> str:
    if seen["stand_in"] is not None:
        return f"stand-in: this is not llama.cpp's own image ({seen['stand_in']})"
    return "simulated: there is no GPU to hold the model" if row.get("gpu") and seen["simulated"] else ""


def _discovery(row: dict[str, Any], seen: dict[str, Any]) -> Result:
    """Whether the build finds the planned GPU at all, asked now and in the same container."""
    id, listed = "generate.llamacpp.discovery", seen["listed"]
    wanted = row.get("library", "cpu")
    found = [one["backend"] for one in listed.get("devices") or []]
    has = next((name for name, backends in BACKENDS.items() if set(found) & set(backends)), "cpu")
    reason = _not_here(row, seen)
    if reason:
        return unverifiable(id, reason, seen=has, wanted=wanted)
    if listed.get("kind") == "unknown":
        return unverifiable(id, listed.get("error") or "it lists no devices", wanted=wanted)
    return judged(
        id,
        has == wanted,
        seen=has,
        wanted=wanted,
        why=f"llama.cpp finds {'no GPU' if has == 'cpu' else f'a GPU through {has}'}: {cause(row, seen)}. It runs on "
        "without an error, on the CPU at about a tenth of the speed."
        if wanted != "cpu"
        else f"llama.cpp uses a GPU through {has} that the plan does not give it.",
        next=f"docker exec {row['container']} llama-server --list-devices; `gpuhost verify --only containers,access`",
        needs=causes(NAME),
    )


def cause(row: dict[str, Any], seen: dict[str, Any]) -> str:
    """Which of the known causes it is that a planned GPU is not used, in a clause; pure."""
    nodes, saw = seen["nodes"], seen["container"]
    given = saw.get("devices") or []
    missing = [node for node in row.get("devices") or [] if node not in given or nodes.get(node) == "absent"]
    if missing:
        return f"the container was not given {', '.join(missing)}"
    if refused := [node for node, state in nodes.items() if state == "refused"]:
        has = ", ".join(saw.get("groups") or []) or "none"
        return f"its user may not open {', '.join(refused)}: none of its groups ({has}) owns them"
    override = (saw.get("environment") or {}).get(OVERRIDE)
    if override is not None and override != row.get("override"):
        return f"{OVERRIDE}={override or 'nothing'} is set, and the image has kernels of this GPU's own"
    return _cause_inside(row, seen)


def _cause_inside(row: dict[str, Any], seen: dict[str, Any]) -> str:
    listed, log, library = seen["listed"], seen["log"], row.get("library")
    if listed.get("devices") and log.get("gpu") is False:
        return "it lists the GPU and does not use it: beside another GPU an integrated one is dropped"
    loaded = set(listed.get("backends") or []) | set(log.get("backends") or [])
    if loaded and not loaded & {*BACKENDS.get(str(library), ()), "HIP"}:
        return f"its image is a wrong build: it brings {', '.join(sorted(loaded))} and nothing for {library}"
    version, floor = str(seen["driver"].get("version") or ""), (row.get("driver_min") or {}).get("version")
    said = listed.get("error") or log.get("error") or "it does not say why"
    if floor and seen["driver"].get("in_tree") is False and _older(version, floor):
        return f"the host's driver {version} is too old for the image's ROCm, which asks for {floor} ({said})"
    if listed.get("kind") == "no_device" and floor:
        return f"the runtime in the image finds no device ({said}); a driver older than {floor} looks the same"
    return str(said)


def _older(module: str, floor: str) -> bool:
    """Whether the release in an amdgpu module's number (6.14.14.30100100) is below a driver release (30.10)."""
    digits = re.search(r"^\d+\.\d+\.\d+\.(\d{5,8})$", module)
    if digits is None:
        return False
    text = digits[1].zfill(len(digits[1]) + len(digits[1]) % 2)
    has = [int(text[at : at + 2]) for at in range(0, len(text), 2)]
    return has < [int(part) for part in floor.split(".")]


def _misplaced(row: dict[str, Any], seen: dict[str, Any], said: str) -> tuple[str, str]:
    """Why layers that are not where they were planned matter, and the next step."""
    if not row.get("gpu"):
        again = "Run `gpuhost up` again: it starts it without devices."
        return f"llama.cpp has {said}, and the plan has none for it.", again
    if seen["log"]["offloaded"][0]:
        less = "A smaller model, or fewer tokens in services_llamacpp_context; or free the GPU's memory."
        return f"Only {said}: the rest computes in RAM and sets the speed.", less
    log = f"docker logs {row['container']} 2>&1 | grep -iE 'device|backend|offload'"
    return f"{said}: {cause(row, seen)}.", log


def _residency(row: dict[str, Any], seen: dict[str, Any]) -> Result:
    """How many of the model's layers the log says to be on the GPU: one that is not sets the speed."""
    id, layers = "generate.llamacpp.residency", seen["log"].get("offloaded")
    gpu = bool(row.get("gpu"))
    wanted = "all layers on the GPU" if gpu else "no layer on a GPU"
    said = f"{layers[0]} of {layers[1]} layers on a GPU" if layers else None
    reason = _not_here(row, seen)
    if reason:
        return unverifiable(id, reason, seen=said, wanted=wanted)
    if layers is None:
        return unverifiable(id, seen["log"].get("error") or "its log no longer has the lines of its start", wanted=wanted)
    why, step = _misplaced(row, seen, str(said))
    return judged(
        id,
        layers[0] >= layers[1] if gpu else layers[0] == 0,
        seen=said,
        wanted=wanted,
        why=why,
        next=step,
        needs=("generate.llamacpp.discovery",),
    )
