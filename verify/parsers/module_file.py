"""What a kernel module's file says of itself: its `.modinfo` strings, and the signature behind its end.

Sources: Linux `scripts/mod/modpost.c` (fields), `include/linux/module_signature.h` (`struct module_signature`).
"""

from __future__ import annotations

import re
import struct
from typing import Any

from . import der

SIGNATURE_MARK = b"~Module signature appended~\n"
SIGNATURE_INFO = struct.Struct(">BBBBB3xI")  # algo, hash, id_type, signer_len, key_id_len, sig_len
PKCS7 = 2
#: The string that every module has, behind others.
ANCHOR = b"\0vermagic="
#: No module's strings are longer than that on either side of it: amdgpu, with 500 firmware names, has 60 KiB.
REACH = 1 << 18
FILLING = 8
FIELDS = ("srcversion", "version", "intree")

UNTOLD: dict[str, Any] = {"srcversion": None, "version": None, "in_tree": None, "signer": None, "signer_serial": None}


def information(data: bytes) -> dict[str, Any] | None:
    """`{srcversion, version, in_tree}` out of a module's content, or a part of it; None where no strings are in it.

    `srcversion` is None where the kernel was built without it, as Debian's is, and the module names no version.
    """
    anchor = data.find(ANCHOR)
    if anchor < 0:
        return None
    before = data[max(0, anchor - REACH) : anchor].split(b"\0")
    after = data[anchor : anchor + REACH].split(b"\0")
    said: dict[str, str] = {}
    for field, value in (text.split("=", 1) for text in texts(before[::-1]) + texts(after)):
        said.setdefault(field, value)  # the one that is nearest to the anchor
    return {"srcversion": said.get("srcversion"), "version": said.get("version"), "in_tree": said.get("intree") == "Y"}


def texts(parts: list[bytes]) -> list[str]:
    """The first parts that are `name=value`. A linker may fill up with a few zero bytes between them; more are the end."""
    found, empty = [], 0
    for part in parts:
        empty = 0 if part else empty + 1
        if empty > FILLING or (part and not re.match(rb"[a-z_]+=", part)):
            break
        if part.startswith(tuple(f"{field}=".encode() for field in FIELDS)):
            found.append(part.decode("utf-8", "replace"))
    return found


def signature(end: bytes) -> dict[str, Any]:
    """`{signer, signer_serial}` of a module whose content ends so; both None for an unsigned one.

    :param end: the last bytes, more than a signature takes (64 KiB are plenty).
    """
    unsigned: dict[str, Any] = {"signer": None, "signer_serial": None}
    if not end.endswith(SIGNATURE_MARK):
        return unsigned
    end = end[: -len(SIGNATURE_MARK)]
    if len(end) < SIGNATURE_INFO.size:
        return {**unsigned, "signer": "unknown"}
    *_, id_type, _, _, size = SIGNATURE_INFO.unpack(end[-SIGNATURE_INFO.size :])
    signed = end[-SIGNATURE_INFO.size - size : -SIGNATURE_INFO.size]
    try:
        name, serial = der.signer(signed) if id_type == PKCS7 else ("unknown", None)
    except ValueError:
        name, serial = "unknown", None
    return {"signer": name, "signer_serial": serial}


def parse_modinfo(text: str) -> dict[str, Any]:
    """The same five answers out of `modinfo FILE` (kmod), which alone reads every compression."""
    said: dict[str, str] = {}
    for field, value in re.findall(r"^(\w+):[ \t]*(.*)$", text, re.MULTILINE):
        said.setdefault(field, value)
    if "vermagic" not in said:
        return dict(UNTOLD)
    serial = said.get("sig_key", "").replace(":", "").lstrip("0").lower()
    return {
        "srcversion": said.get("srcversion"),
        "version": said.get("version"),
        "in_tree": said.get("intree") == "Y",
        "signer": said.get("signer") or ("unknown" if "sig_id" in said else None),
        "signer_serial": serial or None,
    }
