"""How gpuhost speaks on a terminal: findings as blocks that say what, why and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

_STYLE = {"refuse": "bold red", "warn": "yellow", "note": "dim"}
_ORDER = {"refuse": 0, "warn": 1, "note": 2}


def console(stderr: bool = False) -> Console:
    """A console as wide as the terminal, and wide enough for whole sentences where there is none."""
    out = Console(highlight=False, stderr=stderr)
    return out if out.is_terminal else Console(highlight=False, stderr=stderr, width=160)


def show_findings(out: Console, found: Iterable[Mapping[str, Any]], state: str = "") -> None:
    """Each finding once, the worst first. The same finding on several hosts names them all."""
    grouped: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in found:
        key = (one["id"], one["seen"])
        first.setdefault(key, one)
        grouped.setdefault(key, []).append(one["host"])
    for key in sorted(grouped, key=lambda one: _ORDER[first[one]["level"]]):
        _show(out, first[key], [host for host in grouped[key] if host], state)


def _show(out: Console, finding: Mapping[str, Any], hosts: list[str], state: str) -> None:
    level = finding["level"]
    where = f"  {', '.join(dict.fromkeys(hosts))}" if hosts else ""
    out.print(f"[{_STYLE[level]}]{finding['id']}[/]{escape(where)}")
    rows = {"what": finding["seen"], "why": finding["why"], "fix": finding["next"]}
    if state and level == "refuse":
        rows["state"] = state
    for name, text in rows.items():
        if text:
            out.print(Padding(f"[dim]{name:<5}[/] {escape(str(text))}", (0, 0, 0, 2), expand=False))
