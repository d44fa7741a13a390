"""What a host is told of models before a byte of them is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.models import registry
from tests.unit.models.parts import LLAMA_1B, digest, gguf, keep, model
from verify.probes import models

WEIGHTS = gguf(LLAMA_1B, words=1000, weights=b"\0" * 3_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[registry.Server]:
    with registry.running(tmp_path) as made:
        yield made


def look(server: registry.Server, name: str, folder: Path) -> dict[str, object]:
    full = f"{server.name}/library/{name}"
    return models.look_models([full], str(folder), [server.authority])[full]


def test_a_model_elsewhere_is_described_without_its_weights(server: registry.Server, tmp_path: Path) -> None:
    manifest, blobs = model(WEIGHTS, options={"num_ctx": 8192})
    server.offer("m:1b", manifest, blobs)
    found = look(server, "m:1b", tmp_path / "models")
    assert found["name"] == f"{server.name}/library/m:1b"
    assert (found["here"], found["digest"]) == (False, digest(manifest))
    assert found["size_bytes"] == found["missing_bytes"] == sum(map(len, blobs.values()))
    assert found["loaded_bytes"] == len(WEIGHTS)
    assert (found["parameters"], found["quantisation"], found["options"]) == ("1.2B", "Q8_0", {"num_ctx": 8192})
    assert found["head"]["block_count"] == 16  # type: ignore[index] # the head was read
    fetched = [asked for path, asked in server.asked if path == f"/elsewhere/{digest(WEIGHTS)}"]
    assert fetched == ["bytes=0-262143"]


def test_a_server_that_knows_no_ranges_will_do(server: registry.Server, tmp_path: Path) -> None:
    server.ranges = False
    server.offer("m:1b", *model(WEIGHTS))
    assert look(server, "m:1b", tmp_path / "models")["head"]["architecture"] == "llama"  # type: ignore[index] # was read


def test_what_is_here_is_not_asked_for(server: registry.Server, tmp_path: Path) -> None:
    keep(tmp_path / "models", f"{server.name}/library/m:1b", *model(WEIGHTS))
    found = look(server, "m:1b", tmp_path / "models")
    assert (found["here"], found["missing_bytes"]) == (True, 0)
    assert server.asked == []


def test_only_what_is_missing_is_counted(server: registry.Server, tmp_path: Path) -> None:
    manifest, blobs = model(WEIGHTS)
    server.offer("m:1b", manifest, blobs)
    keep(tmp_path / "models", "other", b"{}", {digest(WEIGHTS): WEIGHTS})
    found = look(server, "m:1b", tmp_path / "models")
    assert found["missing_bytes"] == sum(map(len, blobs.values())) - len(WEIGHTS)


def test_what_came_before_a_cut_is_not_counted_again(server: registry.Server, tmp_path: Path) -> None:
    manifest, blobs = model(WEIGHTS)
    server.offer("m:1b", manifest, blobs)
    weights = tmp_path / "models" / "blobs" / digest(WEIGHTS).replace(":", "-")
    weights.parent.mkdir(parents=True)
    weights.with_name(f"{weights.name}-partial-0").write_text('{"N": 0, "Offset": 0, "Size": 3000000, "Completed": 2900000}')
    found = look(server, "m:1b", tmp_path / "models")
    assert found["missing_bytes"] == sum(map(len, blobs.values())) - 2_900_000


@pytest.mark.parametrize(("status", "kind"), [(404, "unknown"), (401, "closed"), (403, "closed"), (500, "http")])
def test_what_a_registry_refuses_has_its_kind(server: registry.Server, tmp_path: Path, status: int, kind: str) -> None:
    server.status["/v2/library/m/manifests/1b"] = status
    assert look(server, "m:1b", tmp_path)["kind"] == kind


def test_a_registry_that_lies_about_a_digest_is_caught_before_anything_large_comes(
    server: registry.Server, tmp_path: Path
) -> None:
    manifest, blobs = model(WEIGHTS)
    server.offer("m:1b", manifest, blobs)
    config = next(one for one, data in blobs.items() if b"model_family" in data)
    server.content[f"/elsewhere/{config}"] = b'{"x": "%s"}' % (b"y" * (len(blobs[config]) - 9))
    found = look(server, "m:1b", tmp_path)
    assert found["kind"] == "digest"
    assert config in str(found["error"])


def test_a_connection_that_ends_before_the_configuration_does_is_no_lie_about_a_digest(
    server: registry.Server, tmp_path: Path
) -> None:
    manifest, blobs = model(WEIGHTS, config={"rootfs": "x" * 2000})
    server.offer("m:1b", manifest, blobs)
    # The manifest is not longer, and comes whole.
    server.cuts = [len(manifest)]
    config = next(one for one, data in blobs.items() if b"model_family" in data)
    found = look(server, "m:1b", tmp_path)
    assert found["kind"] == "refused"
    assert found["error"] == f"only {len(manifest)} of {len(blobs[config])} bytes of {config} came"


@pytest.mark.parametrize(
    "manifest", [b"<html>a login page</html>", b'{"layers": [], "config": {"digest": "../x", "size": 1, "mediaType": "m"}}']
)
def test_an_answer_that_is_no_manifest_says_so(server: registry.Server, tmp_path: Path, manifest: bytes) -> None:
    server.offer("m:1b", manifest, {})
    assert look(server, "m:1b", tmp_path)["kind"] in ("invalid", "unknown")


def test_a_registry_whose_certificate_nobody_vouches_for_is_not_believed(server: registry.Server, tmp_path: Path) -> None:
    server.offer("m:1b", *model(WEIGHTS))
    name = f"{server.name}/library/m:1b"
    assert models.look_models([name], str(tmp_path))[name]["kind"] == "tls"


def test_one_that_fails_stops_no_other(server: registry.Server, tmp_path: Path) -> None:
    server.offer("m:1b", *model(WEIGHTS))
    good = f"{server.name}/library/m:1b"
    names = [good, "no name", f"{server.name}/library/none", "localhost:1/library/m"]
    found = models.look_models(names, str(tmp_path), [server.authority])
    assert [found[name].get("kind") for name in names] == [None, "name", "unknown", "refused"]


def test_a_model_without_a_file_that_is_understood_still_has_its_size(server: registry.Server, tmp_path: Path) -> None:
    server.offer("m:1b", *model(b"no gguf", config={"remote_host": "https://ollama.com"}))
    found = look(server, "m:1b", tmp_path)
    assert found["head"] == {"error": "no GGUF file"}
    assert found["loaded_bytes"] == len(b"no gguf")
    assert found["remote"] == "https://ollama.com"


def test_the_models_of_a_host_are_described_where_they_lie(tmp_path: Path) -> None:
    keep(tmp_path, "m:1b", *model(WEIGHTS))
    keep(tmp_path, "broken", b"{}", {})
    found = models.look_here(str(tmp_path))
    assert (found["m:1b"]["loaded_bytes"], found["m:1b"]["here"]) == (len(WEIGHTS), True)
    assert found["broken:latest"]["kind"] == "invalid"
