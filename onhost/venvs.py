"""What is installed in a virtual environment, read without starting its Python."""

from __future__ import annotations

from pathlib import Path

from .requirements import normalised


def distributions(venv: Path) -> dict[str, str]:
    """Version by normalised name, from the names of the records that installers leave."""
    found = {}
    for record in venv.glob("lib/python3*/site-packages/*.dist-info"):
        name, _, version = record.name[: -len(".dist-info")].partition("-")
        found[normalised(name)] = version
    return dict(sorted(found.items()))
