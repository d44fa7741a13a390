"""``./gpuhost monitor``: what the GPUs of the hosts do right now."""

from __future__ import annotations

import getpass
import json
import os
import queue
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live

from control import findings, vault
from control.commands.common import Target, guarded, print_json
from control.console import console, show_findings
from control.exitcodes import ExitCode, worst
from control.inventory import select
from control.monitor import program, reach, view
from control.monitor.link import Event, Link
from control.monitor.state import LIVE, HostState

#: Seconds from one look to the next: on a terminal and for programs; and where lines go to a log.
LIVELY_S, CALM_S = 0.5, 5.0
#: How often the screen is drawn: twice as often as figures come.
DRAWN_S = 0.25


@dataclass(frozen=True)
class Options:
    """What ``monitor`` was asked for. ``interval`` 0 is the usual one."""

    target: Target = field(default_factory=Target)
    once: bool = False
    json: bool = False
    interval: float = 0.0


def monitor(options: Options) -> int:
    """Show the hosts until Ctrl-C, or once. With ``once``, 12 where a host gave no figures."""
    return guarded(lambda: _monitor(options), options.json)


def _monitor(options: Options) -> int:
    if options.interval < 0:
        seen = f"--interval {options.interval:g}: seconds from one look to the next"
        raise reach.BadInputError([findings.make("GH-INPUT-TYPE", "", seen, variable="--interval")])
    out = console()
    lively = options.json or (out.is_terminal and not out.is_dumb_terminal)
    interval = options.interval or (LIVELY_S if lively else CALM_S)
    password = getpass.getpass("sudo password for the hosts: ") if options.target.ask_sudo else None
    with _links(options, interval, password) as watched:
        if options.once:
            return _once(out, watched, options.json)
        try:
            if options.json:
                _json_lines(watched)
            elif lively:
                _screen(out, watched)
            else:
                _plain(out, watched)
        except KeyboardInterrupt:  # the usual way to end it
            return int(ExitCode.DONE)
        return _ended(out, watched, options.json)


class Watched:
    """The hosts, each in the state that its events led to."""

    def __init__(self, hosts: list[str]) -> None:
        self.states = {host: HostState(host) for host in hosts}
        self.events: queue.Queue[Event] = queue.Queue()
        self.links: list[Link] = []

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.events.empty() and not any(link.is_alive() for link in self.links)

    def next(self, seconds: float) -> tuple[str, HostState] | None:
        """The host of the next event and its new state, or None when none came within that time."""
        try:
            host, kind, what = self.events.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        before, now = self.states[host], time.monotonic()
        known = before.arrived(what, now) if kind == "sample" else before.lost(what, now) if kind == "lost" else None
        self.states[host] = known or before.connects(now)
        return kind, self.states[host]


@contextmanager
def _links(options: Options, interval: float, password: str | None) -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="gpuhost-") as scratch:
        selection = select(options.target.site, options.target.host, Path(scratch))
        ways = reach.ways(selection, vault.password(selection.inventories[1:], os.environ))
    text = program.text(["--once"] if options.once else ["--interval", f"{interval:g}"])
    watched = Watched(list(ways))
    watched.links = [
        Link(way, text, watched.events.put, interval=interval, once=options.once, password=password) for way in ways.values()
    ]
    for link in watched.links:
        link.start()
    try:
        yield watched
    finally:
        for link in watched.links:
            link.stop()
        for link in watched.links:
            link.join(timeout=3)


def _once(out: Console, watched: Watched, as_json: bool) -> int:
    while not watched.over:
        watched.next(0.1)
    code = _code(watched)
    if as_json:
        print_json({"exit_code": code, "hosts": {host: _as_dict(state) for host, state in watched.states.items()}})
        return code
    states = list(watched.states.values())
    out.print(Group(*view.lines([one for one in states if one.sample], _names, time.monotonic(), out.width)))
    show_findings(out, [one for state in states for one in state.findings], "nothing was changed")
    return code


def _screen(out: Console, watched: Watched) -> None:
    states = watched.states
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while not watched.over:
            end = time.monotonic() + DRAWN_S
            while (left := end - time.monotonic()) > 0:
                watched.next(left)
            shown = view.fitted(list(states.values()), _names, time.monotonic(), out.width, out.height)
            live.update(Group(*shown), refresh=True)


def _plain(out: Console, watched: Watched) -> None:
    """A line for each GPU and look; a line for services and connections only when they change."""
    last: dict[str, tuple[str, str]] = {}
    while not watched.over:
        event = watched.next(0.5)
        if event is None or event[0] == "connects":
            continue
        state = event[1]
        now = time.strftime("%H:%M:%S")
        shown = view.plain(state, _names) if state.status == LIVE else []
        services = view.plain_services(state)
        away = "; ".join(f"{one['id']} {one['seen']}" for one in state.findings)
        before = last.get(state.host, ("", ""))
        changed = [f"{state.host}  {away}"] if away and away != before[1] else []
        changed += [f"{state.host}  back"] if before[1] and not away else []
        changed += [services] if services and services != before[0] else []
        last[state.host] = (services, away)
        for line in [*changed, *shown]:
            out.print(f"{now}  {line}", markup=False, soft_wrap=True)


def _json_lines(watched: Watched) -> None:
    """A document per line, for each look and each time a host is lost."""
    while not watched.over:
        event = watched.next(0.5)
        if event is not None and event[0] != "connects":
            json.dump({"host": event[1].host, **_as_dict(event[1])}, sys.stdout)
            sys.stdout.write("\n")
            sys.stdout.flush()


def _ended(out: Console, watched: Watched, as_json: bool) -> int:
    """No host can be watched at all."""
    if not as_json:
        show_findings(out, [one for state in watched.states.values() for one in state.findings], "nothing was changed")
    return _code(watched)


def _as_dict(state: HostState) -> dict[str, Any]:
    return {"status": state.status, "sample": state.sample if state.status == LIVE else None, "findings": state.findings}


def _code(watched: Watched) -> int:
    ids = [one["id"] for state in watched.states.values() for one in state.findings]
    return int(worst(findings.CATALOGUE[one].exit_code for one in ids))


@cache
def _names(device: str, revision: str) -> str:
    from control import support

    return support.load().gpu_name(device, revision)
