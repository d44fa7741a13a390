"""A run folder as people and machines read it: terminal, one HTML page, JUnit, JSON; and a site's list of its runs."""

from __future__ import annotations

from pathlib import Path

from control.report.load import load
from control.report.model import HostReport, RunReport
from control.report.verdict import Verdict

__all__ = ["HostReport", "RunReport", "Verdict", "load", "write"]


def write(run_dir: Path, report: RunReport | None = None) -> dict[str, Path]:
    """The report lies in the run folder, and the site's list has the run; their paths by kind.

    ``html``, ``json``, ``junit`` and ``summary`` of the run, ``index`` of the site. ``report``: where it was loaded already.
    """
    from control.report import html, index, json, junit, summary

    report = report or load(run_dir)
    written = {
        "html": (run_dir / "report.html", html.render(report, linked=True)),
        "json": (run_dir / "results.json", json.render(report)),
        "junit": (run_dir / "junit.xml", junit.render(report)),
        "summary": (run_dir / "summary.json", summary.render(report)),
    }
    for path, text in written.values():
        path.write_text(text, encoding="utf-8")
    return {**{kind: path for kind, (path, _) in written.items()}, "index": index.write(run_dir.parent)}
