"""Language models in their server's folder: whether each is whole, and whether presets are what the site made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import model_store
from ..result import Result, judged, unverifiable
from .context import Context

_CLOSED = "only root and the server itself can read the folder of models"


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Each model and preset by its name: what of it is not there in full, and its settings."""
    wanted = expected.get("models") or {}
    if not wanted:
        return {"models": {}}
    store = model_store.Store(ctx.root / Path(wanted["folder"]).relative_to("/"))
    names = [*wanted["wanted"], *(preset["name"] for preset in wanted["presets"])]
    return {"models": {name: _look(store, name) for name in names}}


def _look(store: model_store.Store, name: str) -> dict[str, Any]:
    """`{missing, weights, system, parameters}` of a model; `{error, closed}` where that cannot be told."""
    try:
        manifest = store.manifest(name)
        if manifest is None:
            return {"error": "there is no such model", "closed": False}
        missing = [layer["digest"] for layer in model_store.layers(manifest) if not store.has(layer)]
        return {"missing": missing, **store.settings(manifest)}
    except PermissionError:
        return {"error": _CLOSED, "closed": True}
    except (OSError, ValueError) as error:
        return {"error": str(error), "closed": False}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Per model: its files; per preset also its settings."""
    wanted, found = expected.get("models") or {}, seen["models"]
    if not wanted:
        return []
    results = [_files(name, found[name], wanted["service"]) for name in wanted["wanted"]]
    for preset in wanted["presets"]:
        results.append(_preset(preset, found[preset["name"]], found.get(preset["from"]) or {}))
    return results


def key(name: str) -> str:
    """A model's name as a part of a check's."""
    return name.replace(":", "_").replace("/", "_")


def _files(name: str, model: dict[str, Any], service: str) -> Result:
    id, needs = f"models.{key(name)}.files", (f"services.{service}.model.{key(name)}",)
    if model.get("closed"):
        return unverifiable(id, model["error"], wanted="every file in full size", next="Run it with sudo.")
    missing = model.get("missing") or []
    said = model.get("error") or f"{', '.join(digest[:19] for digest in missing)} not there in full size"
    return judged(
        id,
        not missing and "error" not in model,
        seen=said if missing or "error" in model else "whole",
        wanted="every file in full size",
        why=f"The model {name} is listed and cannot be loaded: {said}.",
        next=f"./gpuhost models.remove {name}; ./gpuhost models.pull {name}",
        needs=needs,
    )


def _preset(preset: dict[str, Any], model: dict[str, Any], base: dict[str, Any]) -> Result:
    id, name = f"models.{key(preset['name'])}.preset", preset["name"]
    wanted = {"from": preset["from"], **preset["parameters"], **({"system": "the site's"} if preset["system"] else {})}
    if model.get("closed"):
        return unverifiable(id, model["error"], wanted=wanted, next="Run it with sudo.")
    other = [model["error"]] if "error" in model else _other(preset, model, base)
    return judged(
        id,
        not other,
        seen=other or wanted,
        wanted=wanted,
        why=f"The preset {name} is not what the site made it: {'; '.join(other)}. Applications get other answers of it.",
        next="Run `gpuhost up` again: it keeps what is there under another name and makes the preset anew.",
        needs=(f"models.{key(preset['from'])}.files",),
    )


def _other(preset: dict[str, Any], model: dict[str, Any], base: dict[str, Any]) -> list[str]:
    """What of a preset is otherwise; of a system prompt only that."""
    found = [] if model["weights"] == base.get("weights") else [f"made of another model than {preset['from']}"]
    has = model["parameters"]
    found += [
        f"{name} is {has.get(name, 'not set')}"
        for name, value in preset["parameters"].items()
        if has.get(name) not in (value, [value])
    ]
    return found + (["another system prompt"] if preset["system"] and model["system"].strip() != preset["system"] else [])
