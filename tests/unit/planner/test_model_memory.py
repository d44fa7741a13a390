"""How much memory models take, beside figures of their makers and of hosts that loaded them."""

from __future__ import annotations

from typing import Any

import pytest

from control import support
from control.planner import model_memory
from control.planner.model_memory import GIB, MIB, Memory

LLAMA_8B = {
    "block_count": 32, "embedding_length": 4096, "attention.head_count": 32, "attention.head_count_kv": 8,
    "attention.key_length": 128, "attention.value_length": 128, "context_length": 131072, "vocab_size": 128256,
}  # fmt: skip


def head(**changed: Any) -> dict[str, Any]:
    found = {**LLAMA_8B, **{key.replace("__", "."): value for key, value in changed.items()}}
    return {"head": {key: value for key, value in found.items() if value is not None}}


@pytest.mark.parametrize(
    ("model", "tokens", "cache"),
    [
        # llama.cpp says "KV buffer size = 512.00 MiB" of Llama 3.1 8B with a context of 4096 in 16-bit floats.
        (head(), 4096, 512 * MIB),
        (head(), 8192, 1 * GIB),
        # Without heads of its own for keys and values: Llama 2 7B, 2 GiB for 4096 tokens.
        (head(attention__head_count_kv=None, attention__key_length=None, attention__value_length=None), 4096, 2 * GIB),
        # The width of a head follows from that of the model where the file does not tell it.
        (head(attention__key_length=None, attention__value_length=None), 4096, 512 * MIB),
        # Keys and values of different widths.
        (head(attention__key_length=192, attention__value_length=128), 4096, 640 * MIB),
        # A layer that remembers nothing of single tokens counts for nothing: every fourth does.
        (head(attention__head_count_kv=[0, 0, 0, 8] * 8), 4096, 128 * MIB),
        (head(attention__head_count=[32] * 32), 4096, 512 * MIB),
        (head(attention__head_count_kv=0), 4096, 0),
    ],
)
def test_the_cache_is_computed_from_what_the_file_says(model: dict[str, Any], tokens: int, cache: int) -> None:
    need = model_memory.need(model, tokens, 4_920_000_000)
    assert (need.cache, need.estimated) == (cache, False)
    assert need.total == 4_920_000_000 + cache + need.work


@pytest.mark.parametrize(
    "model",
    [{}, {"head": {"error": "HTTP 500"}}, head(block_count=None), head(attention__head_count=None),
     head(attention__key_length=None, attention__value_length=None, embedding_length=None)],
)  # fmt: skip
def test_without_the_file_the_cache_is_an_estimate_and_is_called_one(model: dict[str, Any]) -> None:
    need = model_memory.need(model, 4096, 5_000_000_000)
    assert need.estimated
    assert 500_000_000 < need.cache < 2_000_000_000


def test_what_is_computed_at_once_depends_on_the_words_that_a_model_knows() -> None:
    assert model_memory.need(head(), 4096, 1).work == 4 * 512 * (4096 + 128256)
    assert model_memory.need(head(vocab_size=256000), 4096, 1).work > model_memory.need(head(), 4096, 1).work


@pytest.mark.parametrize(
    ("gpus", "host", "total_gb", "place", "share"),
    [
        ((8,), 32, 5, "gpu", 1.0),
        ((8,), 32, 8, "partly", 0.94),
        ((8,), 32, 20, "partly", 0.38),
        ((8,), 32, 50, "not", 0.0),
        ((16, 16), 32, 30, "gpu", 1.0),
        ((), 16, 12, "memory", 0.0),
        ((), 16, 20, "not", 0.0),
    ],
)
def test_a_model_ends_up_where_there_is_room(
    gpus: tuple[int, ...], host: int, total_gb: int, place: str, share: float
) -> None:
    memory = Memory(tuple(one * GIB for one in gpus), host * GIB)
    need = model_memory.Need(total_gb * GIB, 0, 0, 4096, False)
    found = model_memory.fit(need, memory)
    assert (found.place, round(found.share, 2)) == (place, share)


def test_an_integrated_gpu_adds_nothing_to_what_it_shares() -> None:
    shared = Memory((64 * GIB,), 96 * GIB, shared=True, reserved=512 * MIB)
    assert shared.everywhere == 96 * GIB + 512 * MIB
    assert model_memory.fit(model_memory.Need(120 * GIB, 0, 0, 4096, False), shared).place == "not"
    assert model_memory.fit(model_memory.Need(80 * GIB, 0, 0, 4096, False), shared).place == "partly"


@pytest.mark.parametrize(
    ("gpus", "model", "asked", "tokens"),
    [
        ((8,), head(), None, 4096),
        ((24,), head(), None, 32768),
        ((48,), head(), None, 131072),  # no more than the model was trained for
        ((24, 24), head(context_length=None), None, 262144),
        ((), head(), None, 4096),
        ((8,), {**head(), "options": {"num_ctx": 16384}}, None, 16384),
        ((8,), {**head(), "options": {"num_ctx": 16384}}, 2048, 2048),
        ((8,), head(context_length=2048), None, 2048),
        ((8,), {**head(), "options": {"num_ctx": "many"}}, None, 4096),
    ],
)
def test_the_context_is_the_one_that_ollama_takes(
    gpus: tuple[int, ...], model: dict[str, Any], asked: int | None, tokens: int
) -> None:
    assert model_memory.context(Memory(tuple(one * GIB for one in gpus), 64 * GIB), model, asked) == tokens


def test_the_largest_context_that_fits_is_told_and_does() -> None:
    memory = Memory((8 * GIB,), 32 * GIB)
    room = model_memory.room(head(), 4_920_000_000, memory)
    assert room
    assert room % 1024 == 0
    assert model_memory.fit(model_memory.need(head(), room, 4_920_000_000), memory).place == "gpu"
    assert model_memory.fit(model_memory.need(head(), room + 1024, 4_920_000_000), memory).place == "partly"
    assert model_memory.room(head(), 9_000_000_000, memory) is None
    assert model_memory.room({}, 4_920_000_000, memory) is None
    assert model_memory.room(head(context_length=4096), 1_000_000, memory) == 4096


@pytest.mark.parametrize(
    ("text", "count"),
    [("3.2B", 3_200_000_000), ("8x7B", 56_000_000_000), ("137M", 137_000_000), ("1T", 10**12), ("", None), ("8 B", None),
     ("latest", None), ("567.75M", 567_750_000)],
)  # fmt: skip
def test_parameters_are_read_from_a_configuration(text: str, count: int | None) -> None:
    assert model_memory.parameters(text) == count


@pytest.mark.parametrize(
    ("count", "quantisation", "gigabytes"),
    # llama.cpp's own table of sizes: 8B, 70B and 405B in Q4_K_M take 4.9, 43.1 and 249.1 GB.
    [(8_030_000_000, "Q4_K_M", 4.9), (70_550_000_000, "Q4_K_M", 43.1), (405_850_000_000, "q4_k_m", 249.1),
     (8_030_000_000, "F16", 16.06), (8_030_000_000, "Q8_0", 8.5)],
)  # fmt: skip
def test_parameters_times_bits_is_what_the_makers_say(count: int, quantisation: str, gigabytes: float) -> None:
    bits = support.load().bits_per_weight(quantisation)
    assert bits
    assert model_memory.weights(count, bits) / 1e9 == pytest.approx(gigabytes, rel=0.02)


def test_a_quantisation_that_nobody_measured_is_not_guessed() -> None:
    assert support.load().bits_per_weight("Q17_X") is None
