"""``./gpuhost services --tunnel``: the services of hosts at this machine's own 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import vault
from control.commands.common import guarded, perform, print_json, show_outcome
from control.commands.survey import Options
from control.console import console, show_findings
from control.exitcodes import ExitCode
from control.failures import of_unreachable
from control.inventory import select
from control.monitor import reach
from control.tunnel import Tunnel, planned

#: Seconds from one look at the connections to the next.
LOOK_S = 1.0


def tunnel(options: Options) -> int:
    """Forwards to every service that runs, until Ctrl-C: then 0. 12 where no connection came about, or all were lost."""
    return guarded(lambda: _tunnel(options), options.json)


def _tunnel(options: Options) -> int:
    out = console(stderr=options.json)
    finished = perform("services", "survey", options.target, {}, quiet=True)
    if finished.exit_code:
        show_outcome(out, finished)
    with tempfile.TemporaryDirectory(prefix="gpuhost-") as scratch:
        selection = select(options.target.site, options.target.host, Path(scratch))
        ways = reach.ways(selection, vault.password(selection.inventories[1:], os.environ))
    running = [one for host in sorted(finished.examined) for one in services_of(host, finished.examined[host])]
    here = [one for one in running if not ways[one[0]].prefix and not ways[one[0]].problem]
    try:
        forwards = planned(one for one in running if ways[one[0]].prefix)
    except OSError as error:
        out.print(f"[red]{escape(str(error))}[/]")
        return int(ExitCode.REFUSED)
    opened = [Tunnel(ways[host], [one for one in forwards if one.host == host]) for host in sorted(ways)]
    opened = [one for one in opened if one.forwards or one.way.problem]
    with closing(opened):
        live = _open(opened, out)
        _show(options, live, here, out)
        if not live:
            return finished.exit_code or int(ExitCode.DONE if here else ExitCode.UNREACHABLE)
        return _keep(live, out)


def services_of(host: str, examined: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Host, service, address and port of what the plan has and somebody listens for."""
    listening = {row["port"] for row in examined["snapshot"].get("ports") or [] if isinstance(row, dict)}
    expected = examined["plan"].get("roles", {}).get("verify", {}).get("expected") or {}
    for row in expected.get("services") or []:
        where = urlsplit(row["url"])
        if where.port in listening:
            yield host, row["name"], str(where.hostname), int(where.port or 0)


def _open(tunnels: Sequence[Tunnel], out: Console) -> list[Tunnel]:
    """Those that came about; the others are told."""
    for one in tunnels:
        if not one.way.problem:
            one.open()
    reasons = [one.way.problem or one.wait_ready() for one in tunnels]
    for one, why in zip(tunnels, reasons, strict=True):
        if why:
            show_findings(out, of_unreachable(one.way.host, why).findings, "nothing was changed")
    return [one for one, why in zip(tunnels, reasons, strict=True) if not why]


def _show(options: Options, live: Sequence[Tunnel], here: Sequence[tuple[str, str, str, int]], out: Console) -> None:
    rows = [(one.host, one.service, one.url) for tunnel in live for one in tunnel.forwards]
    rows += [(host, service, f"http://{address}:{port}") for host, service, address, port in here]
    if options.json:
        print_json({"forwards": [{"host": host, "service": name, "url": url} for host, name, url in rows]})
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "service", "open here"):
        table.add_column(column)
    for host, name, url in rows:
        table.add_row(f"[bold]{escape(host)}[/]", escape(name), url)
    out.print(table if rows else "no service runs there")
    if here:
        out.print("[dim]This machine's own services need no tunnel.[/]")
    if live:
        out.print("[dim]Passwords and tokens: ./gpuhost services.secrets. Ctrl-C ends the tunnel.[/]")


def _keep(live: list[Tunnel], out: Console) -> int:
    """Until Ctrl-C, or until the last connection is lost."""
    try:
        while live:
            time.sleep(LOOK_S)
            for one in [each for each in live if each.ended() is not None]:
                found = of_unreachable(one.way.host, str(one.ended())).findings
                show_findings(out, found, "its services are reached no more")
                live.remove(one)
    except KeyboardInterrupt:
        return int(ExitCode.DONE)
    return int(ExitCode.UNREACHABLE)


@contextmanager
def closing(tunnels: Sequence[Tunnel]) -> Iterator[None]:
    """Every ssh ends with us, also where somebody asks us to end otherwise than by Ctrl-C."""

    def stop(number: int, frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one in tunnels:
            one.close()
        for number, handler in before.items():
            signal.signal(number, handler)
