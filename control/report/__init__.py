"""A run folder as people and machines read it: terminal, one HTML page, JUnit, JSON."""

from __future__ import annotations

from pathlib import Path

from control.report.load import load
from control.report.model import HostReport, RunReport
from control.report.verdict import Verdict

__all__ = ["HostReport", "RunReport", "Verdict", "load", "write"]


def write(run_dir: Path) -> dict[str, Path]:
    """Write ``report.html``, ``results.json`` and ``junit.xml`` into the run folder; their paths by kind."""
    from control.report import html, json, junit

    report = load(run_dir)
    written = {
        "html": (run_dir / "report.html", html.render(report, linked=True)),
        "json": (run_dir / "results.json", json.render(report)),
        "junit": (run_dir / "junit.xml", junit.render(report)),
    }
    for path, text in written.values():
        path.write_text(text, encoding="utf-8")
    return {kind: path for kind, (path, _) in written.items()}
