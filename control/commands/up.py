"""``./gpuhost up``: from whatever a host is to a host that is proven to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
    written = report.write(finished.folder) if proven else {}
    if options.json:
        print_json({**outcome(finished), "report": {name: str(path) for name, path in written.items()}})
        return finished.exit_code
    out = console()
    if proven:
        loaded = report.load(finished.folder)
        terminal.show(loaded, out)
        out.print(terminal.services_table(loaded))
        out.print(f"report  {written['html']}")
    show_outcome(out, finished)
    return finished.exit_code
