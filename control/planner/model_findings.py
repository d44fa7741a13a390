"""What is said of language models: where each would be computed, and what stands in its way."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from control.planner import models, presets
from control.planner.model import Context, Decision, Outcome, in_words
from verify import model_names

if TYPE_CHECKING:
    from control.findings import Finding

#: Where there is nothing that a model could be fetched for.
NO_SERVER = "none of the services that this host is to have (services_enabled) serves models"


def decide(ctx: Context) -> Outcome:
    """What each model takes and where it would be computed, and what is wrong with models and presets. No role's part."""
    wrong = presets.problems(ctx.wishes[presets.VARIABLE])
    found = [ctx.finding("GH-INPUT-PRESET", seen, near=near) for seen, near in wrong]
    return Outcome({}, [_decision(one) for one in models.figures(ctx)], [*found, *_bad_names(ctx), *_findings(ctx)])


def _bad_names(ctx: Context) -> list[Finding]:
    """Texts that no model can be called."""
    found = []
    for name in ctx.models or ctx.wishes["services_models"]:
        try:
            model_names.parse(str(name))
        except ValueError as problem:
            found.append(ctx.finding("GH-MODEL-UNKNOWN", str(problem), near=near(ctx, str(name))))
    return found


def _decision(figure: Mapping[str, Any]) -> Decision:
    topic = f"{'preset' if figure['preset'] else 'model'} {figure['name']}"
    if not figure["need"]:
        return Decision(topic, "size unknown", "nobody who was asked knows it", "model.unknown")
    size = in_words(figure["size_bytes"] or figure["need"]["weights"])
    return Decision(topic, size, figure["verdict"], f"model.{figure['fit']}")


def _findings(ctx: Context) -> Iterator[Finding]:
    if ctx.models and models.server(ctx) is None:
        yield ctx.finding("GH-MODEL-SERVER", NO_SERVER)
        return
    described = ctx.mapping("models").get("asked") or {}
    for name in models.asked(ctx):
        model = described.get(name) or {"kind": "name"}
        if model.get("kind") != "name":
            yield from _about(ctx, name, model)
    for figure in models.figures(ctx):
        if figure["fit"] == "not":
            yield ctx.finding("GH-MODEL-MEMORY", f"{figure['name']} {figure['verdict']}")
        elif figure["fit"] == "partly":
            yield ctx.finding("GH-MODEL-PARTLY", f"{figure['name']} {figure['verdict']}")


def _about(ctx: Context, name: str, model: Mapping[str, Any]) -> Iterator[Finding]:
    """What the registry said of one model, where that stands in the way or somebody should know."""
    registry, kind = model_names.parse(name).registry, model.get("kind")
    if kind == "unknown":
        yield ctx.finding("GH-MODEL-UNKNOWN", f"{registry} has no model {name}", near=near(ctx, name))
    elif kind == "digest":
        yield ctx.finding("GH-MODEL-DIGEST", f"{name} at {registry}: {model['error']}")
    elif kind:
        yield ctx.finding("GH-MODEL-UNSIZED", f"{name}: {registry}: {model['error']}")
    if model.get("remote"):
        yield ctx.finding("GH-MODEL-REMOTE", f"{name} is computed by {model['remote']}")


def near(ctx: Context, name: str) -> str:
    """Names like this one, of models that are here or that the truth table knows; several with commas."""
    known = {_plain(one) for one in [*(ctx.mapping("models").get("here") or []), *ctx.table.model_names()]}
    return ", ".join(difflib.get_close_matches(_plain(name), sorted(known), n=3, cutoff=0.6))


def _plain(name: str) -> str:
    return name.removesuffix(f":{model_names.TAG}")
