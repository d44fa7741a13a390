"""How fast a host was in its earlier runs: what the rates of a new run are compared with."""

from __future__ import annotations

import json
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
    earlier = sorted((folder for folder in run_dir.parent.glob("*/") if folder.name < run_dir.name), reverse=True)
    found = (_of(folder / "results" / f"{host}.json") for folder in earlier)
    return [run for run in found if run][:RUNS]


def _of(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # that run did not get so far, or was cut off
    measured = {row["id"]: row["seen"]["value"] for row in document["results"] if _is_rate(row)}
    return {"taken_at": document["taken_at"], "rates": measured} if measured and not document["simulated"] else None


def _is_rate(row: dict[str, Any]) -> bool:
    return row["status"] != "fail" and isinstance(row["seen"], dict) and isinstance(row["seen"].get("value"), (int, float))
