"""``./gpuhost support``: the truth table's answers as text for a person, or as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as Grid

from control import answers

if TYPE_CHECKING:
    from control.support import Table


def checked(table: Table) -> str:
    """One line that counts what was checked; loading the table was the check."""
    counts = {
        "GPUs": table.gpus,
        "targets": table.targets,
        "systems": table.systems,
        "drivers": table.drivers,
        "ROCm rows": table.rocm,
        "PyTorch rows": table.torch,
        "images": table.images,
        "services": table.catalogue,
    }
    return "support/ is well formed: " + ", ".join(f"{len(rows)} {name}" for name, rows in counts.items()) + "\n"


def answered(table: Table, gpu: str, os: str, *, as_json: bool = False) -> str:
    """What the table says. Raises answers.UnknownError for a GPU or system that it does not have."""
    system_id = answers.find_system(table, os).id if os else ""
    document = _about_gpu(table, gpu, system_id) if gpu else _overview(table, system_id)
    if as_json:
        return json.dumps(document, indent=1, default=str) + "\n"
    return _render(_gpu_grids(document) if gpu else _overview_grids(document))


def _about_gpu(table: Table, gpu: str, system_id: str) -> dict[str, Any]:
    found = answers.find(table, gpu)
    targets = list(dict.fromkeys(one.gfx for one in found))
    return {
        "gpus": answers.as_json(found),
        "answers": [answers.answer(table, gfx, system_id) for gfx in targets],
    }


def _overview(table: Table, system_id: str) -> dict[str, Any]:
    return {
        "systems": [answers.system(table, row) for row in table.systems if system_id in ("", row.id)],
        "images": [
            {"image": row.reference if row.tag else row.image, "rocm": row.rocm, "targets": list(row.targets)}
            for row in table.images
        ],
        "services": [
            {"id": row.id, "name": row.name, "port": row.port, "gpu": row.gpu, "needs": list(row.needs)}
            for row in table.services()
        ],
    }


def _gpu_grids(document: dict[str, Any]) -> list[Grid]:
    grids = [_grid("", ("GPU", "chip", "PCI", "target", "memory"), (_gpu_line(one) for one in _named_once(document)))]
    for one in document["answers"]:
        target = one["target"]
        title = f"{target['gfx']}, {target['architecture']}. Official ROCm: {target['official']}"
        lines = [(row["name"], row["rocm"] or "", row["answer"]) for row in one["consumers"]]
        grids.append(_grid(title + (f". {target['note']}" if target["note"] else ""), ("with", "ROCm", "answer"), lines))
    return [*grids, _systems_grid(document["answers"][0]["systems"])]


def _named_once(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One line per name and device: many revisions share a name."""
    return list({(one["name"], one["pci"].split()[0]): one for one in document["gpus"]}.values())


def _gpu_line(one: dict[str, Any]) -> Sequence[str]:
    memory = f"{one['gib']} GiB" if one["gib"] else "shared" if one["integrated"] else ""
    return one["name"], one["chip"], one["pci"], one["gfx"], memory


def _overview_grids(document: dict[str, Any]) -> list[Grid]:
    images = [(row["image"], row["rocm"] or "", " ".join(row["targets"])) for row in document["images"]]
    services = [
        (row["id"], row["name"], str(row["port"]), "yes" if row["gpu"] else "no", ", ".join(row["needs"]))
        for row in document["services"]
    ]
    return [
        _systems_grid(document["systems"]),
        _grid("Images", ("image", "ROCm", "targets"), images),
        _grid("Services", ("id", "name", "port", "GPU", "needs"), services),
    ]


def _systems_grid(systems: list[dict[str, Any]]) -> Grid:
    lines = [
        (
            row["id"],
            row["name"],
            ", ".join(row["kernels"]),
            ", ".join(row["drivers"]),
            row["rocm"] or "none",
            row["torch_distro"] or "none",
            row["python"],
        )
        for row in systems
    ]
    heads = ("system", "name", "kernels", "driver", "ROCm tools", "its PyTorch", "Python")
    return _grid("Systems", heads, lines)


def _grid(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> Grid:
    grid = Grid(title=title or None, title_justify="left", box=None, pad_edge=False)
    for head in heads:
        grid.add_column(head, overflow="fold")
    for line in lines:
        grid.add_row(*line)
    return grid


def _render(grids: Sequence[Grid]) -> str:
    out = io.StringIO()
    width = Console().width
    console = Console(file=out, width=max(width, 100), highlight=False)
    for number, grid in enumerate(grids):
        if number:
            console.print()
        console.print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
