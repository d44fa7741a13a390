"""The command that asks the truth table."""

from __future__ import annotations

from invoke import Context, Exit, task


@task(
    auto_shortflags=False,
    help={
        "gpu": 'a GPU by name ("RX 6600", "Strix Halo"), target (gfx1032) or PCI id (1002:73ff, 73ff:c7)',
        "os": "only this system (debian-13, ubuntu-24.04)",
        "rocm": "what this ROCm release needs (7.2.4, 10.1)",
        "need": 'what a release needs: "rocm 10.1", "driver 31.60"',
        "json": "print JSON",
        "check": "check every row of support/ and say how many there are",
        "write_docs": "write the tables of the docs anew from support/",
    },
)
def support(
    c: Context,
    gpu: str = "",
    os: str = "",
    rocm: str = "",
    need: str = "",
    json: bool = False,
    check: bool = False,
    write_docs: bool = False,
) -> None:
    """Ask what is known to work with what.

    With --gpu it says what runs there and how; with --rocm or --need what a release needs; alone it lists what there is.

    Examples:
      ./gpuhost support --gpu "RX 6600" --os ubuntu-24.04
      ./gpuhost support --gpu 1002:744c --json
      ./gpuhost support --rocm 10.1 --gpu "Strix Halo" --os ubuntu-24.04
      ./gpuhost support --need "driver 31.60"
      ./gpuhost support --check
    """
    from control import answers
    from control import support as table_of
    from control.commands import ask
    from control.exitcodes import ExitCode

    try:
        table = table_of.load()
        if write_docs:
            from control.tables import write

            text = "".join(f"{path} is written\n" for path in write(table)) or "every table is as it should be\n"
        elif check:
            text = ask.checked(table)
        else:
            wanted = {"rocm": rocm, **answers.what_is_needed(need)}
            text = ask.answered(table, gpu, os, **wanted, as_json=json)
    except (answers.UnknownError, table_of.SupportError) as error:
        raise Exit(f"gpuhost: {error}", code=ExitCode.BAD_INPUT) from error
    print(text, end="")
