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
from .siblings import model_names

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


def apply(server: Ollama, wanted: list[Preset], check: bool = False) -> Outcome:
    """Ollama has these presets, and none of those that gpuhost made before. One that fails stops no other.

    :param wanted: `{name, from, system, parameters}`.
    :param check: only tell what would be done.
    :raises OllamaError: when Ollama does not answer.
    """
    outcome, there = Outcome(), server.models()
    for preset in wanted:
        try:
            _bring(server, preset, there, outcome, check)
        except OllamaError as error:
            outcome.problems.append({"id": "GH-PRESET-FAILED", "seen": f"{preset['name']}: {error.message}"})
    names = [preset["name"] for preset in wanted]
    for name, record in model_records.read().items():
        if record.get("how") == HOW and model_names.among(name, names) is None:
            _drop(server, name, record, there, outcome, check)
    return outcome


def _bring(server: Ollama, preset: Preset, there: dict[str, str], outcome: Outcome, check: bool) -> None:
    record, here = model_records.of(preset["name"]), model_names.among(preset["name"], there)
    base = model_names.among(preset["from"], there)
    if base is None:
        raise OllamaError(f"the model {preset['from']}, which it is made of, is not here")
    spec = files.digest_of([preset, there[base]])
    if here and record.get("digest") == there[here] and record.get("spec") == spec:
        return
    if here and record.get("how") != HOW:
        outcome.problems.append({"id": "GH-PRESET-TAKEN", "seen": f"a model {here} is here that gpuhost did not make"})
        return
    if here and record["digest"] != there[here]:
        outcome.set_aside.append(_set_aside(server, here, check))
    if not check:
        _make(server, preset)
        made = server.models()
        listed = model_names.among(preset["name"], made)
        if listed is None:
            raise OllamaError("Ollama said 'success' and does not list it")
        model_records.note(listed, HOW, made[listed], spec=spec)
    outcome.made.append(preset["name"])


def _set_aside(server: Ollama, name: str, check: bool) -> str:
    kept = f"{name.rpartition(':')[0]}:by-hand-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
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
