"""The command that asks the truth table."""

from __future__ import annotations

from invoke import Context, Exit, task


@task(
    auto_shortflags=False,
    help={
        "gpu": 'a GPU by name ("RX 6600"), chip ("Strix Halo"), target (gfx1032) or PCI id (1002:73ff)',
        "os": "only this system (debian-13, ubuntu-24.04)",
        "json": "print JSON",
        "check": "check every row of support/ and say how many there are",
    },
)
def support(c: Context, gpu: str = "", os: str = "", json: bool = False, check: bool = False) -> None:
    """Ask what is known to work with what.

    Without --gpu it lists the systems, drivers, images and services of the truth table.

    Examples:
      ./gpuhost support --gpu "RX 6600" --os ubuntu-24.04
      ./gpuhost support --gpu gfx1151 --json
      ./gpuhost support --check
    """
    from control import answers
    from control import support as table_of
    from control.commands import ask
    from control.exitcodes import ExitCode

    try:
        table = table_of.load()
        text = ask.checked(table) if check else ask.answered(table, gpu, os, as_json=json)
    except (answers.UnknownError, table_of.SupportError) as error:
        raise Exit(f"gpuhost: {error}", code=ExitCode.BAD_INPUT) from error
    print(text, end="")
