"""Presets: variants of models that the site wants, made by Ollama of models that are here.

Nobody's model is lost: what somebody else made stays, also under the name of a preset, and what somebody put in the place
of one of ours is kept under another name before ours comes back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from . import files, model_records
from .ollama import Ollama, OllamaError
from .siblings import model_names, model_store

HOW = "preset"

Preset = dict[str, Any]


@dataclass
class Outcome:
    """What was made, went or was set aside (each a model's name), and what stood in the way: `{id, seen}` of findings."""

    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.made or self.removed or self.set_aside)


def apply(server: Ollama, store: model_store.Store, wanted: list[Preset], check: bool = False) -> Outcome:
    """Ollama has these presets, and none of those that gpuhost made before. One that fails stops no other.

    :param store: where that Ollama keeps its models.
    :param wanted: `{name, from, system, parameters}`.
    :param check: only tell what would be done.
    :raises OllamaError: when Ollama does not answer.
    """
    outcome, there = Outcome(), server.models()
    records = _records(store, there, check)
    for preset in wanted:
        record = records.get(model_names.among(preset["name"], records) or "", {})
        try:
            _bring(server, store, preset, record, there, outcome, check)
        except OllamaError as error:
            outcome.problems.append({"id": "GH-PRESET-FAILED", "seen": f"{preset['name']}: {error.message}"})
    names = [preset["name"] for preset in wanted]
    for name, record in records.items():
        if record.get("how") == HOW and model_names.among(name, names) is None:
            _drop(server, name, record, there, outcome, check)
    return outcome


def _records(store: model_store.Store, there: dict[str, str], check: bool) -> dict[str, model_records.Record]:
    """What is known of models; what a run made that ended before it could note that is ours all the same."""
    records = model_records.read()
    for name, record in records.items():
        here = model_names.among(name, there)
        if here and _made_unnoted(store, here, there[here], record):
            records[name] = {"how": HOW, "digest": there[here], "spec": record["making"]["spec"]}
            if not check:
                model_records.note(here, **records[name])
    return records


def _bring(
    server: Ollama,
    store: model_store.Store,
    preset: Preset,
    record: model_records.Record,
    there: dict[str, str],
    outcome: Outcome,
    check: bool,
) -> None:
    here = model_names.among(preset["name"], there)
    base = model_names.among(preset["from"], there)
    if base is None:
        raise OllamaError(f"the model {preset['from']}, which it is made of, is not here")
    spec = files.digest_of([preset, there[base]])
    if here and record.get("digest") == there[here] and record.get("spec") == spec:
        return
    if here and not (record.get("how") == HOW and record["digest"]):
        outcome.problems.append({"id": "GH-PRESET-TAKEN", "seen": f"a model {here} is here that gpuhost did not make"})
        return
    if here and record["digest"] != there[here]:
        outcome.set_aside.append(_set_aside(server, here, there, check))
    if not check:
        _begin(store, preset, record, base, there.get(here or "", ""), spec)
        _make(server, preset)
        made = server.models()
        listed = model_names.among(preset["name"], made)
        if listed is None:
            raise OllamaError("Ollama said 'success' and does not list it")
        model_records.note(listed, HOW, made[listed], spec=spec)
    outcome.made.append(preset["name"])


def _begin(
    store: model_store.Store, preset: Preset, record: model_records.Record, base: str, before: str, spec: str
) -> None:
    """Noted beside what was known: which model is about to be made, so that it is ours also when nobody gets to note it."""
    weights = (_settings(store, base) or {}).get("weights")
    making = {"spec": spec, "before": before, "weights": weights, **{key: preset[key] for key in ("system", "parameters")}}
    known = {"digest": record.get("digest") or "", "spec": record.get("spec") or ""}
    model_records.note(preset["name"], HOW, **known, making=making)


def _made_unnoted(store: model_store.Store, name: str, digest: str, record: dict[str, Any]) -> bool:
    """Whether the model is what a run had begun to make that ended before it could note it."""
    making = record.get("making")
    if not making or digest in (making["before"], record["digest"]):
        return False
    found = _settings(store, name)
    if not found or not found["weights"] or found["weights"] != making["weights"]:
        return False
    # What a preset says nothing of, it has from its model; of a parameter that may be a list, Ollama makes one.
    has = found["parameters"]
    same = all(has.get(key) in (value, [value]) for key, value in making["parameters"].items())
    return same and making["system"] in ("", found["system"].strip())


def _settings(store: model_store.Store, name: str) -> dict[str, Any] | None:
    """See :meth:`model_store.Store.settings`; None where they do not read."""
    try:
        return store.settings(store.manifest(name) or b"")
    except (OSError, ValueError):
        return None


def _set_aside(server: Ollama, name: str, there: dict[str, str], check: bool) -> str:
    prefix = f"{name.rpartition(':')[0]}:by-hand-"
    # A run that could not make the preset anew has kept it already.
    if kept := next((one for one, digest in there.items() if one.startswith(prefix) and digest == there[name]), None):
        return kept
    kept = prefix + time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    if not check:
        server.copy(name, kept)
    return kept


def _make(server: Ollama, preset: Preset) -> None:
    request = {"model": preset["name"], "name": preset["name"], "from": preset["from"], "parameters": preset["parameters"]}
    if preset["system"]:
        request["system"] = preset["system"]
    last = ""
    for message in server.create(request):
        last = str(message.get("status") or last)
    if last != "success":
        raise OllamaError(f"Ollama ended with {last!r}, not with 'success'")


def _drop(server: Ollama, name: str, record: dict[str, Any], there: dict[str, str], outcome: Outcome, check: bool) -> None:
    """A preset that is no longer wanted is gone; what somebody put in its place is theirs."""
    here = model_names.among(name, there)
    if here and there[here] == record.get("digest"):
        if not check:
            server.delete(here)
        outcome.removed.append(here)
    if not check:
        model_records.forget(name)
