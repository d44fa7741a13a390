"""``./gpuhost reports``: the runs that are kept, where their reports are, and which could go."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from control.commands.common import guarded, print_json
from control.console import console, show_findings
from control.exitcodes import ExitCode
from control.findings import make
from control.inventory import BadInputError
from control.paths import REPORTS_DIR, ROOT
from control.report import index, kept, prune
from control.report.kept import Kept
from control.report.prune import Choice
from control.report.sentences import headline
from control.report.values import count, when
from control.wishes import nearest

#: Runs of a site that the terminal shows.
SHOWN = 10


@dataclass(frozen=True)
class Options:
    """What was asked for: ``keep`` is how many of the newest runs stay, 0 to take none away; ``yes`` agrees to it."""

    site: str = ""
    keep: int = 0
    yes: bool = False
    json: bool = False
    folder: Path = REPORTS_DIR


def reports(options: Options) -> int:
    """List the runs of a site or of all, or say which could go; with ``yes`` they go."""
    return guarded(lambda: _reports(options), options.json)


def _reports(options: Options) -> int:
    sites = _sites(options)
    if options.keep < 0 or (options.yes and not options.keep):
        seen = f"--keep is {options.keep}" if options.keep < 0 else "--yes goes with --keep, the number of runs that stay"
        raise BadInputError([make("GH-INPUT-TYPE", "", seen, variable="--keep")])
    choices = {site: prune.choose(kept.runs(site), options.keep) for site in sites}
    going = {site: [one.run for one in found if options.keep and not one.why] for site, found in choices.items()}
    room = {site: sum(prune.size(run.folder) for run in runs) for site, runs in going.items()}
    denied = [finding for site in sites if options.yes for finding in _take_away(going[site], site)]
    code = int(ExitCode.STEP_FAILED if denied else ExitCode.DONE)
    if options.json:
        rows = {site.name: [_row(one, options) for one in found] for site, found in choices.items()}
        print_json({"exit_code": code, "sites": rows, "findings": denied})
        return code
    out = console()
    for site in sites:
        _show(out, site, choices[site], options)
        if options.keep:
            _show_going(out, choices[site], going[site], room[site], options)
    if not sites:
        out.print("No run is kept yet: ./gpuhost verify makes the first.")
    show_findings(out, denied)
    return code


def _sites(options: Options) -> list[Path]:
    there = sorted(one for one in options.folder.iterdir() if one.is_dir()) if options.folder.is_dir() else []
    if not options.site:
        return there
    found = [one for one in there if one.name == options.site]
    if not found:
        names = [one.name for one in there]
        seen, near = f"no run of {options.site} is kept", nearest(options.site, names) or ", ".join(names)
        raise BadInputError([make("GH-INPUT-UNKNOWN-SITE", "", seen, near=near)])
    return found


def _take_away(going: Sequence[Kept], site: Path) -> list[dict[str, Any]]:
    """These runs are gone, and the site's list no longer has them; a finding where that is not allowed.

    Only folders that lie in the site's own are touched.
    """
    try:
        for run in going:
            if run.folder.parent == site and not run.folder.is_symlink():
                shutil.rmtree(run.folder)
        index.write(site)
    except OSError as error:
        return [make("GH-REPORTS-DENIED", "", f"{error.filename}: {error.strerror}").as_dict()]
    return []


def _row(choice: Choice, options: Options) -> dict[str, Any]:
    run = choice.run
    return {
        "run": run.run,
        "folder": str(run.folder),
        "command": run.command,
        "exit_code": run.exit_code,
        "seconds": run.seconds,
        "hosts": None if run.hosts is None else {name: seen.words for name, seen in run.hosts.items()},
        **({"stays": choice.why or None, "gone": not run.folder.exists()} if options.keep else {}),
    }


def _show(out: Console, site: Path, choices: Sequence[Choice], options: Options) -> None:
    reported = [one.run for one in choices if one.run.hosts is not None]
    out.print(f"[bold]{escape(site.name)}[/]  {count(len(reported), 'report')}, {count(len(choices), 'run')} in all")
    if (site / "index.html").is_file():
        out.print(f"  all of them: {escape(_short(site / 'index.html'))}")
    if options.keep:
        return
    for run in reported[:SHOWN]:
        said = headline(seen.level for seen in (run.hosts or {}).values())
        # Paths are there to be copied: the terminal may wrap a line, we do not cut it.
        path = f"[dim]{escape(_short(run.folder / 'report.html'))}[/]"
        out.print(f"  {when(run.run)}  {run.command:<6}  {escape(said)}  {path}", soft_wrap=True)
    if len(reported) > SHOWN:
        out.print(f"  [dim]and {len(reported) - SHOWN} earlier: see the page, or --json[/]")


def _show_going(out: Console, choices: Sequence[Choice], going: Sequence[Kept], room: int, options: Options) -> None:
    stays = [one for one in choices if one.why and not one.why.startswith("one of the newest")]
    for one in stays:
        out.print(f"  stays  {when(one.run.run)}: {escape(one.why)}")
    gone = [run for run in going if not run.folder.exists()] if options.yes else list(going)
    if not gone:
        out.print("  nothing goes")
        return
    first, last = when(gone[-1].run), when(gone[0].run)
    said = f"{count(len(gone), 'run')} from {first} to {last}, {room / (1 << 20):.1f} MiB"
    out.print(f"  taken away: {said}" if options.yes else f"  could go: {said}; with --yes they do, and for good")


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
