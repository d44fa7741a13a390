"""Fingerprints of OpenPGP public keys, so that a key is compared before any host trusts it.

Only what that takes: the first packet of a version 4 public key (RFC 4880, sections 4.2, 5.5.2, 6.2 and 12.2). No
library of PyPI that does this is kept well enough to be trusted with it, and a control node may lack gpg.
"""

from __future__ import annotations

import base64
import hashlib

_ARMOUR_BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_ARMOUR_END = b"-----END PGP PUBLIC KEY BLOCK-----"
_PUBLIC_KEY_TAG = 6


def fingerprint(key: bytes) -> str:
    """The fingerprint of the primary key: 40 upper-case hexadecimal digits.

    :raises ValueError: if ``key`` does not begin with a version 4 public key.
    """
    body = _first_packet(dearmoured(key))
    if body[0] != 4:
        raise ValueError(f"a version {body[0]} key; gpuhost reads version 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def normalised(text: str) -> str:
    """A fingerprint as people write it, without blanks and in upper case."""
    return "".join(text.split()).upper().removeprefix("0X")


def dearmoured(key: bytes) -> bytes:
    """The binary form of ``key``, whichever form it came in.

    :raises ValueError: if the armour is damaged.
    """
    if _ARMOUR_BEGIN not in key:
        return key
    inside = key.split(_ARMOUR_BEGIN, 1)[1].split(_ARMOUR_END, 1)[0].replace(b"\r", b"")
    _, blank, data = inside.partition(b"\n\n")
    if not blank:
        raise ValueError("the armour has no blank line after its headers")
    lines = [line for line in data.split(b"\n") if line and not line.startswith(b"=")]
    return base64.b64decode(b"".join(lines), validate=True)


def armoured(key: bytes) -> str:
    """The text form of ``key``, whichever form it came in: what apt reads from a file that ends in ``.asc``."""
    if _ARMOUR_BEGIN in key:
        return key.decode("ascii")
    text = base64.b64encode(key).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    checksum = base64.b64encode(_crc24(key).to_bytes(3, "big")).decode()
    return "\n".join([_ARMOUR_BEGIN.decode(), "", *lines, f"={checksum}", _ARMOUR_END.decode(), ""])


def _crc24(data: bytes) -> int:
    """The checksum of RFC 4880, section 6.1."""
    value = 0xB704CE
    for byte in data:
        value ^= byte << 16
        for _ in range(8):
            value = (value << 1) ^ (0x1864CFB if value & 0x800000 else 0)
    return value


def _first_packet(data: bytes) -> bytes:
    if len(data) < 3 or not data[0] & 0x80:
        raise ValueError("not an OpenPGP key")
    new_format = bool(data[0] & 0x40)
    tag = data[0] & 0x3F if new_format else (data[0] & 0x3C) >> 2
    if tag != _PUBLIC_KEY_TAG:
        raise ValueError(f"begins with packet {tag}, not with a public key")
    start, length = _new_length(data) if new_format else _old_length(data)
    body = data[start : start + length]
    if len(body) != length or not body:
        raise ValueError("the key is cut short")
    return body


def _old_length(data: bytes) -> tuple[int, int]:
    size = {0: 1, 1: 2, 2: 4}.get(data[0] & 0x03)
    if size is None:
        raise ValueError("the key has no length")
    return 1 + size, int.from_bytes(data[1 : 1 + size], "big")


def _new_length(data: bytes) -> tuple[int, int]:
    first = data[1]
    if first < 192:
        return 2, first
    if first < 224:
        return 3, ((first - 192) << 8) + data[2] + 192
    if first == 255:
        return 6, int.from_bytes(data[2:6], "big")
    raise ValueError("the key has a partial length")
