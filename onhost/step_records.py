"""What long steps left on the host: orders, results, history. Read by the snapshot and by removal."""

from __future__ import annotations

from typing import Any

from . import dpkg, files, paths, units


def status() -> dict[str, dict[str, Any]]:
    """``{step: {active, result}}`` of every step that ever ran here; systemd is asked only when in doubt."""
    folders = sorted(path for path in paths.steps().glob("*") if path.is_dir())
    results = {folder.name: files.read_json(folder / "result.json") for folder in folders}
    open_ones = [folder.name for folder in folders if last_result(folder.name) is None]
    at_work = units.active() if open_ones else []
    return {name: {"active": name in at_work, "result": result} for name, result in results.items()}


def installed_by(step: str) -> list[str]:
    """Packages that runs of this step added and that are still there, also those of a run that was killed."""
    runs = files.read_json_lines(paths.step(step) / "runs.jsonl")
    added = {name for run in runs for name in [*run.get("planned", []), *run.get("installed", [])]}
    return sorted(added & set(dpkg.installed())) if added else []


def installed_with(names: set[str]) -> list[str]:
    """Packages added by any step that added one of ``names``."""
    groups = [set(installed_by(folder.name)) for folder in paths.steps().glob("*")]
    return sorted({name for group in groups if group & names for name in group})


def order(step: str) -> dict[str, Any]:
    """What the step was last started with: `{attempt, kind, spec, ordered}`; empty when it never was."""
    return files.read_json(paths.step(step) / "spec.json") or {}


def last_result(step: str) -> dict[str, Any] | None:
    """The result of the last run that was ordered; ``None`` while there is none, or when it died."""
    result: dict[str, Any] | None = files.read_json(paths.step(step) / "result.json")
    return result if result and result.get("attempt") == order(step).get("attempt") else None
