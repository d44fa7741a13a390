"""Questions to the truth table: which GPU, system or release is meant. Pure; prints nothing. What follows is in advice."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from control.rows import Driver, Elsewhere, Gpu, Rocm, System
    from control.support import Table

#: 73ff, 1002:73ff, 0x73ff, and with a revision 73ff:c7, 1002:73ff:c7, 1002:73ff rev c7.
_PCI = re.compile(r"(?:1002:|0x)?(?P<device>[0-9a-f]{4})(?:(?::| rev )(?P<revision>[0-9a-f]{2}))?")
#: How names of NVIDIA's cards begin.
_NVIDIA = re.compile(r"(nvidia\s+)?(geforce|gtx|rtx)|nvidia")


@dataclass(frozen=True)
class Product:
    """One GPU as it is sold.

    ``pci`` is ``1002:DEVICE`` or, where the revision tells it apart, ``1002:DEVICE rev``. ``listed`` is the first ROCm
    release in whose tables AMD has it, None where AMD has not.
    """

    name: str
    chip: str
    pci: str
    gfx: str
    family: str
    integrated: bool
    gib: int | None
    listed: str | None
    aliases: tuple[str, ...] = ()


class UnknownError(LookupError):
    """Nothing in the table is called that; ``near`` are the names most like it, ``why`` is what is known of it."""

    def __init__(self, asked: str, near: Sequence[str], why: str = "") -> None:
        self.asked, self.near = asked, list(near)
        hint = f", {why}" if why else ""
        hint += f"; the nearest: {', '.join(near)}" if near else ""
        super().__init__(f"the truth table does not know {asked!r}{hint}; ./gpuhost support lists all that it knows")


def products(table: Table) -> Iterator[Product]:
    """Every GPU of the table; a device without known revisions once, under the name of its chip."""
    for row in table.gpus:
        pci = f"1002:{row.device}"
        if not row.revisions:
            yield _product(table, row, table.gpu_name(row.device, None), pci, None)
        for revision, sold in row.revisions.items():
            yield _product(table, row, sold.name, f"{pci} rev {revision}", sold.gib)


def _product(table: Table, row: Gpu, name: str, pci: str, gib: int | None) -> Product:
    target = table.target(row.gfx)
    listed = target.listed.get(name) if target and row.listed else None
    return Product(name, row.chip, pci, row.gfx, row.family, row.integrated, gib, listed, tuple(row.aliases))


def find(table: Table, asked: str) -> list[Product]:
    """The GPUs meant by a name, a nickname, a chip, a gfx target or a PCI id with or without revision. Raises UnknownError.

    A name that is one product's own (``RX 6600``) does not also mean its siblings (``RX 6600 XT``).
    """
    everything = list(products(table))
    wanted, plain = _words(asked), asked.strip().lower()
    found = (
        _by_pci(everything, plain)
        or [one for one in everything if one.gfx == plain]
        or [one for one in everything if wanted and _is_called(one, "".join(wanted))]
        or [one for one in everything if wanted and _words(one.name)[-len(wanted) :] == wanted]
        or [one for one in everything if wanted == _words(one.chip)]
        or [one for one in everything if _contains(_words(one.name), wanted)]
    )
    if not found:
        if _PCI.fullmatch(plain):
            # An id that is spelled alike is another chip.
            raise UnknownError(asked, [], "a PCI id that no row has")
        if _NVIDIA.match(plain):
            raise UnknownError(asked, [], "which is a name of NVIDIA's: gpuhost is for AMD's GPUs")
        names = {name for one in everything for name in (one.name, one.chip, one.gfx, *one.aliases)}
        raise UnknownError(asked, _near(asked, sorted(names)))
    return found


def _is_called(one: Product, plain: str) -> bool:
    """Whether a GPU has this very name or nickname, however its words are set apart."""
    return plain in ("".join(_words(name)) for name in (one.name, *one.aliases))


def _by_pci(everything: list[Product], plain: str) -> list[Product]:
    match = _PCI.fullmatch(plain)
    if not match:
        return []
    device = [one for one in everything if one.pci.split()[0] == f"1002:{match['device']}"]
    exact = [one for one in device if match["revision"] and one.pci.endswith(f" rev {match['revision']}")]
    return exact or device


def find_system(table: Table, asked: str) -> System:
    """The system that is called so, or whose version alone says which is meant. Raises UnknownError."""
    wanted = _joined(asked)
    for row in table.systems:
        if wanted in map(_joined, (row.id, row.codename, row.name)):
            return row
    same = [row for row in table.systems if row.version == wanted]
    if len(same) == 1:
        return same[0]
    raise UnknownError(asked, difflib.get_close_matches(asked.lower(), [row.id for row in table.systems], n=3, cutoff=0.4))


def find_elsewhere(table: Table, asked: str) -> Elsewhere | None:
    """The system that AMD supports and gpuhost does not set up, or None."""
    return next((row for row in table.elsewhere if _joined(asked) in map(_joined, (row.id, row.name))), None)


def _joined(name: str) -> str:
    """A system's name however its words are set apart: ``Ubuntu 24.04`` and ``ubuntu-24.04`` are one."""
    return re.sub(r"[\s_-]+", "", name.lower())


def what_is_needed(asked: str) -> dict[str, str]:
    """``rocm 10.1`` as ``{"rocm": "10.1"}``, ``driver 31.60`` likewise; a number alone is ROCm's. Raises UnknownError."""
    *kind, number = asked.lower().split() or [""]
    words = {"": "rocm", "rocm": "rocm", "driver": "driver", "amdgpu": "driver", "amdgpu-dkms": "driver"}
    if not number:
        return {}
    if " ".join(kind) not in words:
        raise UnknownError(asked, ["rocm NUMBER", "driver NUMBER"])
    return {words[" ".join(kind)]: number}


def find_rocm(table: Table, asked: str) -> list[Rocm]:
    """AMD's ROCm releases meant by a number, newest first: ``7.2.4`` is one, ``7.2`` are five. Raises UnknownError."""
    rows = [row for row in reversed(table.rocm) if row.stream != "distro"]
    return _by_number(sorted(rows, key=lambda row: Version(row.version), reverse=True), asked, "ROCm")


def find_driver(table: Table, asked: str) -> list[Driver]:
    """Releases of AMD's driver meant by a number, newest first; those with a caution last. Raises UnknownError."""
    rows = [row for row in reversed(table.drivers) if row.version]
    return _by_number(sorted(rows, key=lambda row: bool(row.caution)), asked, "driver")


def _by_number(rows: list[Any], asked: str, what: str) -> list[Any]:
    text = asked.strip().lower().removeprefix("v")
    try:
        wanted = Version(text).release
    except InvalidVersion:
        wanted = ()
    found = [row for row in rows if wanted and Version(row.version).release[: len(wanted)] == wanted]
    if not found:
        near = difflib.get_close_matches(text, [row.version for row in rows], n=3, cutoff=0.3) or [rows[0].version]
        raise UnknownError(f"{what} {asked}", near)
    return found


def as_json(found: list[Product]) -> list[dict[str, Any]]:
    """The products as plain data."""
    return [{key: value for key, value in asdict(one).items() if key != "aliases"} for one in found]


def _words(text: str) -> list[str]:
    """Words of a name, without the maker's: ``AMD Radeon RX 7900XTX`` is ``rx 7900 xtx``."""
    spaced = re.sub(r"(\d{4})(xtx|xt|gre|s|m)\b", r"\1 \2", text.lower())
    return [word for word in re.findall(r"[a-z0-9]+", spaced) if word not in ("amd", "radeon", "instinct")]


def _contains(words: list[str], wanted: list[str]) -> bool:
    return bool(wanted) and any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


def _near(asked: str, names: list[str]) -> list[str]:
    """The names that are spelled most like what was asked, the maker's words aside."""
    plain = {" ".join(_words(name)): name for name in names}
    close = difflib.get_close_matches(" ".join(_words(asked)), list(plain), n=3, cutoff=0.5)
    return [plain[one] for one in close]
