"""The fixed tables of the documents, made from the truth table: what stands between two markers is nobody's to edit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from control import advice
from control.paths import ROOT

if TYPE_CHECKING:
    from control.support import Table

#: Documents that hold tables, from the repository's root.
DOCUMENTS = ("docs/support.md", "README.md")
_BLOCK = re.compile(r"(<!-- support: (?P<name>[a-z-]+) -->\n).*?(<!-- /support -->)", re.DOTALL)
_FAMILIES = {"instinct": "Instinct", "radeon": "Radeon", "radeon-pro": "Radeon PRO", "ryzen": "Ryzen"}


def write(table: Table, root: Path = ROOT) -> list[str]:
    """Documents that were not as ``support/`` has it, written anew: their names."""
    changed = []
    for name in DOCUMENTS:
        path = root / name
        text = path.read_text(encoding="utf-8")
        if (wanted := rendered(table, text)) != text:
            path.write_text(wanted, encoding="utf-8")
            changed.append(name)
    return changed


def rendered(table: Table, text: str) -> str:
    """``text`` with every table between markers as ``support/`` has it. Raises KeyError for a table that there is not."""
    return _BLOCK.sub(lambda block: f"{block[1]}{TABLES[block['name']](table)}{block[3]}", text)


def _systems(table: Table) -> str:
    lines = []
    for row in table.systems:
        kernels = "<br>".join(f"{one.version} {one.flavour}: {_families(one.families)}" for one in row.kernels)
        newest = [
            found.version if (found := table.rocm_row(stream, row.id)) else "" for stream in ("core", "classic", "distro")
        ]
        lines.append(
            (row.name, kernels, _span([one.version for one in advice.sound(table.drivers_for(row.id))]), *newest, row.python)
        )
    heads = (
        "System",
        "Kernels, and for whom AMD names them",
        "AMD's driver",
        "ROCm Core SDK",
        "ROCm to 7.2",
        "its own ROCm",
        "Python",
    )
    return _grid(heads, lines)


def _elsewhere(table: Table) -> str:
    lines = [(row.name, row.kernel, _families(row.families)) for row in table.elsewhere]
    return _grid(("System", "Kernel", "AMD supports"), lines)


def _targets(table: Table) -> str:
    lines = []
    for row in table.targets:
        sold = list(dict.fromkeys(gpu.chip for gpu in table.gpus if gpu.gfx == row.gfx))
        listed = "; ".join(
            f"from {version}: {', '.join(name for name, _ in same)}"
            for version, same in groupby(row.listed.items(), key=lambda item: item[1])
        )
        until = f" (to {row.rocm.max})" if row.rocm and row.rocm.max else ""
        lines.append(
            (row.gfx, row.architecture, ", ".join(sold), (listed + until) or "none", row.inbox_since, row.override, row.note)
        )
    heads = ("Target", "Architecture", "Chips", "In AMD's lists", "Linux from", "Override", "Note")
    return _grid(heads, lines)


def _drivers(table: Table) -> str:
    lines = []
    for row in reversed(table.drivers):
        if row.rocm is None:
            continue
        newest = str(row.newest_kernel or "")
        known = (row.package_version or "").split(":")[-1].replace(".{release}", "")
        lines.append(
            (
                f"{row.version}<br>not recommended: {row.caution}" if row.caution else row.version,
                row.released,
                row.kernel_base,
                newest,
                f"{row.rocm.min} to {row.rocm.max}",
                ", ".join(row.systems),
                known,
            )
        )
    heads = ("Release", "Date", "Source of Linux", "builds to Linux", "ROCm", "Systems", "amdgpu-dkms")
    return _grid(heads, lines)


def _rocm(table: Table) -> str:
    lines = []
    for row in sorted((one for one in table.rocm if one.driver), key=lambda one: str(one.released), reverse=True):
        assert row.driver is not None
        driver = f"{row.driver.min} to {row.driver.max}"
        lines.append(
            (row.version, row.stream, row.released, row.prefix, driver, ", ".join(row.systems), " ".join(row.targets))
        )
    return _grid(("Release", "Stream", "Date", "Prefix", "AMD's driver", "Systems", "AMD lists"), lines)


def _wheels(table: Table) -> str:
    lines = []
    for row in table.torch_rows("rocm"):
        python = f"{row.python.min} to {row.python.max}" if row.python else ""
        lines.append((row.version, row.rocm, row.index_url, python, " ".join(row.targets)))
    return _grid(("PyTorch", "ROCm", "Index", "Python", "Kernels for"), lines)


def _images(table: Table) -> str:
    lines = [(row.reference, row.rocm, row.driver_min, " ".join(row.targets)) for row in table.images if row.targets]
    return _grid(("Image", "ROCm", "AMD's driver from", "Kernels for"), lines)


def _overrides(table: Table) -> str:
    """Per target with an override: what needs it. A program that is not named has kernels of its own or none at all."""
    images = [row for row in table.images if row.targets]
    lines = []
    for row in table.targets:
        if row.override:
            needing = [image.reference for image in images if advice.fit(row, image.targets)[0] == "override"]
            lines.append((row.gfx, row.override, row.override_gfx, ", ".join(needing) or "none"))
    return _grid(("Target", "Value", "runs kernels of", "Images that need it"), lines)


def _repositories(table: Table) -> str:
    lines = [
        (row.name, f"{row.base_url}/{row.path}", table.key(row.key).fingerprint, row.mirror) for row in table.repositories
    ]
    return _grid(("Repository", "Address", "Key", "A site's mirror"), lines)


def _known_systems(table: Table) -> str:
    """A line of README: what hosts may be."""
    by_os = groupby(table.systems, key=lambda row: row.os)
    names = [f"{name.capitalize()} {_and([row.version for row in same])}" for name, same in by_os]
    return f"{', '.join(names)} (x86-64)\n"


TABLES: dict[str, Callable[[Any], str]] = {
    "systems": _systems,
    "elsewhere": _elsewhere,
    "targets": _targets,
    "drivers": _drivers,
    "rocm": _rocm,
    "wheels": _wheels,
    "images": _images,
    "overrides": _overrides,
    "repositories": _repositories,
    "known-systems": _known_systems,
}


def _families(names: Iterable[str]) -> str:
    return ", ".join(_FAMILIES[name] for name in names)


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _span(versions: Sequence[str | None]) -> str:
    return " to ".join(dict.fromkeys(str(one) for one in (versions[-1], versions[0]))) if versions else ""


def _grid(heads: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "".join(f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |\n" for row in rows)
