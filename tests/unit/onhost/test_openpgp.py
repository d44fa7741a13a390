"""Fingerprints are those that GnuPG prints for the same keys."""

from pathlib import Path

import pytest

from onhost import openpgp

SAMPLES = Path(__file__).parents[2] / "samples" / "openpgp"
KEYS = {
    "ed25519.asc": "7F0CAFE6FEC79685D703FF38654ADF418D675516",
    "rsa2048.asc": "D3E44B44004E4B799B8E23CA2E033F5300D63EC9",
}


@pytest.mark.parametrize(("name", "expected"), KEYS.items())
def test_an_armoured_key_has_the_fingerprint_that_gpg_prints(name: str, expected: str) -> None:
    assert openpgp.fingerprint((SAMPLES / name).read_bytes()) == expected


@pytest.mark.parametrize(("name", "expected"), KEYS.items())
def test_a_binary_key_has_the_same_fingerprint(name: str, expected: str) -> None:
    assert openpgp.fingerprint(openpgp.dearmoured((SAMPLES / name).read_bytes())) == expected


def test_a_pinned_fingerprint_may_be_written_with_blanks_and_in_lower_case() -> None:
    assert openpgp.normalised("7f0c afe6 FEC7 9685  D703") == "7F0CAFE6FEC79685D703"


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not a key at all",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nno blank line",
        openpgp.dearmoured((SAMPLES / "rsa2048.asc").read_bytes())[:40],
    ],
    ids=["empty", "text", "broken armour", "cut short"],
)
def test_what_is_no_whole_key_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        openpgp.fingerprint(damaged)


@pytest.mark.parametrize("name", KEYS)
def test_a_binary_key_gets_the_armour_that_gpg_gives_it(name: str) -> None:
    text = (SAMPLES / name).read_text()
    assert openpgp.armoured(openpgp.dearmoured(text.encode())) == text
    assert openpgp.armoured(text.encode()) == text


def test_each_key_of_a_file_with_several_is_told_apart() -> None:
    both = b"".join((SAMPLES / name).read_bytes() for name in KEYS)
    found = openpgp.keys(both)
    assert list(found) == list(KEYS.values())
    assert [openpgp.fingerprint(key) for key in found.values()] == list(KEYS.values())
    assert b"".join(found.values()) == openpgp.dearmoured(both)


def test_a_second_key_does_not_ride_along_with_the_first() -> None:
    both = b"".join(openpgp.dearmoured((SAMPLES / name).read_bytes()) for name in KEYS)
    with pytest.raises(ValueError, match="holds 2 keys"):
        openpgp.fingerprint(both)


def test_a_key_with_rubbish_behind_it_is_refused() -> None:
    with pytest.raises(ValueError, match="not an OpenPGP key"):
        openpgp.fingerprint(openpgp.dearmoured((SAMPLES / "rsa2048.asc").read_bytes()) + b"deb http://")
