"""A site's keys are what the site pinned, and travel to hosts as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control import repository_keys

SAMPLES = Path(__file__).parents[2] / "samples" / "openpgp"
KEY, OTHER = str(SAMPLES / "ed25519.asc"), str(SAMPLES / "rsa2048.asc")
PINNED = "7F0C AFE6 FEC7 9685 D703  FF38 654A DF41 8D67 5516"


def wishes(**given: str) -> dict[str, Any]:
    names = ("apt_url", "apt_key", "apt_key_fingerprint", "amd_key", "amd_key_fingerprint")
    return {f"sources_{name}": given.get(name, "") for name in names}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"apt_key": OTHER, "apt_key_fingerprint": PINNED}, []),
        ({"apt_url": "http://m", "apt_key": KEY, "apt_key_fingerprint": PINNED}, []),
        ({"apt_url": "http://m", "apt_key": KEY}, ["GH-INPUT-MISSING"]),
        ({"apt_url": "http://m", "apt_key": OTHER, "apt_key_fingerprint": PINNED}, ["GH-KEY-FINGERPRINT"]),
        ({"amd_key": KEY, "amd_key_fingerprint": PINNED}, []),
        ({"amd_key": KEY}, ["GH-INPUT-MISSING"]),
        ({"amd_key": "/nowhere/amd.asc", "amd_key_fingerprint": PINNED}, ["GH-INPUT-FILE"]),
        ({"amd_key": OTHER, "amd_key_fingerprint": PINNED}, ["GH-KEY-FINGERPRINT"]),
    ],
)
def test_a_key_that_a_site_gives_needs_the_fingerprint_that_it_pins(given: dict[str, str], found: list[str]) -> None:
    assert [one.id for one in repository_keys.check("gpu01", wishes(**given))] == found


def test_a_file_with_a_second_key_is_refused(tmp_path: Path) -> None:
    both = tmp_path / "both.asc"
    both.write_bytes(Path(KEY).read_bytes() + Path(OTHER).read_bytes())
    (found,) = repository_keys.check("gpu01", wishes(amd_key=str(both), amd_key_fingerprint=PINNED))
    assert (found.id, "holds 2 keys" in found.seen) == ("GH-INPUT-FILE", True)


def test_a_key_of_the_control_node_goes_along_as_text() -> None:
    given: dict[str, Any] = {"name": "rocm", "key": {"url": None, "src": KEY, "fingerprint": PINNED}}
    sent = repository_keys.with_content(given)
    assert sent == {"name": "rocm", "key": {"fingerprint": PINNED, "content": Path(KEY).read_text()}}
    assert given["key"]["src"] == KEY


def test_a_vendor_s_key_is_left_for_the_host_to_fetch() -> None:
    given = {"key": {"url": "https://repo.example/key", "src": None, "fingerprint": PINNED}}
    assert repository_keys.with_content(given)["key"] == {"url": "https://repo.example/key", "fingerprint": PINNED}
