"""Questions to the truth table: which GPUs are meant, and what runs on them. Pure; prints nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from control.rows import System, Target
    from control.support import Table


@dataclass(frozen=True)
class Product:
    """One GPU as it is sold. ``pci`` is ``1002:DEVICE`` or, where the revision tells it apart, ``1002:DEVICE rev``."""

    name: str
    chip: str
    pci: str
    gfx: str
    family: str
    integrated: bool
    gib: int | None


class UnknownError(LookupError):
    """Nothing in the table is called that; ``near`` are the names most like it."""

    def __init__(self, asked: str, near: list[str]) -> None:
        self.asked, self.near = asked, near
        hint = f"; the nearest: {', '.join(near)}" if near else ""
        super().__init__(f"the truth table does not know {asked!r}{hint}")


def products(table: Table) -> Iterator[Product]:
    """Every GPU of the table; a device without known revisions once, under the name of its chip."""
    for row in table.gpus:
        pci = f"1002:{row.device}"
        rest = (row.gfx, row.family, row.integrated)
        if not row.revisions:
            yield Product(table.gpu_name(row.device, None), row.chip, pci, *rest, None)
        for revision, sold in row.revisions.items():
            yield Product(sold.name, row.chip, f"{pci} rev {revision}", *rest, sold.gib)


def find(table: Table, asked: str) -> list[Product]:
    """The GPUs meant by a name, a chip, a gfx target or a PCI id. Raises UnknownError.

    A name that is one product's own (``RX 6600``) does not also mean its siblings (``RX 6600 XT``).
    """
    everything = list(products(table))
    wanted = _words(asked)
    pci = re.fullmatch(r"(?:1002:)?([0-9a-f]{4})", asked.strip().lower())
    by_id = [one for one in everything if pci and one.pci.split()[0] == f"1002:{pci[1]}"]
    by_gfx = [one for one in everything if one.gfx == asked.strip().lower()]
    by_name = [one for one in everything if _words(one.name)[-len(wanted) :] == wanted]
    by_chip = [one for one in everything if _words(one.chip) == wanted]
    within = [one for one in everything if _contains(_words(one.name), wanted)]
    found = by_id or by_gfx or by_name or by_chip or within
    if not found:
        names = {one.name for one in everything} | {one.chip for one in everything} | {one.gfx for one in everything}
        raise UnknownError(asked, _near(asked, sorted(names)))
    return found


def find_system(table: Table, asked: str) -> System:
    """The system with this id. Raises UnknownError."""
    for row in table.systems:
        if asked.lower() in (row.id, row.codename, row.name.lower()):
            return row
    raise UnknownError(asked, difflib.get_close_matches(asked.lower(), [row.id for row in table.systems], n=3, cutoff=0.4))


def answer(table: Table, gfx: str, system_id: str = "") -> dict[str, Any]:
    """What runs on a target, per consumer and per system; ``system_id`` keeps one system only."""
    target = table.target(gfx)
    assert target is not None, "every gfx of a GPU row has a target row: checked on load"
    return {
        "target": {
            **target.model_dump(exclude={"source"}),
            "official": official(target),
            "source": table.sources["gpus"][target.source].ref,
        },
        "consumers": [
            _consumer(target, image.reference, list(image.targets), image.rocm) for image in table.images if image.targets
        ]
        + [
            _consumer(target, f"PyTorch {row.version} wheels", list(row.targets), row.rocm)
            for row in table.torch_rows("rocm")
        ],
        "systems": [system(table, row) for row in table.systems if system_id in ("", row.id)],
    }


def official(target: Target) -> str:
    """Which ROCm releases have the target in AMD's lists, in words."""
    if target.rocm is None:
        return "in none of AMD's lists"
    return f"{target.rocm.min} to {target.rocm.max}" if target.rocm.max else f"from {target.rocm.min} on"


def as_json(found: list[Product]) -> list[dict[str, Any]]:
    """The products as plain data."""
    return [asdict(one) for one in found]


def _consumer(target: Target, name: str, kernels_for: list[str], rocm: str | None) -> dict[str, Any]:
    """The three answers about the override: must not be set, set to a value, or of no use."""
    if target.gfx in kernels_for:
        state, override = "runs; HSA_OVERRIDE_GFX_VERSION must not be set", None
    elif target.override and target.override_gfx in kernels_for:
        state, override = f"runs with HSA_OVERRIDE_GFX_VERSION={target.override}", target.override
    else:
        state, override = "no kernels: on the processor only", None
    return {"name": name, "rocm": rocm, "runs": not state.startswith("no "), "override": override, "answer": state}


def system(table: Table, row: System) -> dict[str, Any]:
    """What gpuhost has for one system."""
    rocm = table.rocm_row("distro", row.id)
    distro = next(iter(table.torch_rows("distro", row.id)), None)
    return {
        "id": row.id,
        "name": row.name,
        "python": row.python,
        "kernels": [f"{kernel.version} ({kernel.flavour})" for kernel in row.kernels],
        "drivers": [driver.id for driver in table.drivers if row.id in driver.systems],
        "rocm": rocm.version if rocm else None,
        "torch_distro": distro.version if distro else None,
    }


def _words(text: str) -> list[str]:
    """Words of a name, without the maker's: ``AMD Radeon RX 7900XTX`` is ``rx 7900 xtx``."""
    spaced = re.sub(r"(\d{4})(xtx|xt|gre|s|m)\b", r"\1 \2", text.lower())
    return [word for word in re.findall(r"[a-z0-9]+", spaced) if word not in ("amd", "radeon", "instinct")]


def _contains(words: list[str], wanted: list[str]) -> bool:
    return bool(wanted) and any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


def _near(asked: str, names: list[str]) -> list[str]:
    """Names that share most words with what was asked; spelling decides where none do."""
    wanted = set(_words(asked))
    shared = sorted(
        (name for name in names if wanted & set(_words(name))), key=lambda name: -len(wanted & set(_words(name)))
    )
    return shared[:3] or difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
