"""The models of one host as a list: what each is, whether it fits, whose it is, and whether the site wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control import planner, support
from verify import model_names

#: How a model got here that gpuhost did not bring.
THEIRS = "theirs"


def rows(host: str, wishes: Mapping[str, Any], snapshot: Mapping[str, Any], seen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each model that is here or that the site wants, by name.

    :param seen: what ``gpuhost_model_info`` told: ``described``, ``whose``, ``loaded``.
    :returns: ``{name, here, wanted, preset, whose, size_bytes, parameters, quantisation, context, need_bytes, fit, verdict,
        loaded: null|{size, size_vram}, problem}``.
    """
    described, whose = seen.get("described") or {}, seen.get("whose") or {}
    site = planner.plan(snapshot, wishes, support.load(), host).roles.get("services") or {}
    # Ollama takes a name in another case for the model that is here.
    presets = {_here(one["name"], described) for one in site.get("presets", [])}
    wanted = {_here(one["model"], described) for one in site.get("models", [])} | presets
    names = sorted({*described, *wanted})
    told = {**snapshot, "models": {"asked": described, "here": list(described)}}
    # Each with what it was made with: a preset's context is in its own options.
    figures = {one["name"]: one for one in planner.plan(told, wishes, support.load(), host, names).models} if names else {}
    loaded = {model_names.full(str(one["name"])): one for one in seen.get("loaded") or []}
    return [
        {
            "name": name,
            "here": name in described,
            "wanted": name in wanted,
            "preset": name in presets or whose.get(name) == "preset",
            "whose": whose.get(name, THEIRS) if name in described else None,
            **_facts(figures.get(name) or {}),
            "loaded": {key: loaded[name].get(key) for key in ("size", "size_vram")} if name in loaded else None,
            "problem": (described.get(name) or {}).get("error"),
        }
        for name in names
    ]


def _here(name: str, described: Mapping[str, Any]) -> str:
    return model_names.among(name, described) or name


def _facts(figure: Mapping[str, Any]) -> dict[str, Any]:
    need = figure.get("need") or {}
    return {
        "size_bytes": figure.get("size_bytes"),
        "parameters": figure.get("parameters") or "",
        "quantisation": figure.get("quantisation") or "",
        "context": need.get("context"),
        "need_bytes": need.get("total"),
        "fit": figure.get("fit"),
        "verdict": figure.get("verdict"),
    }


def unlisted(found: list[dict[str, Any]]) -> list[str]:
    """The models that gpuhost brought and that the site no longer wants."""
    return [one["name"] for one in found if one["here"] and not one["wanted"] and one["whose"] != THEIRS]
