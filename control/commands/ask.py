"""``./gpuhost support``: the truth table's answers as text for a person, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from control import advice, answers
from control.commands import ask_shown

if TYPE_CHECKING:
    from control.rows import System
    from control.support import Table


def checked(table: Table) -> str:
    """One line that counts what was checked; loading the table was the check."""
    counts = {
        "GPUs": table.gpus,
        "targets": table.targets,
        "systems": table.systems,
        "repositories": table.repositories,
        "drivers": table.drivers,
        "ROCm rows": table.rocm,
        "PyTorch rows": table.torch,
        "images": table.images,
        "services": table.catalogue,
    }
    return "support/ is well formed: " + ", ".join(f"{len(rows)} {name}" for name, rows in counts.items()) + "\n"


def answered(table: Table, gpu: str = "", os: str = "", rocm: str = "", driver: str = "", *, as_json: bool = False) -> str:
    """What the table says. Raises answers.UnknownError for a name that it does not have."""
    document, render = _asked(table, gpu, os, rocm, driver)
    if as_json:
        return json.dumps(document, indent=1, default=str) + "\n"
    return ask_shown.text(render(document))


def _asked(table: Table, gpu: str, os: str, rocm: str, driver: str) -> tuple[dict[str, Any], Any]:
    found = answers.find(table, gpu) if gpu else []
    elsewhere = answers.find_elsewhere(table, os) if os else None
    if elsewhere is None:
        systems = [answers.find_system(table, os)] if os else list(table.systems)
        return _of_systems(table, systems, found, rocm, driver)
    place = {"elsewhere": advice.on_elsewhere(table, elsewhere, found)}
    if not (gpu or rocm or driver):
        return place, ask_shown.elsewhere
    document, render = _of_systems(table, [], found, rocm, driver)
    return {**place, **document}, lambda both: [*ask_shown.elsewhere(both), *render(both)]


def _of_systems(
    table: Table, systems: Sequence[System], found: list[answers.Product], rocm: str, driver: str
) -> tuple[dict[str, Any], Any]:
    """The answer for systems that gpuhost sets up."""
    if rocm:
        rows = answers.find_rocm(table, rocm)
        document = advice.for_rocm(table, rows[0], systems, found)
        return {**document, "others": [row.version for row in rows[1:]]}, ask_shown.rocm
    if driver:
        drivers = answers.find_driver(table, driver)
        document = advice.for_driver(table, drivers[0], systems)
        return {**document, "others": [str(row.version) for row in drivers[1:]]}, ask_shown.driver
    if found:
        return advice.on_gpu(table, found, systems), ask_shown.gpu
    return _everything(table, systems), ask_shown.overview


def _everything(table: Table, systems: Sequence[System]) -> dict[str, Any]:
    return {
        "gpus": [
            {"gfx": row.gfx, "chips": list(dict.fromkeys(gpu.chip for gpu in table.gpus if gpu.gfx == row.gfx))}
            for row in table.targets
        ],
        "systems": [_short(table, row) for row in systems],
        "elsewhere": [row.model_dump(exclude={"source"}) for row in table.elsewhere],
        "images": [
            {"image": row.reference if row.tag else row.image, "rocm": row.rocm, "targets": list(row.targets)}
            for row in table.images
        ],
        "services": [
            {"id": row.id, "name": row.name, "port": row.port, "gpu": row.gpu, "needs": list(row.needs)}
            for row in table.services()
        ],
    }


def _short(table: Table, row: System) -> dict[str, Any]:
    """A system and the newest of each kind that there is for it."""
    drivers = [one.version for one in advice.sound(table.drivers_for(row.id))]
    newest = {stream: found.version for stream in ("core", "classic", "distro") if (found := table.rocm_row(stream, row.id))}
    distro = next(iter(table.torch_rows("distro", row.id)), None)
    return {**advice.about(row), "drivers": drivers, "rocm": newest, "torch": distro.version if distro else None}
