"""Makes the lab's tiny language model and lays it out as what a registry of models hands out.

    python3 make_model.py FOLDER

Afterwards FOLDER holds `blobs/sha256-…` and `manifests/registry.ollama.ai/library/gpuhost-lab-tiny/latest`,
the layout of Ollama's own model folder. The weights are random with a fixed seed: equal builds give equal
digests. The model knows some words and no sense; what counts is that llama.cpp computes its text.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

NAME = "gpuhost-lab-tiny"
SEED = 20260901
WIDTH, LAYERS, HEADS, FEED_FORWARD, CONTEXT = 128, 4, 4, 384, 2048
UNKNOWN, BEGIN, END = 0, 1, 2
SPACE = "\u2581"  # how SentencePiece writes a space
NOTICE = "Random weights without meaning, made by gpuhost for its lab. In the public domain.\n"

WORDS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()


def vocabulary() -> list[tuple[str, TokenType, bool]]:
    """Text, kind, and whether the model may say it, in SentencePiece's terms.

    The beginnings of words are tokens that are read and never said: the tokenizer joins a word from its left
    end, one letter at a time, and each step must be a token.
    """
    control = [("<unk>", TokenType.UNKNOWN), ("<s>", TokenType.CONTROL), ("</s>", TokenType.CONTROL)]
    unsaid = control + [(f"<0x{value:02X}>", TokenType.BYTE) for value in range(256)]
    said = [".", ",", "?", *(SPACE + word for word in WORDS)]
    beginnings = {word[:length] for word in said for length in range(1, len(word))} - set(said)
    return [
        *((text, kind, False) for text, kind in unsaid),
        *((text, TokenType.NORMAL, True) for text in said),
        *((text, TokenType.NORMAL, False) for text in sorted(beginnings)),
    ]


def weights(said: list[bool]) -> dict[str, np.ndarray]:
    """Random tensors with one bias built in.

    Dimension 0 of every embedding is large and positive, so it stays so through the residual stream; the
    output rows of tokens that must not be said are negative there. That keeps the answers to words (a stray
    byte is not valid UTF-8).
    """
    rng = np.random.default_rng(SEED)

    def tensor(rows: int, columns: int, scale: float = 1.0) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    embedding, output = tensor(len(said), WIDTH, scale=8.0), tensor(len(said), WIDTH, scale=6.0)
    embedding[:, 0] = 4.0
    output[:, 0] = [0.0 if may else -20.0 for may in said]
    output[END, 0] = 1.2  # a little likelier than a word, so that answers end by themselves
    made = {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": np.ones(WIDTH, np.float32),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            made[f"{block}.{part}.weight"] = tensor(WIDTH, WIDTH)
        made[f"{block}.ffn_gate.weight"] = tensor(FEED_FORWARD, WIDTH)
        made[f"{block}.ffn_up.weight"] = tensor(FEED_FORWARD, WIDTH)
        made[f"{block}.ffn_down.weight"] = tensor(WIDTH, FEED_FORWARD)
        for part in ("attn_norm", "ffn_norm"):
            made[f"{block}.{part}.weight"] = np.ones(WIDTH, np.float32)
    return made


def write_gguf(path: Path) -> dict[str, object]:
    """Write the model to `path`; return what `POST /api/show` reports as `model_info`."""
    entries = vocabulary()
    tensors = weights([said for _, _, said in entries])
    writer = GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(entries))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _, _ in entries])
    writer.add_token_scores([-float(rank) for rank in range(len(entries))])
    writer.add_token_types([kind for _, kind, _ in entries])
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {
        "general.architecture": "llama",
        "general.file_type": 0,
        "general.parameter_count": int(sum(values.size for values in tensors.values())),
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "llama.block_count": LAYERS,
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": FEED_FORWARD,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.bos_token_id": BEGIN,
        "tokenizer.ggml.eos_token_id": END,
    }


def store(folder: Path, data: bytes, media_type: str) -> dict[str, object]:
    """Keep `data` as a blob; return its descriptor for the manifest."""
    digest = hashlib.sha256(data).hexdigest()
    (folder / "blobs" / f"sha256-{digest}").write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def main(folder: Path) -> None:
    """Make the library in `folder`."""
    (folder / "blobs").mkdir(parents=True)
    gguf = folder / "model.gguf"
    info = write_gguf(gguf)
    layers = [
        store(folder, gguf.read_bytes(), "application/vnd.ollama.image.model"),
        store(folder, NOTICE.encode(), "application/vnd.ollama.image.license"),
    ]
    gguf.unlink()
    config = {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "file_type": "F32",
        "model_type": f"{int(str(info['general.parameter_count'])) / 1e6:.1f}M",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "gpuhost_model_info": info,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": store(folder, json.dumps(config).encode(), "application/vnd.docker.container.image.v1+json"),
        "layers": layers,
    }
    path = folder / "manifests/registry.ollama.ai/library" / NAME / "latest"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(manifest), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
