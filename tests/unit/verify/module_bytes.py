"""Kernel modules' files as far as anybody reads them: the strings inside, and the signature behind the end."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path

SIGNING = Path(__file__).parents[2] / "samples" / "signing"
#: Of the certificate in `samples/signing/dkms-mok.pub`, which made `dkms-mok.p7s` there.
MOK_SUBJECT, MOK_SERIAL = "DKMS module signing key", "4be2353cfcf9ee7f91c89329796570f0c0fb5d89"


def xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=0)


def sample(name: str) -> bytes:
    return (SIGNING / name).read_bytes()


def module(
    release: str, *, in_tree: bool = True, srcversion: str | None = None, version: str | None = None, signed: bool = False
) -> bytes:
    """In the order in which `modpost` and the linker leave them; rodata before and behind."""
    strings = ["license=GPL and additional rights", "description=AMD GPU", "parm=wbrf:Enable Wifi RFI mitigation\n(0 = off)"]
    strings += [f"firmware=amdgpu/navi{number}_sdma.bin" for number in range(40)]
    strings += [f"version={version}"] if version else []
    strings += [f"srcversion={srcversion}"] if srcversion else []
    strings += ["depends=gpu-sched,drm,ttm", *(["intree=Y"] if in_tree else []), "name=amdgpu", "retpoline=Y"]
    strings += [f"vermagic={release} SMP preempt mod_unload modversions "]
    body = b"\x7fELF" + bytes(60) + b"version=%d of the table\0" + bytes(32)
    body += "\0".join(strings).encode() + bytes(40) + b"$\x01\xff" + bytes(300)
    return body + (signature(sample("dkms-mok.p7s")) if signed else b"")


def signature(pkcs7: bytes) -> bytes:
    """As the kernel's `sign-file` appends it."""
    return pkcs7 + struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, len(pkcs7)) + b"~Module signature appended~\n"


def modinfo(release: str, path: str, *, srcversion: str | None, version: str | None, in_tree: bool, signed: bool) -> str:
    """What kmod 31's `modinfo` prints of such a file."""
    rows = [("filename", path), ("license", "GPL and additional rights"), ("description", "AMD GPU")]
    rows += [("version", version)] if version else []
    rows += [("srcversion", srcversion)] if srcversion else []
    rows += [("depends", "gpu-sched,drm,ttm"), *([("intree", "Y")] if in_tree else []), ("name", "amdgpu")]
    rows += [("vermagic", f"{release} SMP preempt mod_unload modversions ")]
    if signed:
        digits = ":".join(MOK_SERIAL[at : at + 2].upper() for at in range(0, len(MOK_SERIAL), 2))
        rows += [("sig_id", "PKCS#7"), ("signer", MOK_SUBJECT), ("sig_key", digits), ("sig_hashalgo", "sha256")]
    return "".join(f"{name + ':':<16}{value}\n" for name, value in rows)
