"""What can be wrong with models and presets, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify import model_names, model_store
from verify.checks import models
from verify.checks.context import Context
from verify.result import PASS

Seen = dict[str, Any]

MODEL, PRESET = "tiny:1b", "careful:latest"
FILES, MADE = "models.tiny_1b.files", "models.careful_latest.preset"
DIGEST = f"sha256:{'ab' * 32}"


def of(name: str, **changes: Any) -> Change:
    return lambda seen: seen["models"][name].update(changes)


def instead(name: str, **found: Any) -> Change:
    return lambda seen: seen["models"].update({name: found})


ROWS: list[Row] = [
    ("models", of(MODEL, missing=[DIGEST]), FILES, "sha256:abababababab not there in full size", "models.pull tiny:1b"),
    ("models", instead(MODEL, error="no manifest of a model"), FILES, "no manifest of a model", "models.remove tiny:1b"),
    ("models", of(PRESET, parameters={"temperature": 0.7}), MADE, "temperature is 0.7", "gpuhost up"),
    ("models", of(PRESET, parameters={}), MADE, "temperature is not set", "gpuhost up"),
    ("models", of(PRESET, system="Be long."), MADE, "another system prompt", "gpuhost up"),
    ("models", of(PRESET, weights=DIGEST), MADE, "made of another model than tiny:1b", "gpuhost up"),
    ("models", instead(PRESET, error="there is no such model"), MADE, "there is no such model", "gpuhost up"),
]
CLOSED = {"error": "only root and the server itself can read the folder of models", "closed": True}
UNKNOWN: list[Unknown] = [
    ("models", instead(MODEL, **CLOSED), FILES, "only root"),
    ("models", instead(PRESET, **CLOSED), MADE, "only root"),
]


def put(folder: Path, name: str, system: str = "", parameters: Any = None, weights: str = "GGUF of all") -> None:
    """A model in a folder as Ollama keeps it."""
    texts = {model_store.WEIGHTS: weights, model_store.SYSTEM: system, model_store.PARAMETERS: json.dumps(parameters or {})}
    layers = []
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    for kind, text in texts.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        (folder / "blobs" / f"sha256-{digest}").write_text(text)
        layers.append({"mediaType": kind, "digest": f"sha256:{digest}", "size": len(text)})
    manifest = folder / model_names.parse(name).manifest
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"config": layers[0], "layers": layers}))


def looked(root: Path) -> Seen:
    expected = healthy.expected()
    return models.probe(expected, Context(expected, root=root))


def test_what_is_read_of_a_host_is_what_is_judged(tmp_path: Path) -> None:
    folder = tmp_path / "srv/gpuhost/ollama/models"
    put(folder, MODEL)
    put(folder, PRESET, "Be brief.\n", {"temperature": 0.2, "stop": ["<end>"]})
    seen = looked(tmp_path)
    assert [result.status for result in models.judge(seen, healthy.expected())] == [PASS, PASS]
    assert "Be brief" not in json.dumps([result.as_dict() for result in models.judge(seen, healthy.expected())])
    (folder / "blobs" / model_store.digest(b"GGUF of all").replace(":", "-")).write_text("GGUF of a part")
    assert looked(tmp_path)["models"][MODEL]["missing"] == [model_store.digest(b"GGUF of all")]


def test_a_host_without_the_model_says_so(tmp_path: Path) -> None:
    assert looked(tmp_path)["models"][MODEL] == {"error": "there is no such model", "closed": False}


def test_a_folder_that_may_not_be_read_is_no_fault_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: model_store.Store, name: str) -> bytes:
        raise PermissionError

    monkeypatch.setattr(model_store.Store, "manifest", closed)
    assert looked(tmp_path)["models"][MODEL]["closed"] is True


def test_a_host_that_serves_no_models_is_asked_nothing() -> None:
    expected = healthy.expected() | {"models": None}
    assert models.judge(models.probe(expected, Context(expected)), expected) == []
