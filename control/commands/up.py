"""``./gpuhost up``: from whatever a host is to a host that is proven to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from control import report
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console
from control.report import terminal


@dataclass(frozen=True)
class Options:
    """What ``up`` was asked for."""

    target: Target = field(default_factory=Target)
    confirmed: bool = False
    cpu: bool = False
    full: bool = False
    json: bool = False


def up(options: Options) -> int:
    """Bring the hosts to their plan; the exit code is the worst of theirs."""
    return guarded(lambda: _up(options), options.json)


def variables(options: Options) -> dict[str, Any]:
    """The options as the roles know them. What is not asked for stays the inventory's business."""
    asked = {
        "preflight_cpu_only": options.cpu,
        "preflight_full": options.full,
        "preflight_confirmed": options.confirmed,
    }
    return {name: True for name, value in asked.items() if value}


def _up(options: Options) -> int:
    finished = perform("up", "site", options.target, variables(options), quiet=options.json)
    proven = any((finished.folder / "results").glob("*.json"))
    loaded = report.load(finished.folder) if proven else None
    written = report.write(finished.folder, loaded) if loaded else {}
    if options.json:
        print_json({**outcome(finished), "report": {name: str(path) for name, path in written.items()}})
        return finished.exit_code
    out = console()
    if loaded:
        terminal.show(loaded, out)
        out.print(terminal.services_table(loaded))
        out.print(f"report  {written['html']}\n[dim]all runs of this site: {escape(str(written['index']))}[/]")
    show_outcome(out, finished)
    return finished.exit_code
