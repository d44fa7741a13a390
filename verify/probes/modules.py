"""Kernel modules: the loaded one, and for each installed kernel the file that `modprobe` would take."""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..parsers import module_file
from ..parsers.module_file import UNTOLD
from .host import Host, kernel_part

MODULES = ("amdgpu",)
#: Modules whose parameters matter: AMD's own driver brings `amdttm` in the place of `ttm`.
WITH_PARAMETERS = ("amdgpu", "ttm", "amdttm", "module")
#: The kernel's package keeps its modules here; DKMS puts others into `updates/dkms`, where depmod looks first.
KERNELS_OWN = "kernel/"
PIECE = 1 << 18
#: More than any signature takes.
TAIL = 1 << 16


def look_modules(host: Host, release: str | None, kernels: list[str]) -> dict[str, Any]:
    return {name: module(host, name, release, kernels) for name in MODULES}


def module(host: Host, name: str, release: str | None, kernels: list[str]) -> dict[str, Any]:
    """State of a kernel module; `file` is the one that `modprobe` would load for the running kernel.

    `in_tree` from the taint letter O (out of tree); None while it is not loaded.
    """
    part = kernel_part(host)
    folder = f"/sys/module/{name}"
    state = part.word(f"{folder}/initstate")
    loaded = state == "live" or (state is None and part.exists(folder))
    answer = {
        "loaded": loaded,
        "srcversion": part.word(f"{folder}/srcversion"),
        "version": part.word(f"{folder}/version"),
        "in_tree": "O" not in (part.word(f"{folder}/taint") or "") if loaded else None,
        "file": module_path(host, name, release) if release else None,
        "files": files(host, name, kernels),
    }
    return {**answer, "simulated": True} if part.simulated else answer


def files(host: Host, name: str, kernels: list[str]) -> list[dict[str, Any]]:
    """What `modprobe` would load under each kernel, in their order; no row where it would find nothing.

    A signature is looked for in modules outside `kernel/` alone: those inside are their package's business, and the
    end of a compressed file is only reached through all of it.
    """
    found = ((kernel, module_path(host, name, kernel)) for kernel in kernels)
    places = [(kernel, path) for kernel, path in found if path]
    with ThreadPoolExecutor(max_workers=4) as pool:
        details = list(pool.map(lambda place: describe(host, *place), places))
    return [{"release": kernel, "file": path, **said} for (kernel, path), said in zip(places, details)]


def module_path(host: Host, name: str, release: str) -> str | None:
    """Path of the module below `/lib/modules/<release>`, as depmod has it; None where it has none, or its file is gone."""
    said = host.word(f"/lib/modules/{release}/modules.dep") or ""
    found = re.search(rf"^(\S*?{name}\.ko\S*):", said, re.MULTILINE)
    path = found.group(1) if found and found.group(1).split("/")[-1].startswith(f"{name}.ko") else None
    return path if path and host.exists(full(release, path)) else None


def full(release: str, path: str) -> str:
    return path if path.startswith("/") else f"/lib/modules/{release}/{path}"


def describe(host: Host, release: str, path: str) -> dict[str, Any]:
    """`{srcversion, version, in_tree, signer, signer_serial}`; all None for a file that is cut short or unreadable."""
    where = full(release, path)
    if path.endswith(".zst"):  # Python 3.9 to 3.13 cannot read it
        return module_file.parse_modinfo(host.modinfo(where) or "")
    try:
        return read(host.at(where).read_bytes(), path, to_its_end=not path.startswith(KERNELS_OWN))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return dict(UNTOLD)


def read(raw: bytes, path: str, to_its_end: bool) -> dict[str, Any]:
    pieces, head, found = unpacked(raw, path), bytearray(), False
    for piece in pieces:
        begin = max(0, len(head) - len(module_file.ANCHOR))
        head += piece
        if found:  # the strings may go on behind the piece in which they began
            break
        found = head.find(module_file.ANCHOR, begin) >= 0
    said = module_file.information(bytes(head))
    if said is None:
        return dict(UNTOLD)
    end = bytes(head[-TAIL:])
    for piece in pieces if to_its_end else ():
        end = (end + piece)[-TAIL:]
    return {**UNTOLD, **said, **(module_file.signature(end) if to_its_end else {})}


def unpacked(raw: bytes, path: str) -> Iterator[bytes]:
    """A module's content, piece by piece: what is wanted stands near the beginning."""
    if path.endswith(".xz"):
        packed = lzma.LZMADecompressor()
        yield packed.decompress(raw, PIECE)
        while not packed.eof and not packed.needs_input:
            yield packed.decompress(b"", PIECE)
        if not packed.eof:
            raise EOFError(path)
    elif path.endswith(".gz"):
        yield zlib.decompress(raw, wbits=31)
    else:
        yield raw


def look_parameters(host: Host) -> dict[str, dict[str, str]]:
    """What the running kernel has for each parameter that may be read."""
    part = kernel_part(host)
    found: dict[str, dict[str, str]] = {}
    for name in WITH_PARAMETERS:
        folder = f"/sys/module/{name}/parameters"
        values = {parameter: part.word(f"{folder}/{parameter}") for parameter in part.names(folder)}
        if values:
            found[name] = {parameter: value for parameter, value in values.items() if value is not None}
    return found
