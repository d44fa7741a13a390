"""The patterns of the memory test, by Python's own numbers; and a small memory whose faults they find."""

from __future__ import annotations

import pytest

from verify.compute import memory
from verify.compute.memory import PATTERNS, in_python

CELLS = range(0, 4096)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_word_of_a_pattern_fits_a_cell(name: str) -> None:
    for cell in (*CELLS, 2**37):
        assert -(2**63) <= in_python(PATTERNS[name], cell) < 2**63


@pytest.mark.parametrize("name", ["address", "random_words"])
def test_no_two_cells_hold_the_same_word(name: str) -> None:
    assert len({in_python(PATTERNS[name], cell) for cell in CELLS}) == len(CELLS)


def test_the_walking_bit_visits_every_place_and_nothing_else() -> None:
    words = [in_python(memory.walking_one, cell) % memory.WORD for cell in range(128)]
    assert words == [1 << (cell % 64) for cell in range(128)]
    assert [in_python(memory.walking_zero, cell) % memory.WORD ^ memory.WORD - 1 for cell in range(128)] == words


def test_the_address_is_in_the_lower_half_and_its_complement_above() -> None:
    for cell in (*CELLS, 2**35 + 77):
        word = in_python(memory.address, cell) % memory.WORD
        assert word % 2**36 == cell
        assert word >> 36 == ~cell % 2**28


@pytest.mark.parametrize("name", ["walking_ones", "walking_zeros", "random_words"])
def test_over_64_cells_each_bit_is_once_set_and_once_not(name: str) -> None:
    words = [in_python(PATTERNS[name], cell) % memory.WORD for cell in range(128)]
    for bit in range(64):
        assert {word >> bit & 1 for word in words} == {0, 1}


#: https://prng.di.unimi.it/splitmix64.c, started with 0.
SPLITMIX = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B]


def test_the_random_words_are_splitmix64() -> None:
    assert [in_python(memory.random_words, cell) % memory.WORD for cell in range(5)] == SPLITMIX


def test_a_signed_word_has_the_same_bits() -> None:
    assert [memory.signed(word) for word in (0, 2**63 - 1, 2**63, 2**64 - 1, 2**64)] == [0, 2**63 - 1, -(2**63), -1, 0]


def test_what_is_measured_does_not_need_a_device() -> None:
    from verify.checks.memory import names

    assert names({}) == ["filled", *PATTERNS, "leak"]
    assert names({"kind": "cpu"}) == ["filled", *PATTERNS]


def test_a_part_of_the_memory_says_where_it_begins() -> None:
    held = memory.Memory(None, None)
    held.chunks = [range(memory.SLICE_CELLS + 5), range(7)]
    assert [(first, len(cells)) for first, cells in held.slices()] == [
        (0, memory.SLICE_CELLS),
        (memory.SLICE_CELLS, 5),
        (memory.SLICE_CELLS + 5, 7),
    ]
