"""The runs of a site that are kept under ``reports/``: read from their summaries, newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.report.verdict import LEVELS

#: Links in a site's folder: the last run, and the last one with a report.
LATEST, LATEST_REPORT = "latest", "latest-report"


@dataclass(frozen=True)
class Seen:
    """What a run said of a host."""

    level: str
    words: str
    reason: str = ""
    checked: bool = False
    depth: str = ""
    gpus: str = ""
    since: str = ""
    rated: Sequence[str] = ()

    @property
    def rank(self) -> int:
        """The worst first."""
        return LEVELS.index(self.level)

    @property
    def counts(self) -> bool:
        """Whether it says how the host is. A run that had no need to check it, or looked at a part alone, says nothing."""
        return self.checked or self.level == "failed"


@dataclass(frozen=True)
class Kept:
    """One run's folder. ``hosts`` is ``None`` where the run wrote no report: it only looked, or did not get so far."""

    folder: Path
    command: str
    seconds: float | None
    exit_code: int | None
    hosts: Mapping[str, Seen] | None = None

    @property
    def run(self) -> str:
        return self.folder.name


def runs(site: Path) -> list[Kept]:
    """Every run in a site's folder, newest first. What is no run of gpuhost is passed over."""
    folders = sorted((one for one in site.iterdir() if one.is_dir() and not one.is_symlink()), reverse=True)
    return [kept for kept in map(_read, folders) if kept is not None]


def last_seen(kept: Sequence[Kept]) -> dict[str, tuple[Kept, Seen]]:
    """By host, the newest run that says how it is, in the order of names; ``kept`` is newest first."""
    found: dict[str, tuple[Kept, Seen]] = {}
    for run in kept:
        for name, seen in (run.hosts or {}).items():
            if seen.counts:
                found.setdefault(name, (run, seen))
    return dict(sorted(found.items()))


def _read(folder: Path) -> Kept | None:
    run = _document(folder / "run.json")
    if run is None:
        return None
    summary = _document(folder / "summary.json") or {}
    hosts = {name: Seen(**row) for name, row in summary["hosts"].items()} if summary.get("schema") == 1 else None
    return Kept(folder, str(run.get("command") or ""), run.get("seconds"), run.get("exit_code"), hosts)


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
