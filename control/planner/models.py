"""The language models of a host: which it is to have, what each takes, and where it would be computed.

What a model is made of, the host asks its registry before anything is fetched (``snapshot["models"]``, only where it was
asked). What the role is told is the same whether or not it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from control.planner import model_memory, presets
from control.planner.model import MB, Context
from control.planner.model_memory import Memory
from verify import model_names

if TYPE_CHECKING:
    from control.rows import Service

#: Debian, Ubuntu and Ollama's image, which is made of the latter, have their authorities here; Go looks for them there.
TRUST_STORE = "/etc/ssl/certs"
#: What the host was told of a model that is not to be had.
REFUSED = ("unknown", "digest", "name")
ENVIRONMENT_CONTEXT, ENVIRONMENT_MODELS = "OLLAMA_CONTEXT_LENGTH", "OLLAMA_MODELS"


@dataclass(frozen=True)
class Server:
    """The service that has the models: its row, its folder of them on the host, its environment."""

    row: Service
    folder: str
    environment: Mapping[str, Any]


def part(
    ctx: Context, placed: Sequence[Mapping[str, Any]], named: Sequence[str], url: Callable[[Context, Service], str]
) -> dict[str, Any]:
    """What the role ``services`` is to know of models: what serves them and where it keeps them, their names, the presets.

    :param placed: the services' containers, and units of those on the host itself.
    :param named: models that the site and its services name, the site's first.
    :param url: where a service answers on the host.
    """
    place = _server(ctx, placed)
    if place is None:
        return {"model_server": None, "model_cache": None, "models": [], "presets": []}
    return {
        "model_server": {"url": url(ctx, place.row), "folder": place.folder},
        "model_cache": _cache(ctx),
        "models": [{"url": url(ctx, place.row), "model": name} for name in _with_bases(ctx, named)],
        "presets": wanted_presets(ctx),
    }


def trusting(ctx: Context, service: Service, container: dict[str, Any]) -> dict[str, Any]:
    """The container, with the host's trust store where it fetches models and the site has authorities of its own.

    The whole folder: a file in it that is replaced would stay the old one inside.
    """
    if service.models and ctx.parts["sources"]["ca_certificates"]:
        trusted = {"source": TRUST_STORE, "target": TRUST_STORE, "read_only": True}
        return {**container, "mounts": [*container["mounts"], trusted]}
    return container


def _cache(ctx: Context) -> dict[str, Any] | None:
    """The host that models are copied from; that host itself has none."""
    host = ctx.wishes["services_model_cache"]
    if not host or host == ctx.host:
        return None
    return {
        "host": host,
        "address": ctx.wishes["services_model_cache_address"],
        "port": ctx.wishes["services_model_cache_port"],
    }


def server(ctx: Context) -> Server | None:
    """What serves models on this host, None where nothing does."""
    part = ctx.parts["services"]
    return _server(ctx, [*part["containers"], *part["units"]])


def _server(ctx: Context, placed: Sequence[Mapping[str, Any]]) -> Server | None:
    for one in placed:
        row = ctx.table.service(one["service"])
        if row.models:
            return Server(row, _folder(one), one["env"])
    return None


def _folder(placed: Mapping[str, Any]) -> str:
    """Where the folder of models lies on the host; a unit names it as it is."""
    inside = str(placed["env"].get(ENVIRONMENT_MODELS, ""))
    if "unit" in placed:
        return inside
    for mount in placed["mounts"]:
        if inside == mount["target"] or inside.startswith(f"{mount['target']}/"):
            return str(mount["source"]) + inside[len(mount["target"]) :]
    raise ValueError(f"{placed['name']}: {ENVIRONMENT_MODELS} is {inside!r}, which no mount brings")


def _with_bases(ctx: Context, named: Sequence[str]) -> list[str]:
    """These models and those that presets are made of, each once and as Ollama lists it."""
    bases = [one.get("from") for one in ctx.wishes[presets.VARIABLE].values() if isinstance(one, Mapping)]
    return list(dict.fromkeys(model_names.full(str(name)) for name in [*named, *filter(None, bases)]))


def wanted(ctx: Context) -> list[str]:
    """The models that the host is to have, as Ollama lists them: the site's, its services', those of presets."""
    return [one["model"] for one in ctx.parts["services"]["models"]]


def first(ctx: Context) -> str | None:
    """The model that applications use."""
    return next((model_names.full(str(name)) for name in ctx.wishes["services_models"]), None)


def asked(ctx: Context) -> list[str]:
    """The models that this run is about: those asked for in particular, else those wanted."""
    return list(dict.fromkeys(model_names.full(name) for name in ctx.models)) or wanted(ctx)


def wanted_presets(ctx: Context) -> list[dict[str, Any]]:
    """The presets that the site wants; none while something is wrong with one of them."""
    found = ctx.wishes[presets.VARIABLE]
    return [] if presets.problems(found) else presets.requests(found)


def figures(ctx: Context) -> list[dict[str, Any]]:
    """What is known of each model that the run is about, and of each preset: the plan's ``models``."""
    place, described = server(ctx), ctx.mapping("models").get("asked") or {}
    if place is None:
        return []
    has = memory(ctx, place)
    found = [_figure(ctx, place, has, name, described.get(name) or {}) for name in asked(ctx)]
    by_name = {one["name"]: one for one in found}
    for preset in [] if ctx.models else wanted_presets(ctx):
        base, tokens = by_name.get(preset["from"]), preset["parameters"].get("num_ctx")
        if base and base["need"] and tokens:
            model = described.get(preset["from"]) or {}
            found.append({**_figure(ctx, place, has, preset["from"], model, tokens), "name": preset["name"], "preset": True})
    return found


def memory(ctx: Context, place: Server) -> Memory:
    """What the server has for models: the memory of its own GPUs, which may be fewer than the host's, and the host's.

    An integrated GPU uses the host's: what is reserved for it, and what it may map.
    """
    host = int((ctx.mapping("memory").get("total_bytes") or 0) * place.row.limits.memory_share)
    gpus = ctx.parts["services"]["gpus"][place.row.id]
    if not gpus:
        return Memory((), host)
    mapped = {row.get("pci"): row.get("gtt_bytes") or 0 for row in ctx.rows("gpus")}
    shared = all(gpu.integrated for gpu in gpus)
    sizes = tuple((gpu.vram_bytes or 0) + (mapped.get(gpu.pci, 0) if gpu.integrated else 0) for gpu in gpus)
    return Memory(sizes, host, shared, sum(gpu.vram_bytes or 0 for gpu in gpus) if shared else 0)


def _figure(
    ctx: Context, place: Server, has: Memory, name: str, model: Mapping[str, Any], tokens: int | None = None
) -> dict[str, Any]:
    """Everything about one model as far as it is known; ``need`` is None where nothing is."""
    size, basis = _size(ctx, name, model)
    found: dict[str, Any] = {
        "name": name,
        "preset": False,
        "asked": bool(model),
        "here": bool(model.get("here")) or _sealed(ctx, name),
        "basis": basis,
        "problem": model.get("kind"),
        "size_bytes": model.get("size_bytes") or size,
        "missing_bytes": model.get("missing_bytes") if "missing_bytes" in model else size,
        "parameters": model.get("parameters") or "",
        "quantisation": model.get("quantisation") or "",
        "need": None,
        "fit": None,
    }
    if not size or model.get("remote"):
        return found
    for_all = str(place.environment.get(ENVIRONMENT_CONTEXT) or "")
    context = model_memory.context(has, model, tokens or (int(for_all) if for_all.isdigit() else None))
    need = model_memory.need(model, context, size)
    fit = model_memory.fit(need, has)
    found["need"] = {
        **{key: getattr(need, key) for key in ("weights", "cache", "work", "context", "estimated", "total")},
        "on_gpus": has.on_gpus,
        "everywhere": has.everywhere,
    }
    room = model_memory.room(model, size, has)
    words = model_memory.verdict(need, has, fit, room)
    return {**found, "fit": fit.place, "share": round(fit.share, 2), "room": room, "verdict": words}


def _sealed(ctx: Context, name: str) -> bool:
    """Whether the model is there as gpuhost left it."""
    items = (ctx.mapping("seals").get("services") or {}).get("items") or {}
    return bool(items.get(f"model:{name}", {}).get("ok"))


def _size(ctx: Context, name: str, model: Mapping[str, Any]) -> tuple[int | None, str]:
    """Bytes that go into memory, and who says so: the host, the registry, or the truth table."""
    if model.get("loaded_bytes"):
        return int(model["loaded_bytes"]), "host" if model.get("here") else "registry"
    if megabytes := ctx.table.model_megabytes(name):
        return megabytes * MB, "table"
    count, bits = model_memory.parameters(_size_of(name)), ctx.table.bits_per_weight(_quantisation_of(name))
    return (model_memory.weights(count, bits), "name") if count and bits else (None, "nothing")


def _size_of(name: str) -> str:
    """The part of a tag that tells how many parameters: ``8b`` of ``llama3.1:8b-instruct-q4_K_M``."""
    return name.rpartition(":")[2].partition("-")[0]


def _quantisation_of(name: str) -> str:
    """The part of a tag that tells the quantisation, which is Ollama's usual one where there is none."""
    said = name.rpartition(":")[2].rpartition("-")[2].upper().replace("FP16", "F16")
    return said if said.startswith(("Q", "F16", "IQ")) else "Q4_K_M"
