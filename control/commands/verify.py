"""``./gpuhost verify``: run the checks on the hosts and report."""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from control import report
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console
from control.findings import make
from control.inventory import BadInputError
from control.report import terminal
from verify.checks import AREAS
from verify.compute import levels


@dataclass(frozen=True)
class Options:
    """What ``verify`` was asked for: ``junit`` and ``html`` name files to write besides the run folder's.

    ``level`` is how deep, where not as planned; ``minutes`` how long `burn` keeps the GPUs at work; ``only`` names areas, or
    checks by the beginnings of their ids.
    """

    target: Target = field(default_factory=Target)
    json: bool = False
    junit: str = ""
    html: str = ""
    level: str = ""
    minutes: int = 0
    only: str = ""


def verify(options: Options) -> int:
    """Prove the hosts; 15 if a check failed."""
    return guarded(lambda: _verify(options), options.json)


def _verify(options: Options) -> int:
    for wanted, option in ((options.junit, "--junit"), (options.html, "--html")):
        if wanted and not Path(wanted).expanduser().parent.is_dir():
            raise BadInputError([make("GH-INPUT-FILE", "", f"{wanted}: there is no such folder", variable=option)])
    variables = _depth(options)
    finished = perform("verify", "verify", options.target, variables, quiet=options.json)
    loaded = report.load(finished.folder)
    written = report.write(finished.folder, loaded)
    _copies(options, loaded, written)
    if options.json:
        results = json.loads(written["json"].read_text(encoding="utf-8"))
        print_json({**outcome(finished), **results, "report": {name: str(path) for name, path in written.items()}})
        return finished.exit_code
    out = console()
    terminal.show(loaded, out)
    show_outcome(out, finished)
    out.print(f"report  {written['html']}\n[dim]all runs of this site: {escape(str(written['index']))}[/]")
    return finished.exit_code


def _copies(options: Options, loaded: report.RunReport, written: Mapping[str, Path]) -> None:
    """The files that were asked for by name. The page there leads to no other run: those stay where they are."""
    if options.junit:
        shutil.copyfile(written["junit"], Path(options.junit).expanduser())
    if options.html:
        from control.report import html

        Path(options.html).expanduser().write_text(html.render(loaded), encoding="utf-8")


def _depth(options: Options) -> dict[str, Any]:
    """Variables of the playbook. Raises BadInputError."""
    if options.level and options.level not in levels.LEVELS:
        seen = f"there is no level {options.level}; there are {', '.join(levels.LEVELS)}"
        raise BadInputError([make("GH-INPUT-TYPE", "", seen, variable="--level")])
    if options.minutes and options.level != levels.BURN:
        seen = f"--minutes goes with --level {levels.BURN}"
        raise BadInputError([make("GH-INPUT-TYPE", "", seen, variable="--minutes")])
    if options.minutes < 0:
        raise BadInputError([make("GH-INPUT-TYPE", "", f"--minutes is {options.minutes}", variable="--minutes")])
    asked = {"level": options.level, "minutes": options.minutes, "only": _chosen(options.only)}
    return {f"gpuhost_verify_{name}": value for name, value in asked.items() if value}


def _chosen(only: str) -> list[str]:
    """The names between commas. Raises BadInputError for one that begins with no area."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name.partition(".")[0] not in AREAS]
    if unknown or (only and not names):
        near = difflib.get_close_matches(unknown[0].partition(".")[0], AREAS, n=1, cutoff=0.5) if unknown else []
        meant = f" (did you mean {near[0]}?)" if near else ""
        seen = f"--only {only}: there is no area {', '.join(unknown) or 'in it'}{meant}; there are {', '.join(AREAS)}"
        raise BadInputError([make("GH-INPUT-TYPE", "", seen, variable="--only")])
    return names
