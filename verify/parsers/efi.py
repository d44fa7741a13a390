"""UEFI variables as efivarfs shows them, and the certificate lists in them.

Sources: kernel `Documentation/filesystems/efivarfs.rst` (four bytes of attributes first), UEFI specification 2.10,
32.4.1 (EFI_SIGNATURE_LIST), shim `MokVars.txt` (MokList, MokNew, MokSBState and their mirrors).
"""

from __future__ import annotations

import struct
import uuid

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

#: EFI_CERT_X509_GUID: the list holds whole certificates.
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
LIST = struct.Struct("<16sIII")  # type, size of the list, of its header, of each entry
OWNER = 16
NON_VOLATILE = 0x1


def variable(content: bytes) -> tuple[int, bytes] | None:
    """Attributes and value of a variable's file, or None for one that is cut short."""
    if len(content) < 4:
        return None
    return int.from_bytes(content[:4], "little"), content[4:]


def certificates(value: bytes) -> list[bytes]:
    """The certificates (DER) in a list of signature lists; hashes and other kinds are passed over."""
    found, at = [], 0
    while at + LIST.size <= len(value):
        kind, size, header, each = LIST.unpack_from(value, at)
        if size < LIST.size or at + size > len(value):
            break
        if kind == X509 and each > OWNER:
            start, end = at + LIST.size + header, at + size
            found += [value[entry + OWNER : entry + each] for entry in range(start, end - each + 1, each)]
        at += size
    return found


def text(value: bytes) -> str:
    """A loader's variable: UTF-16, closed by a zero."""
    return value.decode("utf-16-le", "replace").rstrip("\0")
