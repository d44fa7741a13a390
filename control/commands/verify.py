"""``./gpuhost verify``: run the checks on the hosts and report."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from control import report
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console
from control.findings import make
from control.inventory import BadInputError
from control.report import terminal


@dataclass(frozen=True)
class Options:
    """What ``verify`` was asked for: ``junit`` and ``html`` name files to write besides the run folder's."""

    target: Target = field(default_factory=Target)
    json: bool = False
    junit: str = ""
    html: str = ""


def verify(options: Options) -> int:
    """Prove the hosts; 15 if a check failed."""
    return guarded(lambda: _verify(options), options.json)


def _verify(options: Options) -> int:
    for wanted, option in ((options.junit, "--junit"), (options.html, "--html")):
        if wanted and not Path(wanted).expanduser().parent.is_dir():
            raise BadInputError([make("GH-INPUT-FILE", "", f"{wanted}: there is no such folder", variable=option)])
    finished = perform("verify", "verify", options.target, {}, quiet=options.json)
    written = report.write(finished.folder)
    for wanted, kind in ((options.junit, "junit"), (options.html, "html")):
        if wanted:
            shutil.copyfile(written[kind], Path(wanted).expanduser())
    if options.json:
        results = json.loads(written["json"].read_text(encoding="utf-8"))
        print_json({**outcome(finished), **results, "report": {name: str(path) for name, path in written.items()}})
        return finished.exit_code
    out = console()
    terminal.show(report.load(finished.folder), out)
    show_outcome(out, finished)
    out.print(f"report  {written['html']}")
    return finished.exit_code
