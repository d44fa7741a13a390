"""``./gpuhost bench services``: how fast Ollama and llama.cpp answer, side by side, on the hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import speed
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console
from control.findings import make
from control.inventory import BadInputError


@dataclass(frozen=True)
class Options:
    """What is timed: ``runs`` prompts of ``words`` words, ``tokens`` tokens asked for each."""

    target: Target = field(default_factory=Target)
    runs: int = 3
    words: int = 256
    tokens: int = 128
    json: bool = False


def bench(options: Options) -> int:
    """Show both servers' rates per host, and keep them in the run's folder. 14 where they could not be timed."""
    return guarded(lambda: _bench(options), options.json)


def _bench(options: Options) -> int:
    for name in ("runs", "words", "tokens"):
        if getattr(options, name) < 1:
            seen = f"--{name} is {getattr(options, name)}, must be 1 or more"
            raise BadInputError([make("GH-INPUT-TYPE", "", seen, variable=f"--{name}")])
    variables = {f"gpuhost_{name}": getattr(options, name) for name in ("runs", "words", "tokens")}
    finished = perform("bench", "bench_services", options.target, variables, quiet=options.json)
    figures = speed.gathered(finished.folder)
    kept = finished.folder / speed.RESULTS
    kept.write_text(json.dumps({"schema": 1, "hosts": figures}, indent=1), encoding="utf-8")
    if options.json:
        print_json({**outcome(finished), "bench": figures})
        return finished.exit_code
    out = console()
    if figures:
        show(out, figures)
        out.print(f"[dim]kept in {escape(str(kept))}[/]")
    if finished.exit_code:
        show_outcome(out, finished)
    return finished.exit_code


def show(out: Console, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """A line per host and server: medians in tokens per second, and llama.cpp's as multiples of Ollama's."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "server", "model", "on"):
        table.add_column(column)
    for column in ("prompt tok/s", "generation tok/s", "x Ollama"):
        table.add_column(column, justify="right")
    for host, said in figures.items():
        for one in said.get("engines") or []:
            times = f"{said['rate']:.2f}" if one["name"] == "llamacpp" and said.get("rate") else ""
            rates = [_number(one.get("prompt_rate")), _number(one.get("rate"))]
            table.add_row(f"[bold]{host}[/]", one["name"], str(said["model"]), one.get("processor") or "?", *rates, times)
    out.print(table)
    for host, said in figures.items():
        for remark in speed.remarks(said):
            out.print(f"[bold]{host}[/]  [yellow]{escape(remark)}[/]")


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}"
