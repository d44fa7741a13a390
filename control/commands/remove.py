"""``./gpuhost remove``: take away what gpuhost installed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.markup import escape

from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console


@dataclass(frozen=True)
class Options:
    """What ``remove`` was asked for."""

    target: Target = field(default_factory=Target)
    purge_data: bool = False
    json: bool = False


def remove(options: Options) -> int:
    """Remove by footprint, last role first. User data stays unless ``purge_data``."""
    return guarded(lambda: _remove(options), options.json)


def _remove(options: Options) -> int:
    variables = {"gpuhost_purge_data": True} if options.purge_data else {}
    finished = perform("remove", "remove", options.target, variables, quiet=options.json)
    if options.json:
        document = outcome(finished)
        for host, record in finished.hosts.items():
            document["hosts"][host].update(removed=record.get("removed", []), kept=record.get("kept", {}))
        print_json(document)
        return finished.exit_code
    out = console()
    show_outcome(out, finished)
    for host, record in sorted(finished.hosts.items()):
        for item, reason in record.get("kept", {}).items():
            out.print(f"  [bold]{host}[/]  kept {escape(item)}  [dim]{escape(reason)}[/]")
    return finished.exit_code
