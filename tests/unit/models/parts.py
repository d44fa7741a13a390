"""Models made for tests: GGUF heads after ggml's docs/gguf.md, manifests and stores as Ollama and its registry have them."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from verify import model_names, model_store

U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
_FORMS = {U32: "I", F32: "f", BOOL: "?", U64: "Q"}

#: Llama 3.2 1B as Ollama's library has it: what its head says, and how large its file is.
LLAMA_1B: dict[str, tuple[int, Any]] = {
    "general.architecture": (STRING, "llama"),
    "general.file_type": (U32, 7),
    "llama.block_count": (U32, 16),
    "llama.context_length": (U32, 131072),
    "llama.embedding_length": (U32, 2048),
    "llama.attention.head_count": (U32, 32),
    "llama.attention.head_count_kv": (U32, 8),
    "llama.attention.key_length": (U32, 64),
    "llama.attention.value_length": (U32, 64),
    "llama.rope.freq_base": (F32, 500000.0),
    "llama.vocab_size": (U32, 128256),
}


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(kind: int, what: Any) -> bytes:
    if kind == STRING:
        return string(what)
    if kind == ARRAY:
        inner, elements = what
        return struct.pack("<IQ", inner, len(elements)) + b"".join(value(inner, one) for one in elements)
    return struct.pack(f"<{_FORMS[kind]}", what)


def gguf(pairs: dict[str, tuple[int, Any]], words: int = 0, version: int = 3, weights: bytes = b"\0" * 64) -> bytes:
    """A GGUF file: its head, a vocabulary of so many words, and what stands for its tensors."""
    full = dict(pairs)
    if words:
        full["tokenizer.ggml.tokens"] = (ARRAY, (STRING, [f"word{number}" for number in range(words)]))
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(full))
    return (
        head
        + b"".join(string(key) + struct.pack("<I", kind) + value(kind, what) for key, (kind, what) in full.items())
        + weights
    )


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def model(
    weights: bytes, config: dict[str, Any] | None = None, options: dict[str, Any] | None = None, system: str = ""
) -> tuple[bytes, dict[str, bytes]]:
    """A model's manifest and its blobs by digest."""
    blobs: dict[str, bytes] = {}

    def layer(data: bytes, media_type: str) -> dict[str, Any]:
        blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    layers = [layer(weights, model_store.WEIGHTS), layer(b"free\n", "application/vnd.ollama.image.license")]
    if options:
        layers.append(layer(json.dumps(options).encode(), model_store.PARAMETERS))
    if system:
        layers.append(layer(system.encode(), model_store.SYSTEM))
    config = {"model_format": "gguf", "model_family": "llama", "model_type": "1.2B", "file_type": "Q8_0", **(config or {})}
    document = {
        "schemaVersion": 2,
        "config": layer(json.dumps(config).encode(), "application/vnd.docker.container.image.v1+json"),
        "layers": layers,
    }
    return json.dumps(document).encode(), blobs


def keep(folder: Path, name: str, manifest: bytes, blobs: dict[str, bytes]) -> None:
    """Ollama's folder has the model."""
    path = folder / model_names.parse(name).manifest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(manifest)
    (folder / "blobs").mkdir(exist_ok=True)
    for one, data in blobs.items():
        (folder / "blobs" / one.replace(":", "-")).write_bytes(data)
