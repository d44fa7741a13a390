"""What models are made of: those that are here, and those that a registry offers. Only looked at when asked.

Of a model elsewhere no weights are fetched: its manifest, its configuration, and the head of its file.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Callable

from .. import model_names, model_store
from ..parsers import gguf
from .network import explain, trusting

#: For all models together, and for one answer.
LIMIT_S, ANSWER_S = 30.0, 10.0
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
SMALL = 4 * 1024 * 1024
#: What memory is estimated from; with the architecture before them in the file.
PROPERTIES = (
    "block_count",
    "context_length",
    "embedding_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "vocab_size",
)

#: Gives up to so many bytes of a blob from a place on.
ReadBlob = Callable[[str, int, int], bytes]


class DigestError(ValueError):
    """What came is not what its digest says."""


def look_models(names: list[str], folder: str, certificates: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Each model by the name it was asked for under: see :func:`describe`; `{"error", "kind"}` where that is not known.

    `kind` is `unknown` (the registry has no such model), `name`, `closed` (it wants a login), `digest` (what came is not
    what its digest says), `invalid`, or one of :func:`verify.probes.network.look_network`.

    :param folder: Ollama's folder of models; what is there is not asked for elsewhere.
    :param certificates: PEM texts of further CAs to trust, beside the system's.
    """
    store, trust = model_store.Store(folder), trusting(certificates or [])
    found: dict[str, dict[str, Any]] = {}
    threads = [threading.Thread(target=_look, args=(name, store, trust, found), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LIMIT_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    late = {"error": f"no answer in {LIMIT_S:g} s", "kind": "timeout"}
    return {name: found.get(name, late) for name in names}


def look_here(folder: str) -> dict[str, dict[str, Any]]:
    """Every model in Ollama's folder; `{"error", "kind"}` for one that does not read."""
    store = model_store.Store(folder)
    found: dict[str, dict[str, Any]] = {}
    for name in store.names():
        _look(name, store, None, found)
    return found


def _look(name: str, store: model_store.Store, trust: ssl.SSLContext | None, found: dict[str, dict[str, Any]]) -> None:
    try:
        parsed = model_names.parse(name)
    except ValueError as problem:
        found[name] = {"error": str(problem), "kind": "name"}
        return
    try:
        manifest = store.manifest(name)
        if manifest is not None:
            found[name] = describe(parsed, manifest, store, _local(store), here=True)
        elif trust is not None:
            registry = Registry(parsed, trust)
            found[name] = describe(parsed, registry.manifest(), store, registry.read, here=False)
    except Exception as problem:  # whatever is met, the others are still told of
        found[name] = _error(problem)


def _error(problem: Exception) -> dict[str, Any]:
    if isinstance(problem, urllib.error.HTTPError) and problem.code in (404, 401, 403):
        return {"error": f"HTTP {problem.code}", "kind": "unknown" if problem.code == 404 else "closed"}
    if isinstance(problem, DigestError):
        return {"error": str(problem), "kind": "digest"}
    if isinstance(problem, ValueError):
        return {"error": str(problem), "kind": "invalid"}
    said, kind = explain(problem)
    return {"error": said or "it wants a login", "kind": kind or "closed"}


def describe(
    name: model_names.ModelName, manifest: bytes, store: model_store.Store, read: ReadBlob, here: bool
) -> dict[str, Any]:
    """What a model is made of: `{name, here, digest, size_bytes, missing_bytes, loaded_bytes, family, parameters,
    quantisation, remote, options, head}`.

    `missing_bytes` is what is not in the store yet, nor on its way there; `loaded_bytes` what goes into memory; `options`
    what the model's author set, such as `num_ctx`; `remote` the host that computes a model whose weights are elsewhere, else
    None; `head` the properties of its file, `{"error": …}` where those are not to be had.
    """
    layers = model_store.layers(manifest)
    config = _document(layers[0], read)
    return {
        "name": name.short,
        "here": here,
        "digest": model_store.digest(manifest),
        "size_bytes": sum(layer["size"] for layer in layers),
        "missing_bytes": sum(store.missing(layer) for layer in layers),
        "loaded_bytes": sum(layer["size"] for layer in layers if layer["mediaType"] in model_store.LOADED),
        "family": str(config.get("model_family") or ""),
        "parameters": str(config.get("model_type") or ""),
        "quantisation": str(config.get("file_type") or ""),
        "remote": config.get("remote_host") or None,
        "options": _options(layers, read),
        "head": _head(layers, read),
    }


def _document(layer: dict[str, Any], read: ReadBlob) -> dict[str, Any]:
    """A small JSON text of a model, as its digest says it is."""
    if layer["size"] > SMALL:
        raise ValueError(f"a configuration of {layer['size']} bytes")
    data = read(layer["digest"], 0, layer["size"])
    if len(data) < layer["size"]:
        # Who asks http.client for a number of bytes is not told that the connection ended before.
        raise ConnectionError(f"only {len(data)} of {layer['size']} bytes of {layer['digest']} came")
    if model_store.digest(data) != layer["digest"]:
        raise DigestError(f"{layer['digest']} was asked for, and {model_store.digest(data)} came")
    document = json.loads(data)
    return document if isinstance(document, dict) else {}


def _options(layers: list[dict[str, Any]], read: ReadBlob) -> dict[str, Any]:
    found = [_document(layer, read) for layer in layers if layer["mediaType"] == model_store.PARAMETERS]
    return found[0] if found else {}


def _head(layers: list[dict[str, Any]], read: ReadBlob) -> dict[str, Any]:
    weights = [layer["digest"] for layer in layers if layer["mediaType"] == model_store.WEIGHTS]
    if not weights:
        return {"error": "it has no file of weights"}
    try:
        found = gguf.head(lambda offset, count: read(weights[0], offset, count))
    except (OSError, ValueError) as problem:
        return {"error": str(problem)}
    architecture = found.get("general.architecture")
    properties = {name: found.get(f"{architecture}.{name}") for name in PROPERTIES}
    return {"architecture": architecture, **{name: value for name, value in properties.items() if value is not None}}


def _local(store: model_store.Store) -> ReadBlob:
    def read(digest: str, offset: int, count: int) -> bytes:
        with store.blob(digest).open("rb") as blob:
            blob.seek(offset)
            return blob.read(count)

    return read


class Registry:
    """A registry's answers about one model. Methods raise what `urllib` raises."""

    def __init__(self, name: model_names.ModelName, trust: ssl.SSLContext) -> None:
        self._name = name
        self._base = f"https://{name.registry}/v2/{name.namespace}/{name.model}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))

    def manifest(self) -> bytes:
        return self._get(f"manifests/{self._name.tag}", SMALL, {"Accept": MANIFEST_TYPE})

    def read(self, digest: str, offset: int, count: int) -> bytes:
        """A part of a blob, also from a server that knows no ranges."""
        if not count:
            return b""
        return self._get(f"blobs/{digest}", count, {"Range": f"bytes={offset}-{offset + count - 1}"}, offset)

    def _get(self, path: str, count: int, headers: dict[str, str], offset: int = 0) -> bytes:
        request = urllib.request.Request(f"{self._base}/{path}", headers={"User-Agent": "gpuhost", **headers})
        try:
            with self._opener.open(request, timeout=ANSWER_S) as answer:
                if offset and answer.status == 200:
                    answer.read(offset)
                return bytes(answer.read(count))
        except urllib.error.HTTPError as problem:
            if problem.code == 416:  # beyond the end of the blob
                return b""
            raise
