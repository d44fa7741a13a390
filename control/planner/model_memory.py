"""How much memory a language model takes, and whether a host has it. Pure arithmetic; every figure is in bytes.

Weights: the sizes of the files that are loaded; else parameters times bits per weight. Cache: for each layer, keys and
values of each head that has some, for every token of the context, in 16-bit floats. Both as Ollama predicts them
(llm/llama_server.go PredictServerVRAM, fs/ggml/ggml.go GraphSize at fb3076099). It errs upward: layers that only remember a
window, and caches that are quantised, take less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from control.planner.model import in_words

MIB, GIB = 1 << 20, 1 << 30
#: What Ollama sets aside on each GPU (ml/device.go MinimumMemory).
PER_GPU = 457 * MIB
#: A number in the cache: OLLAMA_KV_CACHE_TYPE is f16 unless somebody sets it (docs/faq.mdx).
CACHE_ELEMENT = 2
#: Tokens that are computed at once, each with a 4-byte number for every word it might become (GraphSize, `llama`).
BATCH, NUMBER = 512, 4
#: Words of a model that does not say how many it knows; Llama 3 has 128 256.
VOCABULARY = 1 << 17
#: Where a file does not tell how it remembers: a model of 8 billion parameters in 4 bits takes a ninth of its weights for
#: 4096 tokens, smaller ones more.
CACHE_SHARE, CACHE_SHARE_TOKENS = 0.2, 4096
#: The context that Ollama takes by the memory of all GPUs together (server/routes.go), largest first.
CONTEXTS = ((47 * GIB, 262_144), (23 * GIB, 32_768), (0, 4_096))
#: Contexts are told in steps of so many tokens.
STEP = 1024

_PARAMETERS = re.compile(r"(?:(?P<experts>\d+)x)?(?P<count>\d+(?:\.\d+)?)(?P<scale>[KMBT])", re.IGNORECASE)
_SCALES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

Place = Literal["gpu", "partly", "memory", "not"]


@dataclass(frozen=True)
class Need:
    """What a model takes once it is loaded. ``estimated``: its file did not tell what the cache is computed from."""

    weights: int
    cache: int
    work: int
    context: int
    estimated: bool

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.work


@dataclass(frozen=True)
class Memory:
    """What a host has for models: each GPU that they may use, and the memory of the host itself.

    ``shared``: the GPUs' memory is a part of the host's, beside what the firmware took from that (``reserved``).
    """

    gpus: tuple[int, ...]
    host: int
    shared: bool = False
    reserved: int = 0

    @property
    def on_gpus(self) -> int:
        return sum(max(one - PER_GPU, 0) for one in self.gpus)

    @property
    def everywhere(self) -> int:
        return self.host + self.reserved if self.shared else self.host + self.on_gpus


@dataclass(frozen=True)
class Fit:
    """Where a model ends up. ``share`` of it is computed by the GPUs."""

    place: Place
    share: float


def context(memory: Memory, model: Mapping[str, Any], asked: int | None) -> int:
    """Tokens that a model is loaded for: those asked for, its author's wish, or Ollama's choice; no more than it can.

    :param asked: of a preset, or set for all of Ollama.
    """
    chosen = asked or (model.get("options") or {}).get("num_ctx")
    if not isinstance(chosen, int) or chosen < 1:
        chosen = next(tokens for least, tokens in CONTEXTS if sum(memory.gpus) >= least)
    most = (model.get("head") or {}).get("context_length")
    return min(chosen, most) if isinstance(most, int) and most > 0 else chosen


def need(model: Mapping[str, Any], tokens: int, weights: int) -> Need:
    """What a model takes with a context of so many tokens.

    :param model: as :func:`verify.probes.models.describe` has it.
    :param weights: bytes of what is loaded.
    """
    head = model.get("head") or {}
    per_token = _cache_per_token(head)
    words = _whole(head.get("vocab_size")) or VOCABULARY
    work = BATCH * NUMBER * ((_whole(head.get("embedding_length")) or 0) + words)
    if per_token is None:
        return Need(weights, int(weights * CACHE_SHARE * tokens / CACHE_SHARE_TOKENS), work, tokens, True)
    return Need(weights, per_token * tokens, work, tokens, False)


def room(model: Mapping[str, Any], weights: int, memory: Memory) -> int | None:
    """The largest context, in whole thousands of tokens, with which the GPUs hold all of a model; None where there is none,
    or where the model's file does not tell.
    """
    head = model.get("head") or {}
    per_token = _cache_per_token(head)
    left = memory.on_gpus - need(model, 0, weights).total
    if not per_token or left < per_token * STEP:
        return None
    tokens = left // per_token // STEP * STEP
    return min(tokens, _whole(head.get("context_length")) or tokens)


def _cache_per_token(head: Mapping[str, Any]) -> int | None:
    """Bytes that all layers remember of one token, None where the file does not tell."""
    layers, heads = _whole(head.get("block_count")), head.get("attention.head_count")
    if not layers or heads is None:
        return None
    # Without heads of its own for keys and values a model has as many as it has others.
    by_layer = _by_layer(head.get("attention.head_count_kv", heads), layers)
    most = max(_by_layer(heads, layers), default=0)
    width = (_whole(head.get("embedding_length")) or 0) // most if most else 0
    keys = _whole(head.get("attention.key_length")) or width
    values = _whole(head.get("attention.value_length")) or width
    if not keys + values and any(by_layer):
        return None
    return sum(count * (keys + values) * CACHE_ELEMENT for count in by_layer)


def _by_layer(value: Any, layers: int) -> list[int]:
    """A property that a file has once for all layers, or for each."""
    if isinstance(value, list):
        return [_whole(one) or 0 for one in value][:layers]
    return [_whole(value) or 0] * layers


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parameters(text: str) -> int | None:
    """How many parameters a model has, from what its configuration says: ``3.2B``, ``8x7B``, ``137M``.

    >>> parameters("3.2B"), parameters("8x7B"), parameters("tiny")
    (3200000000, 56000000000, None)
    """
    match = _PARAMETERS.fullmatch(text.strip())
    if match is None:
        return None
    return round(float(match["count"]) * int(match["experts"] or 1) * _SCALES[match["scale"].upper()])


def weights(count: int, bits_per_weight: float) -> int:
    """What so many parameters take in a file of this quantisation."""
    return round(count * bits_per_weight / 8)


def fit(wanted: Need, memory: Memory) -> Fit:
    """Whether the GPUs hold all of it, a part with the host's memory for the rest, or nothing does."""
    on_gpus = memory.on_gpus
    if on_gpus and wanted.total <= on_gpus:
        return Fit("gpu", 1.0)
    if wanted.total > memory.everywhere:
        return Fit("not", 0.0)
    if not on_gpus:
        return Fit("memory", 0.0)
    return Fit("partly", on_gpus / wanted.total)


def verdict(need: Need, has: Memory, fit: Fit, room: int | None) -> str:
    """Where a model ends up, with its figures.

    :param room: the largest context with which the GPUs hold all of it.
    """
    about = "about " if need.estimated else ""
    words = f"needs {about}{in_words(need.total)} with a context of {need.context}"
    less = f"; all of it would fit the GPU with a context of {room}" if room and room < need.context else ""
    if fit.place == "gpu":
        what = "the GPU" if len(has.gpus) == 1 else f"the {len(has.gpus)} GPUs"
        return f"fits {what}: {words}, {in_words(has.on_gpus)} are there"
    if fit.place == "partly":
        rest = f"{fit.share:.0%} on the GPU, the rest on the processors"
        return f"fits partly, {rest}: {words}, the GPU has {in_words(has.on_gpus)}{less}"
    if fit.place == "memory":
        return f"fits the memory: {words}, {in_words(has.everywhere)} are there"
    return f"does not fit: {words}, {in_words(has.everywhere)} are there in all{less}"
