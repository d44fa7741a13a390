"""Just enough of DER (X.690) to name a certificate, and who made a signature."""

from __future__ import annotations

COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3
SEQUENCE, SET, INTEGER, CONTEXT_0 = 0x30, 0x31, 0x02, 0xA0


def children(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each value in ``data``. Raises :class:`ValueError` where that is cut short."""
    found, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("a DER value is cut short")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("a DER value is cut short")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def certificate(data: bytes) -> tuple[str, str]:
    """Subject (its common name) and serial number (hexadecimal) of an X.509 certificate (RFC 5280, 4.1)."""
    try:
        ((_, whole),) = children(data)
        fields = children(children(whole)[0][1])
        fields = fields[1:] if fields[0][0] == CONTEXT_0 else fields  # the version is optional
        return name(fields[4][1]), serial(fields[0][1])
    except (IndexError, ValueError) as problem:
        raise ValueError(f"no X.509 certificate: {problem}") from problem


def signer(data: bytes) -> tuple[str, str | None]:
    """Issuer (common name) and serial number of the certificate that made a PKCS #7 signature (RFC 5652, 5.3).

    The serial number is None where the signature names its key by a key identifier.
    """
    try:
        ((_, outer),) = children(data)
        ((_, signed),) = children(children(outer)[1][1])
        infos = [content for tag, content in children(signed) if tag == SET][-1]
        sid_tag, sid = children(children(infos)[0][1])[1]
        if sid_tag != SEQUENCE:
            return sid.hex(), None
        issuer, number = children(sid)
        return name(issuer[1]), serial(number[1])
    except (IndexError, ValueError) as problem:
        raise ValueError(f"no PKCS #7 signature: {problem}") from problem


def name(data: bytes) -> str:
    """The common name of a distinguished name, else its last part."""
    parts = [children(children(part)[0][1]) for tag, part in children(data) if tag == SET]
    texts = [(oid[1], text[1].decode("utf-8", "replace")) for oid, text in parts]
    return next((text for oid, text in texts if oid == COMMON_NAME), texts[-1][1] if texts else "")


def serial(content: bytes) -> str:
    return f"{int.from_bytes(content, 'big'):x}"
