"""Presets: named variants of a model with settings of the site, as ``services_model_presets`` has them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from verify import model_names

VARIABLE = "services_model_presets"
#: What most people set, by the name that Ollama has for it.
SETTINGS = {"temperature": "temperature", "top_p": "top_p", "context": "num_ctx"}
#: Everything that Ollama takes as a parameter of a model, by its kind (ollama api/types.go Options, Runner at fb3076099).
PARAMETERS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("draft_num_predict", "main_gpu", "num_batch", "num_ctx", "num_gpu", "num_keep", "num_predict", "num_thread"), (int,)
    ),
    **dict.fromkeys(("repeat_last_n", "seed", "top_k"), (int,)),
    **dict.fromkeys(("frequency_penalty", "min_p", "presence_penalty", "repeat_penalty"), (int, float)),
    **dict.fromkeys(("temperature", "top_p", "typical_p"), (int, float)),
    "stop": (str, list),
    "use_mmap": (bool,),
}
_KINDS = {int: "a number", float: "a number", str: "a text", list: "a list", bool: "true or false"}
_KEYS = ("from", "system", *SETTINGS, "parameters")


def problems(wanted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the presets, one sentence each, with the nearest right word or an empty text."""
    found = [problem for name, settings in wanted.items() for problem in _wrong(str(name), settings, list(wanted))]
    known: list[str] = []
    for name in map(_full, wanted):
        if twice := model_names.among(name, known):
            found.append((f"{twice} is there more than once", ""))
        known.append(name)
    return found


def requests(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What Ollama is asked for, sorted by name: `{name, from, system, parameters}`. For presets without problems."""
    return [
        {
            "name": _full(name),
            "from": model_names.full(settings["from"]),
            "system": str(settings.get("system") or "").strip(),
            "parameters": parameters(settings),
        }
        for name, settings in sorted(wanted.items())
    ]


def parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's parameters by Ollama's own names."""
    common = {theirs: settings[ours] for ours, theirs in SETTINGS.items() if settings.get(ours) is not None}
    return dict(sorted({**(settings.get("parameters") or {}), **common}.items()))


def _full(name: str) -> str:
    return model_names.full(str(name))


def _wrong(name: str, settings: Any, presets: list[str]) -> Iterator[tuple[str, str]]:
    try:
        parsed = model_names.parse(name)
        if (parsed.registry, parsed.namespace) != (model_names.REGISTRY, model_names.NAMESPACE):
            yield f"{name}: a preset's name has no registry and no namespace", ""
    except ValueError:
        yield f"{name!r} cannot be the name of a model", ""
    if not isinstance(settings, Mapping):
        yield f"{name}: must be a mapping with `from`", ""
        return
    for key in settings:
        if key not in _KEYS:
            yield f"{name}: unknown key {key!r}", _near(str(key), _KEYS)
    yield from _wrong_base(name, settings.get("from"), presets)
    if settings.get("system") is not None and not isinstance(settings["system"], str):
        yield f"{name}: system must be a text", ""
    given = settings.get("parameters") or {}
    if not isinstance(given, Mapping):
        yield f"{name}: parameters must be a mapping", ""
        return
    for key, value in [*given.items(), *((ours, settings[ours]) for ours in SETTINGS if settings.get(ours) is not None)]:
        theirs = SETTINGS.get(str(key), str(key))
        if words := _wrong_value(theirs, value):
            yield f"{name}: {key} {words}", "" if theirs in PARAMETERS else _near(theirs, (*PARAMETERS, *SETTINGS))


def _wrong_base(name: str, base: Any, presets: list[str]) -> Iterator[tuple[str, str]]:
    try:
        model_names.parse(base)
    except (TypeError, ValueError):
        yield f"{name}: from must name a model", ""
        return
    if model_names.among(base, map(_full, presets)):
        yield f"{name}: from names the preset {base}; a preset is made of a model", ""


def _wrong_value(key: str, value: Any) -> str:
    """What is wrong with a parameter's value, in words; empty where nothing is."""
    if key not in PARAMETERS:
        return "is no parameter of Ollama's"
    kinds = PARAMETERS[key]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return f"must be {' or '.join(dict.fromkeys(_KINDS[kind] for kind in kinds))}"
    number: Any = value
    if key == "num_ctx" and number < 1:
        return "must be at least 1 token"
    if key in ("top_p", "min_p", "typical_p") and not 0 <= number <= 1:
        return "must be from 0 to 1"
    if key == "temperature" and number < 0:
        return "must not be negative"
    return ""


def _near(word: str, known: tuple[str, ...]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.5)), "")
