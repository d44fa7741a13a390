"""A host's earlier runs, out of the folders of its site: what a new run is compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

#: Runs that count: enough for a median, few enough that a card which ages slowly is still compared with itself.
RUNS = 5


def rates(run_dir: Path | None, host: str) -> list[dict[str, Any]]:
    """``[{"taken_at", "rates": {id: value}}]`` of the runs before this one that measured rates, newest first.

    A rate that failed does not count: a card that slowed down would be compared with its own slowness. Nor does a run
    with a simulated GPU.
    """
    if run_dir is None:
        return []
    found = (_of(document) for _, document in documents(run_dir, host, holding='"unit"'))
    return list(islice((run for run in found if run), RUNS))


def documents(run_dir: Path, host: str, holding: str = "") -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder and the results of each run before this one that checked the host, newest first.

    Read as they are asked for. ``holding``: only files with this text in them, which is faster than to read them all.
    """
    for folder in sorted((one for one in run_dir.parent.glob("*/") if one.name < run_dir.name), reverse=True):
        try:
            text = (folder / "results" / f"{host}.json").read_text(encoding="utf-8")
            document = json.loads(text) if holding in text else None
        except (OSError, ValueError):
            continue  # that run did not get so far, or was cut off
        if isinstance(document, dict) and isinstance(document.get("results"), list):
            yield folder, document


def _of(document: dict[str, Any]) -> dict[str, Any] | None:
    measured = {row["id"]: row["seen"]["value"] for row in document["results"] if _is_rate(row)}
    return {"taken_at": document["taken_at"], "rates": measured} if measured and not document["simulated"] else None


def _is_rate(row: dict[str, Any]) -> bool:
    return row["status"] != "fail" and isinstance(row["seen"], dict) and isinstance(row["seen"].get("value"), (int, float))
