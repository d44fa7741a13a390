"""``index.html`` of a site's folder: how each host was last seen, how it was before, and every run that is kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from control.report import html, kept
from control.report.kept import Kept, Seen

#: Runs of a host that its strip shows.
STRIP = 24


def write(site: Path) -> Path:
    """Write the page, and point the link to the newest report; the page's path.

    Two runs that end at once each write it whole: the later one has both.
    """
    runs = kept.runs(site)
    text = render(site.name, runs)
    draft = site / f".index.{os.getpid()}"
    draft.write_text(text, encoding="utf-8")
    draft.replace(site / "index.html")
    newest = next((run for run in runs if (run.folder / "report.html").is_file()), None)
    if newest is not None:
        link = site / f".{kept.LATEST_REPORT}.{os.getpid()}"
        link.symlink_to(newest.run)
        link.replace(site / kept.LATEST_REPORT)
    else:
        with contextlib.suppress(FileNotFoundError):
            (site / kept.LATEST_REPORT).unlink()
    return site / "index.html"


def render(site: str, runs: list[Kept]) -> str:
    """The page as text, for the runs of a site, newest first."""
    seen = kept.last_seen(runs)
    return (
        html.environment()
        .get_template("index.html.j2")
        .render(
            site=site,
            seen=seen,
            strips={name: strip(name, runs) for name in seen},
            reported=[run for run in runs if run.hosts is not None],
            others=[run for run in runs if run.hosts is None],
        )
    )


def strip(name: str, runs: list[Kept]) -> list[tuple[Kept, Seen]]:
    """What the last runs said of a host, oldest first."""
    found = [(run, run.hosts[name]) for run in runs if run.hosts and name in run.hosts and run.hosts[name].counts]
    return found[:STRIP][::-1]
