"""What a person sees while a run goes on: one live line for each host on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from control.progress_words import Telling, amount, clock, model_lines, plan_lines


@dataclass
class HostLine:
    """What is known of one host right now."""

    host: str
    role: str = ""
    task: str = ""
    since: float = 0.0
    ended: str = ""
    changed: int = 0


class Display(Protocol):
    """Shows how a run goes."""

    def refresh(self) -> None:
        """Show what is new."""


class Follower:
    """Reads the run folder as it grows."""

    def __init__(self, folder: Path, hosts: Sequence[str], tell: Telling | None = None) -> None:
        self._folder = folder
        self._tell = tell
        self._stream: IO[str] | None = None
        self._due: dict[str, set[str]] = {}
        self.lines = {host: HostLine(host) for host in hosts}

    def news(self) -> list[dict[str, Any]]:
        """Events since the last call, already applied to ``lines``."""
        if self._stream is None:
            path = self._folder / "events.jsonl"
            if not path.exists():
                return []
            self._stream = path.open(encoding="utf-8")
        found = []
        while line := self._stream.readline():
            if not line.endswith("\n"):
                self._stream.seek(self._stream.tell() - len(line.encode()))
                break
            event = json.loads(line)
            self._apply(event)
            found.append(event)
        return found

    def step(self, host: str) -> dict[str, Any]:
        """Progress of the long step that runs on ``host``, or an empty dict."""
        try:
            return json.loads((self._folder / "progress" / f"{host}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def plans(self) -> list[str]:
        """Lines on the plans that have become known since the last call."""
        fresh: list[str] = []
        for host in self.lines if self._tell else ():
            path = self._folder / "hosts" / f"{host}.json"
            if host not in self._due and path.exists():
                examined = json.loads(path.read_text(encoding="utf-8"))
                self._due[host] = set(examined["due"])
                fresh += self._tell(host, examined) if self._tell else []
        return fresh

    def concerns(self, host: str, role: str) -> bool:
        """Whether the role does something on the host; Ansible tells of each task that it skips, too."""
        return role in self._due.get(host, {role})

    def _apply(self, event: dict[str, Any]) -> None:
        line = self.lines.get(event["host"])
        if line is None:
            return
        if event["event"] == "start" and not _is_check(event["task"]) and self.concerns(line.host, event["role"]):
            line.role, line.task, line.since = event["role"], event["task"], event["t"]
        elif event["event"] == "ok":
            line.changed += bool(event.get("changed"))
        elif event["event"] in ("failed", "unreachable") and not event.get("rescued"):
            line.ended = event["event"]


class PlainDisplay:
    """One line when a role begins on a host, and while a long step runs one every so often."""

    EVERY = 15.0

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._role: dict[str, str] = {}
        self._told: dict[str, float] = {}

    def refresh(self) -> None:
        for line in self._follower.plans():
            print(line, flush=True)
        for event in self._follower.news():
            host, role = event["host"], event.get("role", "")
            if event["event"] == "start" and role != self._role.get(host) and self._follower.concerns(host, role):
                self._role[host] = role
                self._say(host, role, "begins")
            elif event["event"] in ("failed", "unreachable") and not event.get("rescued"):
                self._say(host, role, f"{event['event'].upper()}: {event['task']}")
        for host in self._follower.lines:
            step = self._follower.step(host)
            if step and time.monotonic() - self._told.get(host, 0.0) >= self.EVERY:
                self._say(host, self._role.get(host, ""), amount(step))

    def _say(self, host: str, role: str, text: str) -> None:
        self._told[host] = time.monotonic()
        print(f"{host}  {role}  {text}", flush=True)


class LiveDisplay:
    """A table that redraws itself."""

    def __init__(self, follower: Follower) -> None:
        from rich.console import Console
        from rich.live import Live

        self._follower = follower
        self._live = Live(console=Console(stderr=False), auto_refresh=False, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def refresh(self) -> None:
        self._follower.news()
        now = time.monotonic()
        if now - self._drawn < 0.25:
            return
        self._drawn = now
        for line in self._follower.plans():
            self._live.console.print(line, highlight=False, markup=False)
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Any:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for line in self._follower.lines.values():
            step = self._follower.step(line.host)
            mark = {"failed": "[red]✗[/]", "unreachable": "[red]✗[/]"}.get(line.ended, "[cyan]●[/]")
            what = amount(step) if step else line.task
            table.add_row(mark, f"[bold]{line.host}[/]", line.role or "…", what, _elapsed(line.since))
        return table


@contextlib.contextmanager
def display(folder: Path, hosts: Sequence[str], command: str, quiet: bool = False) -> Iterator[Display]:
    """The display that fits where we run."""
    # Only these do what the plan says; to the others it is knowledge.
    follower = Follower(folder, hosts, {"up": plan_lines, "models.pull": model_lines}.get(command))
    if quiet:
        yield _Silent(follower)
    elif sys.stdout.isatty():
        with LiveDisplay(follower) as live:
            yield live
    else:
        yield PlainDisplay(follower)


class _Silent:
    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def refresh(self) -> None:
        self._follower.news()


def _is_check(task: str) -> bool:
    """Ansible's own first task of a role tells a person nothing."""
    return task.startswith("Validating arguments")


def _elapsed(since: float) -> str:
    if not since:
        return ""
    return clock(time.time() - since)
