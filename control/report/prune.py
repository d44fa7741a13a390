"""Which runs of a site could go. Pure, but for looking into folders; nothing goes here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from control import history
from control.report.kept import LATEST, LATEST_REPORT, Kept
from control.report.values import count

#: A file of this name in a run's folder: somebody wants that run.
MARK = "keep"
#: What runs leave in their folders; whatever else is there is somebody's.
OURS = frozenset(
    (
        *("run.json", "ansible.log", "events.jsonl", "outcome.json", "inventory", "hosts", "leases", "progress", "results"),
        *("records", "bundle", "report.html", "results.json", "junit.xml", "summary.json"),
    )
)
#: A run without an end may still be at work.
AT_WORK = timedelta(days=2)


@dataclass(frozen=True)
class Choice:
    """A run, and why it stays; ``why`` is empty for one that may go."""

    run: Kept
    why: str


def choose(runs: Sequence[Kept], keep: int, now: datetime | None = None) -> list[Choice]:
    """Each run of a site, newest first, with the reason for which it stays.

    The newest ``keep`` runs with a report stay, and as many of the others. Whatever their number, there stay: the last run
    in which a host was certified, those that its rates are compared with, those that links lead to, that hold results in no
    report or something of somebody's, and that may be at work.
    """
    wanted = _wanted_by_hosts(runs)
    linked = {(run.folder.parent / name).resolve() for run in runs[:1] for name in (LATEST, LATEST_REPORT)}
    counted = {True: 0, False: 0}
    found = []
    for run in runs:
        reported = run.hosts is not None
        counted[reported] += 1
        newest = f"one of the newest {keep}{'' if reported else ' without a report'}" if counted[reported] <= keep else ""
        link = "a link leads to it" if run.folder.resolve() in linked else ""
        at_work = _at_work(run, now or datetime.now(UTC))
        reasons = (newest, wanted.get(run.run, ""), link, _somebodys(run.folder), at_work, _unreported(run))
        found.append(Choice(run, next((reason for reason in reasons if reason), "")))
    return found


def _wanted_by_hosts(runs: Sequence[Kept]) -> dict[str, str]:
    """By run, which host still needs it and what for."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for run in runs for name in run.hosts or {}):
        of = [(run, run.hosts[name]) for run in runs if run.hosts and name in run.hosts]
        certified = [run for run, seen in of if seen.level in ("certified", "warnings")]
        for run in certified[:1]:
            found.setdefault(run.run, f"the last in which {name} was certified")
        # Each rate by itself: not every run measures each.
        for id in dict.fromkeys(id for _, seen in of for id in seen.rated):
            for run in [run for run, seen in of if id in seen.rated][: history.RUNS]:
                found.setdefault(run.run, f"the rates of {name} are compared with it")
    return found


def _somebodys(folder: Path) -> str:
    if (folder / MARK).exists():
        return f"it has a file named {MARK}"
    other = sorted({one.name for one in folder.iterdir()} - OURS)
    return f"it holds {count(len(other), 'file')} that no run wrote ({other[0]})" if other else ""


def _unreported(run: Kept) -> str:
    """Results of a run that was killed before its report, or of an older version: which rates they have is not known."""
    return "its results are in no report" if run.hosts is None and any((run.folder / "results").glob("*.json")) else ""


def _at_work(run: Kept, now: datetime) -> str:
    try:
        started = datetime.strptime(run.run, "%Y-%m-%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return "its name is no time of a run"
    return "it may still be at work" if run.exit_code is None and now - started < AT_WORK else ""


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.lstat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
