"""A service that loads one model from a file: which model, and where its file is. Nothing is ever copied.

What is in Ollama's store has the name of its digest, which only the host knows. So the container is told the name of a
link in its own folder; the role points it at the file. Link and file have the same paths on the host and in the container.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from control.planner.model import Context

if TYPE_CHECKING:
    from control.rows import Service

#: llama.cpp finds the other parts of a model by the name of the first (its `gguf-split`).
_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
#: Where the store keeps its models below its folder (support/services.yml: OLLAMA_MODELS).
_MODELS = "models"


def wanted(ctx: Context) -> str:
    """The model that is loaded from a file: a name in the store, or a path on the host; empty where the site has none."""
    return str(ctx.wishes["services_llamacpp_model"] or next(iter(ctx.wishes["services_models"]), ""))


def is_path(model: str) -> bool:
    """Whether a model is named by its file on the host."""
    return model.startswith("/")


def data_folder(ctx: Context, service: str) -> str:
    """A service's own folder on the host."""
    return f"{ctx.wishes['services_data_root'].rstrip('/')}/{service}"


def stores(ctx: Context, service: Service) -> list[str]:
    """The services that have to run for the model's file to be there."""
    return [service.model_file.store] if service.model_file and not is_path(wanted(ctx)) else []


def words(ctx: Context, service: Service) -> dict[str, str]:
    """Placeholders of a row that loads a model from a file."""
    if service.model_file is None:
        return {}
    return {"model_file": str(_links(ctx, service)[0]["path"]), "model_name": name(ctx)}


def name(ctx: Context) -> str:
    """What the model is called when it is asked for."""
    model = wanted(ctx)
    return PurePosixPath(model).stem if is_path(model) else model


def decide(ctx: Context, service: Service) -> dict[str, Any] | None:
    """``{model, store, links: [{path, target}], mounts}``; ``target`` is None for what only the host can tell."""
    if service.model_file is None:
        return None
    model, links = wanted(ctx), _links(ctx, service)
    folder = f"{data_folder(ctx, service.model_file.store)}/{_MODELS}"
    sources = [link["target"] for link in links] if is_path(model) else [folder]
    own = data_folder(ctx, service.id)
    return {
        "model": model,
        "store": None if is_path(model) else folder,
        "links": links,
        "mounts": [{"source": path, "target": path, "read_only": True} for path in [own, *sources]],
    }


def _links(ctx: Context, service: Service) -> list[dict[str, str | None]]:
    own, model = data_folder(ctx, service.id), wanted(ctx)
    if not is_path(model):
        return [{"path": f"{own}/model.gguf", "target": None}]
    return [{"path": f"{own}/{PurePosixPath(path).name}", "target": path} for path in _parts(model)]


def _parts(path: str) -> list[str]:
    """The files of a model on the host, the first one first."""
    match = _PART.match(PurePosixPath(path).name)
    if match is None:
        return [path]
    count = int(match["count"])
    names = [f"{match['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    return [str(PurePosixPath(path).with_name(one)) for one in names]
