"""Ollama's folder of models, and what a manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.models.parts import LLAMA_1B, digest, gguf, keep, model
from verify import model_store


@pytest.fixture
def store(tmp_path: Path) -> model_store.Store:
    keep(tmp_path, "llama3.2:1b", *model(gguf(LLAMA_1B)))
    keep(tmp_path, "hf.co/ada/m:Q4_K_M", *model(b"other"))
    return model_store.Store(tmp_path)


def test_the_models_of_a_folder_are_named_as_ollama_lists_them(store: model_store.Store, tmp_path: Path) -> None:
    assert store.names() == ["hf.co/ada/m:Q4_K_M", "llama3.2:1b"]
    assert model_store.Store(tmp_path / "none").names() == []
    assert store.manifest("llama3.2") is None
    assert store.manifest("no name at all") is None
    assert store.manifest("LLAMA3.2:1B") == store.manifest("llama3.2:1b"), "as Ollama, which finds it in any case"


def test_a_layer_is_there_only_in_its_full_size(store: model_store.Store) -> None:
    manifest = store.manifest("llama3.2:1b")
    assert manifest is not None
    weights = next(one for one in model_store.layers(manifest) if one["mediaType"] == model_store.WEIGHTS)
    assert store.has(weights)
    store.blob(weights["digest"]).write_bytes(b"cut")
    assert not store.has(weights)


def part(store: model_store.Store, layer: dict[str, Any], end: str, content: bytes) -> None:
    blob = store.blob(layer["digest"])
    blob.with_name(f"{blob.name}{end}").write_bytes(content)


LAYER = {"digest": f"sha256:{'a' * 64}", "size": 1000}


def test_what_ollama_has_of_a_layer_is_not_missing_though_its_file_has_the_full_size(store: model_store.Store) -> None:
    assert store.missing(LAYER) == 1000
    part(store, LAYER, "-partial", b"\0" * 1000)
    assert store.missing(LAYER) == 1000
    for number, completed in enumerate((400, 150)):
        record = {"N": number, "Offset": 500 * number, "Size": 500, "Completed": completed}
        part(store, LAYER, f"-partial-{number}", json.dumps(record).encode())
    assert store.missing(LAYER) == 450


def test_what_was_copied_of_a_layer_is_not_missing(store: model_store.Store) -> None:
    part(store, LAYER, "-gpuhost", b"\0" * 900)
    assert store.missing(LAYER) == 100


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"{}", b'{"Completed": null}', b'{"Completed": -7}'])
def test_a_record_of_progress_that_says_nothing_counts_nothing(store: model_store.Store, record: bytes) -> None:
    part(store, LAYER, "-partial-0", record)
    assert store.missing(LAYER) == 1000


def test_no_layer_lacks_less_than_nothing(store: model_store.Store) -> None:
    part(store, LAYER, "-gpuhost", b"\0" * 1001)
    assert store.missing(LAYER) == 0
    assert store.missing({"digest": "no digest", "size": 7}) == 7


@pytest.mark.parametrize(
    "text", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 64, "", "sha256:" + "a" * 63]
)
def test_a_digest_that_is_none_leads_nowhere(store: model_store.Store, text: str) -> None:
    with pytest.raises(ValueError, match="no digest"):
        store.blob(text)
    assert not store.has({"digest": text, "size": 1})


def test_layers_come_once_the_configuration_first() -> None:
    manifest, _ = model(b"weights")
    document = json.loads(manifest)
    document["layers"].append(document["layers"][0])
    found = model_store.layers(json.dumps(document).encode())
    assert found[0]["digest"] == document["config"]["digest"]
    assert [one["digest"] for one in found[1:]] == [one["digest"] for one in document["layers"][:2]]


@pytest.mark.parametrize(
    "text",
    [b"<html>", b"[]", b"{}", b'{"layers": [{"digest": 1}], "config": {}}',
     b'{"layers": [], "config": {"digest": "d", "size": "7", "mediaType": "m"}}',
     b'{"layers": [], "config": {"digest": "d", "size": -7, "mediaType": "m"}}'],
)  # fmt: skip
def test_what_is_no_manifest_says_so(text: bytes) -> None:
    with pytest.raises(ValueError, match="no manifest of a model"):
        model_store.layers(text)


def test_a_digest_is_written_as_manifests_write_it() -> None:
    assert model_store.digest(b"x") == digest(b"x")
