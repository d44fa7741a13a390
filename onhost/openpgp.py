"""OpenPGP public keys: their fingerprints, so that a key is compared before anything trusts it, and their two forms.

Only what that takes: the packets of transferable version 4 public keys (RFC 4880, sections 4.2, 5.5.2, 6.2, 11.1 and
12.2). No library of PyPI that does this is kept well enough to be trusted with it, and neither a host nor a control
node need have gpg.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

_ARMOUR_BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_ARMOUR_END = b"-----END PGP PUBLIC KEY BLOCK-----"
_PUBLIC_KEY_TAG = 6


def keys(data: bytes) -> dict[str, bytes]:
    """Every public key in ``data`` (binary or armoured) in its binary form, by the fingerprint of its primary key.

    A fingerprint has 40 upper-case hexadecimal digits. A file may hold several keys, and apt would trust them all: who
    pins one takes that one alone.

    :raises ValueError: if ``data`` is anything but whole version 4 public keys.
    """
    found: dict[str, bytes] = {}
    name = ""
    for tag, packet, body in _packets(dearmoured(data)):
        if tag == _PUBLIC_KEY_TAG:
            name = _fingerprint(body)
            found[name] = b""
        elif not name:
            raise ValueError(f"begins with packet {tag}, not with a public key")
        found[name] += packet
    if not found:
        raise ValueError("not an OpenPGP key")
    return found


def fingerprint(key: bytes) -> str:
    """The fingerprint of the one key in ``key``.

    :raises ValueError: as :func:`keys`, and where there are several.
    """
    found = list(keys(key))
    if len(found) > 1:
        raise ValueError(f"holds {len(found)} keys ({', '.join(found)}); a file that is trusted holds one")
    return found[0]


def normalised(text: str) -> str:
    """A fingerprint as people write it, without blanks and in upper case."""
    return "".join(text.split()).upper().removeprefix("0X")


def dearmoured(key: bytes) -> bytes:
    """The binary form of ``key``, whichever form it came in.

    :raises ValueError: if the armour is damaged.
    """
    if _ARMOUR_BEGIN not in key:
        return key
    return b"".join(_dearmoured(block) for block in key.split(_ARMOUR_BEGIN)[1:])


def armoured(key: bytes) -> str:
    """The text form of ``key``, whichever form it came in: what apt reads from a file that ends in ``.asc``."""
    if _ARMOUR_BEGIN in key:
        return key.decode("ascii")
    text = base64.b64encode(key).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    checksum = base64.b64encode(_crc24(key).to_bytes(3, "big")).decode()
    return "\n".join([_ARMOUR_BEGIN.decode(), "", *lines, f"={checksum}", _ARMOUR_END.decode(), ""])


def _dearmoured(block: bytes) -> bytes:
    inside = block.split(_ARMOUR_END, 1)[0].replace(b"\r", b"")
    _, blank, data = inside.partition(b"\n\n")
    if not blank:
        raise ValueError("the armour has no blank line after its headers")
    lines = [line for line in data.split(b"\n") if line and not line.startswith(b"=")]
    return base64.b64decode(b"".join(lines), validate=True)


def _crc24(data: bytes) -> int:
    """The checksum of RFC 4880, section 6.1."""
    value = 0xB704CE
    for byte in data:
        value ^= byte << 16
        for _ in range(8):
            value = (value << 1) ^ (0x1864CFB if value & 0x800000 else 0)
    return value


def _fingerprint(body: bytes) -> str:
    if body[0] != 4:
        raise ValueError(f"a version {body[0]} key; gpuhost reads version 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def _packets(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, whole packet and body of each packet."""
    while data:
        if len(data) < 3 or not data[0] & 0x80:
            raise ValueError("not an OpenPGP key")
        new_format = bool(data[0] & 0x40)
        tag = data[0] & 0x3F if new_format else (data[0] & 0x3C) >> 2
        start, length = _new_length(data) if new_format else _old_length(data)
        body = data[start : start + length]
        if len(body) != length or not body:
            raise ValueError("the key is cut short")
        yield tag, data[: start + length], body
        data = data[start + length :]


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
