"""Commands that deal with hosts. Each parses its options and calls one function of ``control.commands``."""

from __future__ import annotations

from functools import partial

from invoke import Context, Exit, task

#: No letters: those that Invoke makes up differ from command to command.
host_task = partial(task, auto_shortflags=False)

HOST = "Hosts to log in to: [user@]name[:port], several with commas. With --site: only these of it"
SITE = "The hosts of this folder of inventory/. Without it and --host: this machine"
JSON = "Print one JSON document instead of text"
SUDO = "Ask for the password that sudo wants on the hosts"
COMMON = {"host": HOST, "site": SITE, "json": JSON, "ask-sudo": SUDO}


def end(code: int) -> None:
    """The command ends with this exit code."""
    raise Exit(code=code)


@host_task(
    help={
        **COMMON,
        "yes": "Agree that a driver that works is replaced, and that this machine is rebooted, where the plan needs it; "
        "without it `up` stops before the first change and says which of the two it would be",
        "cpu": "Set hosts up without a GPU: everything computes on the processor",
        "full": "Do every step again, also where nothing has changed since the last time",
    }
)
def up(
    c: Context,
    host: str = "",
    site: str = "",
    yes: bool = False,
    cpu: bool = False,
    full: bool = False,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Make this machine, or others, verified AI hosts.

    Looks first, and changes nothing where something stands in the way. Running it again is safe: what is as planned is left
    alone, and what was interrupted goes on.

    Examples:  ./gpuhost up        ./gpuhost up --host admin@gpu01,admin@gpu02        ./gpuhost up --site lab
    """
    from control.commands.common import Target
    from control.commands.up import Options
    from control.commands.up import up as command

    end(command(Options(Target(host, site, ask_sudo), confirmed=yes, cpu=cpu, full=full, json=json)))


@host_task(
    help={
        **COMMON,
        "cpu": "Plan for hosts without a GPU",
        "snapshot": "Plan for a recorded host: a file that `info --json` wrote",
        "verbose": "Also name the rule behind each decision, and why something has to be done (again)",
    }
)
def plan(
    c: Context,
    host: str = "",
    site: str = "",
    cpu: bool = False,
    snapshot: str = "",
    verbose: bool = False,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Show what `up` would do and why; changes nothing.

    Versions, packages, bytes to fetch, disk, reboots. Exit code 11 where `up` would refuse.

    Examples:  ./gpuhost plan        ./gpuhost plan --host gpu01 --json        ./gpuhost plan --snapshot gpu01.json
    """
    from control.commands import survey
    from control.commands.common import Target

    target = Target(host, site, ask_sudo)
    end(survey.plan(survey.Options(target, json=json, cpu=cpu, snapshot=_path(snapshot), verbose=verbose)))


@host_task(
    help={
        **COMMON,
        "level": "quick (half a minute), standard (5 minutes, works the GPUs) or burn; else as planned",
        "minutes": "How long burn keeps the GPUs at work",
        "only": "Only these areas, or checks whose ids begin so, with commas: driver,containers.ollama",
        "junit": "Also write JUnit XML to this file",
        "html": "Also write the HTML report to this file",
    }
)
def verify(
    c: Context,
    host: str = "",
    site: str = "",
    level: str = "",
    minutes: int = 0,
    only: str = "",
    junit: str = "",
    html: str = "",
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Run the checks on the hosts and report.

    Exit code 15 if one failed. A check that cannot be judged on a host is never counted as passed.

    Examples:
      ./gpuhost verify                    as deep as each host is planned with
      ./gpuhost verify --level standard   the GPUs' numbers, memory and rates, in five minutes
      ./gpuhost verify --only access,driver,containers.ollama
      ./gpuhost verify --site lab --junit checks.xml
    """
    from control.commands.common import Target
    from control.commands.verify import Options
    from control.commands.verify import verify as command

    target = Target(host, site, ask_sudo)
    asked = Options(target, json=json, junit=_path(junit), html=_path(html), level=level, minutes=minutes, only=only)
    end(command(asked))


@host_task(help=COMMON)
def status(c: Context, host: str = "", site: str = "", json: bool = False, ask_sudo: bool = False) -> None:
    """Show one line per host: system, GPU, what is due.

    Example:  ./gpuhost status --site lab
    """
    from control.commands import survey
    from control.commands.common import Target

    end(survey.status(survey.Options(Target(host, site, ask_sudo), json=json)))


@host_task(help=COMMON)
def drift(c: Context, host: str = "", site: str = "", json: bool = False, ask_sudo: bool = False) -> None:
    """Show what changed on a host since it was set up.

    Example:  ./gpuhost drift --site lab
    """
    from control.commands import survey
    from control.commands.common import Target

    end(survey.drift(survey.Options(Target(host, site, ask_sudo), json=json)))


@host_task(
    help={**COMMON, "bundle": "Also write an archive (tar.gz) for a report of a fault, without passwords, tokens and keys"}
)
def info(
    c: Context,
    host: str = "",
    site: str = "",
    bundle: str = "",
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """The full technical record of a host.

    GPUs, driver, access; ROCm's tools with their real exit status; whether PyTorch computes; the kernel's words.

    Examples:  ./gpuhost info --host gpu01        ./gpuhost info --json > host.json
               ./gpuhost info --bundle gpu01.tar.gz
    """
    from control.commands.common import Target
    from control.commands.info import Options
    from control.commands.info import info as command

    end(command(Options(Target(host, site, ask_sudo), json=json, bundle=_path(bundle))))


@host_task(
    help={
        **COMMON,
        "once": "Look once instead of until Ctrl-C",
        "interval": "Seconds from one look to the next (0.5; 5 where the output is no terminal)",
        "json": "One JSON document with --once, else one per line and look",
    }
)
def monitor(
    c: Context,
    host: str = "",
    site: str = "",
    once: bool = False,
    interval: float = 0.0,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Show live what the GPUs do: load, memory, processes.

    Also the services' state. Needs nothing on the hosts but Python. Ctrl-C ends it.

    Examples:  ./gpuhost monitor --site lab        ./gpuhost monitor --once --json
    """
    from control.commands.common import Target
    from control.commands.monitor import Options
    from control.commands.monitor import monitor as command

    end(command(Options(Target(host, site, ask_sudo), once=once, json=json, interval=interval)))


@host_task(help={**COMMON, "purge-data": "Also delete models, notebooks and workspaces. Cannot be undone"})
def remove(
    c: Context,
    host: str = "",
    site: str = "",
    purge_data: bool = False,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Take away what gpuhost installed; user data stays.

    What was there before gpuhost stays too, and the end says what was kept and why.

    Example:  ./gpuhost remove --host gpu01
    """
    from control.commands.common import Target
    from control.commands.remove import Options
    from control.commands.remove import remove as command

    end(command(Options(Target(host, site, ask_sudo), purge_data=purge_data, json=json)))


def _path(text: str) -> str:
    """A file as the user meant it: relative to where the command was typed, which the door leaves in GPUHOST_CWD."""
    import os
    from pathlib import Path

    return str(Path(os.environ.get("GPUHOST_CWD", ".")) / Path(text).expanduser()) if text else ""
