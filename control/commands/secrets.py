"""``./gpuhost services.secrets`` and ``services.rotate``: passwords and tokens for people, and new ones."""

from __future__ import annotations

import difflib
import getpass
import json
import os
import queue
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import given_secrets, vault
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console, show_findings
from control.exitcodes import ExitCode, worst
from control.failures import of_unreachable
from control.findings import CATALOGUE, Finding, make
from control.inventory import BadInputError, select
from control.monitor import program, reach
from control.monitor.link import Event, Link

if TYPE_CHECKING:
    from control.programrows import Secret

#: The program that reads them on a host, and what it is made of.
_PROGRAM = "verify.shown_secrets"
_MODULES = ("verify", "verify.places", _PROGRAM)


@dataclass(frozen=True)
class Shown:
    """What ``services.secrets`` was asked for. ``all``: those too that only programs use."""

    target: Target = field(default_factory=Target)
    all: bool = False


@dataclass(frozen=True)
class Renewed:
    """What ``services.rotate`` was asked for; without ``name`` every secret of the service that may change."""

    target: Target
    service: str
    name: str = ""
    force: bool = False
    json: bool = False


def show(options: Shown) -> int:
    """Show the secrets of the hosts on the terminal. 11 where there is none; 12 where a host gave nothing."""
    return guarded(lambda: _show(options), as_json=False)


def _show(options: Shown) -> int:
    out = console()
    if not on_terminal():
        seen = "standard output is a pipe or a file"
        raise BadInputError([make("GH-SECRETS-TERMINAL", "", seen)])
    rows = _rows()
    wanted = {service: [row.name for row in found] for service, found in rows.items()}
    answers, lost = _asked(options.target, wanted)
    for host, found in sorted(answers.items()):
        _table(out, host, found, rows, options.all)
    show_findings(out, lost, "nothing was changed")
    return int(worst(CATALOGUE[one["id"]].exit_code for one in lost))


def on_terminal() -> bool:
    """Whether standard output goes to a person."""
    return sys.stdout.isatty()


def _rows() -> dict[str, list[Secret]]:
    """The secrets of every service in the catalogue."""
    from control import support
    from control.planner import gatewayusers
    from control.planner.secrets import of_service

    of_rows = {row.id: of_service(row) for row in support.load().services()}
    return {**of_rows, gatewayusers.SERVICE: [gatewayusers.SESSION_KEY]}


def _asked(target: Target, wanted: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[dict[str, str]]], list[Any]]:
    """What each host has, and findings for those that gave nothing. Over a connection of our own: Ansible keeps logs."""
    with tempfile.TemporaryDirectory(prefix="gpuhost-") as scratch:
        selection = select(target.site, target.host, Path(scratch))
        ways = reach.ways(selection, vault.password(selection.inventories[1:], os.environ))
    password = getpass.getpass("sudo password for the hosts: ") if target.ask_sudo else None
    events: queue.Queue[Event] = queue.Queue()
    text = program.text([json.dumps(wanted)], _MODULES, _PROGRAM)
    links = [Link(way, text, events.put, once=True, password=password) for way in ways.values()]
    for link in links:
        link.start()
    for link in links:
        link.join()
    answers, lost = {}, []
    while not events.empty():
        host, kind, what = events.get()
        if kind == "sample":
            answers[host] = what["secrets"]
        elif kind == "lost" and host not in answers:
            lost += of_unreachable(host, str(what)).findings
    return answers, lost


def _table(
    out: Console, host: str, found: Sequence[Mapping[str, str]], rows: Mapping[str, list[Secret]], every: bool
) -> None:
    known = {(service, row.name): row for service, of_service in rows.items() for row in of_service}
    table = Table(box=None, pad_edge=False, show_header=False)
    hidden = 0
    for one in found:
        row = known.get((one["service"], one["name"])) or _of_user(one["service"], one["name"])
        if row is not None and not (row.for_people or every):
            hidden += 1
            continue
        table.add_row(
            escape(one["service"]), escape(one["name"]), f"[bold]{escape(one['value'])}[/]", row.purpose if row else ""
        )
    out.print(f"[bold]{escape(host)}[/]")
    if table.row_count:
        out.print(table)
    else:
        out.print("  no secret of a service is here" if not hidden else "  none that a person types")
    if hidden:
        out.print(f"[dim]  {hidden} more that only programs use: --all[/]")


def _of_user(service: str, name: str) -> Secret | None:
    """A secret of one of the gateway's users: no row has these, they are the site's to name."""
    from control.planner import gatewayusers

    return gatewayusers.secret_row(name) if service == gatewayusers.SERVICE else None


def rotate(options: Renewed) -> int:
    """New secrets of a service on one host; the exit code is how the run ended."""
    return guarded(lambda: _rotate(options), options.json)


def _rotate(options: Renewed) -> int:
    names = to_renew(options)
    variables = {given_secrets.RENEWED: {options.service: names}}
    finished = perform("rotate", "rotate", options.target, variables, quiet=options.json)
    if options.json:
        print_json({**outcome(finished), "renewed": {options.service: names}})
        return finished.exit_code
    out = console()
    show_outcome(out, finished)
    if finished.exit_code == ExitCode.DONE:
        what = "every secret" if names == ["*"] else ", ".join(names)
        out.print(f"new on {', '.join(finished.hosts)}: {options.service} {what}; the old open nothing any more")
    return finished.exit_code


def to_renew(options: Renewed) -> list[str]:
    """The secrets that are meant.

    :raises BadInputError: for a service or a name that there is not, and for one that data is encrypted with, unless forced.
    """
    from control.planner import gatewayusers

    rows = _rows()
    if options.service not in rows:
        raise _unknown("GH-INPUT-UNKNOWN-SERVICE", options.service, list(rows))
    if options.service == gatewayusers.SERVICE and not options.name:
        return ["*"]
    known = {row.name: row for row in rows[options.service]}
    if (row := _of_user(options.service, options.name)) is not None:
        known[row.name] = row
    if not known:
        raise BadInputError([make("GH-INPUT-UNKNOWN-SECRET", "", f"{options.service} has no secret")])
    if options.name and options.name not in known:
        raise _unknown("GH-INPUT-UNKNOWN-SECRET", f"{options.service}.{options.name}", list(known))
    if options.name:
        if known[options.name].encrypts and not options.force:
            raise BadInputError([_encrypts(options.service, known[options.name])])
        if known[options.name].initial or known[options.name].optional:
            raise BadInputError([_elsewhere(options.service, known[options.name])])
        return [options.name]
    made_here = {name: row for name, row in known.items() if not (row.initial or row.optional)}
    return [name for name, row in made_here.items() if options.force or not row.encrypts]


def _unknown(finding: str, asked: str, known: list[str]) -> BadInputError:
    near = difflib.get_close_matches(asked.rpartition(".")[2], known, n=1, cutoff=0.5)
    return BadInputError([make(finding, "", f"{asked}: there is {', '.join(known)}", near=near[0] if near else "")])


def _elsewhere(service: str, row: Secret) -> Finding:
    return make("GH-SECRET-GIVEN" if row.optional else "GH-SECRET-INITIAL", "", f"{service} {row.name}: {row.purpose}")


def _encrypts(service: str, row: Secret) -> Finding:
    return make("GH-SECRET-ENCRYPTS", "", f"{service} {row.name}: {row.purpose}")
