"""Keys of apt repositories that a site keeps on the control node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control import findings
from control.findings import Finding
from onhost import openpgp

#: Variables that name a key with its fingerprint, and what is set where both are needed.
PAIRS = (
    ("sources_apt_key", "sources_apt_key_fingerprint", "sources_apt_url"),
    ("sources_amd_key", "sources_amd_key_fingerprint", "sources_amd_key"),
)


def with_content(repository: Mapping[str, Any]) -> dict[str, Any]:
    """REPOSITORY (docs/architecture.md) as a host takes it: with the key's text in place of ``key.src``.

    :raises OSError: when the file cannot be read.
    """
    key = dict(repository["key"])
    if source := key.pop("src", None):
        key = {"fingerprint": key["fingerprint"], "content": armoured(source)}
    return {**repository, "key": {name: value for name, value in key.items() if value}}


def binary(path: str) -> bytes:
    """The binary form of the key in a file of the control node."""
    return openpgp.dearmoured(Path(path).expanduser().read_bytes())


def armoured(path: str) -> str:
    """The text form of the key in a file of the control node."""
    return openpgp.armoured(Path(path).expanduser().read_bytes())


def check(host: str, wishes: Mapping[str, Any]) -> list[Finding]:
    """Each key that the site gives must have the fingerprint that the site pins, before any host is told to trust it."""
    return [found for key, pin, needed in PAIRS if wishes.get(needed) for found in _check(host, wishes, key, pin, needed)]


def _check(host: str, wishes: Mapping[str, Any], key: str, pin: str, needed: str) -> list[Finding]:
    path, pinned = wishes[key], wishes[pin]
    if not path or not pinned:
        missing = key if not path else pin
        return [findings.make("GH-INPUT-MISSING", host, f"{needed} is set and {missing} is empty", variable=missing)]
    try:
        actual = openpgp.fingerprint(Path(path).expanduser().read_bytes())
    except (OSError, ValueError) as error:
        return [findings.make("GH-INPUT-FILE", host, f"{path}: {error}", variable=key)]
    if actual != openpgp.normalised(pinned):
        return [findings.make("GH-KEY-FINGERPRINT", host, f"{path} has the fingerprint {actual}", pinned=pinned)]
    return []
