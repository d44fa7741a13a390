"""The head of a model's file, read in pieces from wherever it is."""

from __future__ import annotations

import pytest

from tests.unit.models.parts import ARRAY, LLAMA_1B, STRING, U32, U64, gguf
from verify.parsers import gguf as parser


def reader(data: bytes, asked: list[tuple[int, int]] | None = None) -> parser.Read:
    def read(offset: int, count: int) -> bytes:
        if asked is not None:
            asked.append((offset, count))
        return data[offset : offset + count]

    return read


def test_a_head_says_what_a_model_is_made_of() -> None:
    found = parser.head(reader(gguf(LLAMA_1B)))
    assert found["general.architecture"] == "llama"
    assert found["llama.attention.head_count_kv"] == 8
    assert found["llama.rope.freq_base"] == 500000.0


def test_the_vocabulary_is_not_fetched() -> None:
    asked: list[tuple[int, int]] = []
    data = gguf(LLAMA_1B, words=200_000)
    found = parser.head(reader(data, asked))
    assert not any(key.startswith("tokenizer.") for key in found)
    assert sum(count for _, count in asked) <= parser.CHUNK < len(data)


def test_a_head_in_many_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gguf(LLAMA_1B)
    whole = parser.head(reader(data))
    monkeypatch.setattr(parser, "CHUNK", 7)
    assert parser.head(reader(data)) == whole


def test_lists_by_layer_are_kept_and_lists_of_words_are_counted() -> None:
    by_layer = {"x.attention.head_count_kv": (ARRAY, (U32, [8, 0, 8])), "x.names": (ARRAY, (STRING, ["w"] * 2000))}
    many = {"x.scores": (ARRAY, (U64, [1] * 3000)), "x.after": (U32, 5)}
    found = parser.head(reader(gguf({**by_layer, **many})))
    assert found == {"x.attention.head_count_kv": [8, 0, 8], "x.names": 2000, "x.scores": 3000, "x.after": 5}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>no model</html>", "no GGUF file"),
        (b"", "cut short"),
        (gguf(LLAMA_1B)[:200], "cut short"),
        (gguf(LLAMA_1B, version=1), "version 1 is not known"),
        (
            gguf({"general.architecture": (U32, 1)}).replace(b"\x04\x00\x00\x00\x01", b"\x63\x00\x00\x00\x01"),
            "unknown kind 99",
        ),
        (gguf({"x": (STRING, "")}).replace(b"\x08\0\0\0" + b"\0" * 8, b"\x08\0\0\0" + b"\xff" * 8), "more than"),
    ],
)
def test_what_is_no_model_says_so_and_takes_no_memory(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parser.head(reader(data))
