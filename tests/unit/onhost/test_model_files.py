"""A service's link leads to the file of its model, wherever that is; the file is never copied and never changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onhost import model_files
from onhost.finding import FindingError

STORE, LINK = "/srv/gpuhost/ollama/models", "/srv/gpuhost/llamacpp/model.gguf"
ONE, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
Links = list[dict[str, str | None]]
LINKS: Links = [{"path": LINK, "target": None}]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPUHOST_ROOT", str(tmp_path))
    (tmp_path / "srv/gpuhost/llamacpp").mkdir(parents=True)
    return tmp_path


def stored(root: Path, digest: str, data: bytes = b"GGUF....", name: str = "registry.ollama.ai/library/tiny/latest") -> None:
    """The store has a model, as Ollama lays it out."""
    blob = root / STORE.lstrip("/") / "blobs" / digest.replace(":", "-")
    manifest = root / STORE.lstrip("/") / "manifests" / name
    for folder in (blob.parent, manifest.parent):
        folder.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    blob.chmod(0o644)
    layers = [
        {"mediaType": "application/vnd.ollama.image.license", "digest": f"sha256:{'1' * 64}", "size": 1},
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": len(data)},
    ]
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": f"sha256:{'2' * 64}", "size": 1}
    manifest.write_text(json.dumps({"config": config, "layers": layers}))


def ensure(links: Links = LINKS, model: str = "tiny", check: bool = False) -> bool:
    return model_files.ensure(links, model, STORE, 8080, 8080, check)


def test_the_link_leads_to_the_weights_and_follows_a_new_pull(root: Path) -> None:
    stored(root, ONE)
    assert ensure()
    assert str((root / LINK.lstrip("/")).readlink()) == f"{STORE}/blobs/sha256-{'a' * 64}"
    assert not ensure()
    stored(root, OTHER)
    assert ensure(check=True)
    assert str((root / LINK.lstrip("/")).readlink()).endswith("a" * 64)
    assert ensure()
    assert str((root / LINK.lstrip("/")).readlink()).endswith("b" * 64)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("llama3.2", "registry.ollama.ai/library/llama3.2/latest"),
        ("llama3.2:1b", "registry.ollama.ai/library/llama3.2/1b"),
        ("someone/model:q4", "registry.ollama.ai/someone/model/q4"),
        ("hf.co/someone/model-GGUF:Q4_K_M", "hf.co/someone/model-GGUF/Q4_K_M"),
        ("registry.example:5000/a/b", "registry.example:5000/a/b/latest"),
    ],
)
def test_a_model_is_found_by_the_name_that_people_use(root: Path, model: str, path: str) -> None:
    stored(root, ONE, name=path)
    assert ensure(model=model)


def test_a_model_that_the_store_does_not_have_is_named(root: Path) -> None:
    with pytest.raises(FindingError, match="has no model tiny") as caught:
        ensure()
    assert caught.value.id == "GH-MODEL-FILE"


def test_a_file_of_the_host_and_its_parts_are_linked_by_their_names(root: Path) -> None:
    (root / "data").mkdir()
    links: Links = []
    for part, start in (("m-00001-of-00002.gguf", b"GGUF"), ("m-00002-of-00002.gguf", b"more")):
        (root / "data" / part).write_bytes(start)
        (root / "data" / part).chmod(0o644)
        links.append({"path": f"/srv/gpuhost/llamacpp/{part}", "target": f"/data/{part}"})
    assert ensure(links)
    assert sorted(one.name for one in (root / "srv/gpuhost/llamacpp").iterdir()) == [
        "m-00001-of-00002.gguf",
        "m-00002-of-00002.gguf",
    ]


@pytest.mark.parametrize(
    ("data", "mode", "words"),
    [
        (b"<html>", 0o644, "is no GGUF file"),
        (b"GGUF", 0o600, "cannot be read by its service, user 8080:8080"),
        (None, 0, "No such file"),
    ],
)
def test_what_cannot_be_loaded_is_said_before_the_container_starts(
    root: Path, data: bytes | None, mode: int, words: str
) -> None:
    file = root / "model.gguf"
    if data is not None:
        file.write_bytes(data)
        file.chmod(mode)
    with pytest.raises(FindingError, match=words):
        ensure([{"path": LINK, "target": "/model.gguf"}])
    assert not (root / LINK.lstrip("/")).is_symlink()


def test_a_file_that_somebody_put_in_the_place_of_the_link_stays(root: Path) -> None:
    stored(root, ONE)
    (root / LINK.lstrip("/")).write_bytes(b"mine")
    with pytest.raises(FindingError, match="is there and no link"):
        ensure()
    assert (root / LINK.lstrip("/")).read_bytes() == b"mine"
