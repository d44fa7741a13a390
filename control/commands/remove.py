"""``./gpuhost remove``: take away what gpuhost installed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from control import run
from control.commands.common import Target, guarded, outcome, print_json, show_outcome
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
    target = options.target
    variables = {"gpuhost_purge_data": True} if options.purge_data else {}
    finished = run.execute(
        run.Request("remove", "remove", target.site, target.host, variables, target.options, options.json)
    )
    if options.json:
        print_json(outcome(finished))
    else:
        show_outcome(console(), finished)
    return finished.exit_code
