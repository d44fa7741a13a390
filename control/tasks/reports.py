"""The command that deals with what earlier runs left on the control node."""

from __future__ import annotations

from invoke import Context

from control.tasks.host import JSON, end, host_task


@host_task(
    help={
        "site": "Only the runs of this site; those of this machine are kept as `local`",
        "keep": "Say which runs could go when this many of the newest stay",
        "yes": "Take those away that could go",
        "json": JSON,
    }
)
def reports(c: Context, site: str = "", keep: int = 0, yes: bool = False, json: bool = False) -> None:
    """The reports of earlier runs, and which could go.

    They lie in reports/<site>/, with a page that lists them. However few are to stay, those do that a host is compared
    with, the last that certified it, and those that somebody put something into, such as a file named `keep`.

    Examples:
      ./gpuhost reports                               where they are, and what they say
      ./gpuhost reports --site lab --keep 50          which could go
      ./gpuhost reports --site lab --keep 50 --yes    they go
    """
    from control.commands.reports import Options
    from control.commands.reports import reports as command

    end(command(Options(site, keep, yes, json)))
