"""``./gpuhost models``: fetch language models, list them, take them away."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import findings, run
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console, show_findings
from control.exitcodes import ExitCode, worst
from control.inventory import BadInputError
from control.modellist import THEIRS
from control.planner.model import in_words

_COLOURS = {"gpu": "green", "memory": "green", "partly": "yellow", "not": "red"}
_FITS = {"gpu": "fits the GPU", "memory": "fits the memory", "partly": "partly on the GPU", "not": "does not fit"}


@dataclass(frozen=True)
class Options:
    """What a command was asked for. ``unlisted``: also models that gpuhost brought and the site no longer wants."""

    target: Target = field(default_factory=Target)
    models: tuple[str, ...] = ()
    unlisted: bool = False
    json: bool = False


def pull(options: Options) -> int:
    """The hosts have the models. Disk and memory are compared with each before a byte of it is fetched."""
    return guarded(lambda: _pull(options), options.json)


def show(options: Options) -> int:
    """The models that the hosts have, and those that they should have."""
    return guarded(lambda: _show(options), options.json)


def remove(options: Options) -> int:
    """The models are gone, where they were gpuhost's or their whole name was given."""
    return guarded(lambda: _remove(options), options.json)


def _named(options: Options) -> list[str]:
    if not options.models and not options.unlisted:
        raise BadInputError([findings.make("GH-MODEL-UNNAMED", "", "no model was named")])
    return list(dict.fromkeys(options.models))


def _pull(options: Options) -> int:
    variables = {"gpuhost_models": _named(options)}
    finished = perform("models.pull", "models_pull", options.target, variables, quiet=options.json)
    told = {host: _recorded(finished, host) for host in finished.hosts}
    if options.json:
        document = outcome(finished)
        for host, record in document["hosts"].items():
            record.update(models=_figures(finished, host), fetched=told[host].get("fetched", []))
        print_json(document)
        return finished.exit_code
    out = console()
    for host in sorted(finished.hosts):
        _show_pulled(out, host, _figures(finished, host), told[host].get("fetched"))
    show_outcome(out, finished)
    return finished.exit_code


def _figures(finished: run.Run, host: str) -> list[dict[str, Any]]:
    return list(((finished.examined.get(host) or {}).get("plan") or {}).get("models") or [])


def _recorded(finished: run.Run, host: str) -> dict[str, Any]:
    """What the task left in the run folder; empty where it never came to that."""
    try:
        found = json.loads((finished.folder / "models" / f"{host}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _show_pulled(out: Console, host: str, figures: Iterable[Mapping[str, Any]], fetched: list[str] | None) -> None:
    for one in figures:
        if one["name"] in (fetched or []):
            word = "[green]fetched[/]"
        else:
            word = "[dim]was here already[/]" if one["here"] else "[red]not fetched[/]"
        out.print(f"[bold]{escape(host)}[/]  {escape(one['name'])}  {word}  [dim]{escape(one.get('verdict') or '')}[/]")


def _show(options: Options) -> int:
    finished = perform("models.list", "models_list", options.target, {}, quiet=True)
    told = {host: _recorded(finished, host) for host in finished.hosts}
    if options.json:
        document = outcome(finished)
        for host, record in document["hosts"].items():
            record["models"] = told[host].get("models", [])
        print_json(document)
        return finished.exit_code
    out = console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "model", "size", "made of", "needs", "where", "whose", ""):
        table.add_column(column, overflow="fold")
    for host, seen in sorted(told.items()):
        for one in seen.get("models", []):
            table.add_row(f"[bold]{escape(host)}[/]", *_cells(one))
    out.print(table if table.row_count else "no host has a model, and none is wanted")
    for host, seen in sorted(told.items()):
        if seen.get("error"):
            out.print(f"[bold]{escape(host)}[/]  [yellow]{escape(seen['error'])}[/]")
    if finished.exit_code:
        show_outcome(out, finished)
    return finished.exit_code


def _cells(one: Mapping[str, Any]) -> list[str]:
    size = in_words(one["size_bytes"]) if one["size_bytes"] else ""
    need = f"{in_words(one['need_bytes'])} with {one['context']} tokens" if one["need_bytes"] else ""
    colour = _COLOURS.get(one["fit"] or "", "dim")
    where = f"[{colour}]{_FITS.get(one['fit'] or '', '')}[/]"
    return [
        escape(one["name"]),
        size,
        escape(f"{one['parameters']} {one['quantisation']}".strip()),
        need,
        where,
        _whose(one),
        _state(one),
    ]


def _whose(one: Mapping[str, Any]) -> str:
    if not one["here"]:
        return "[red]missing[/]"
    if one["whose"] == THEIRS:
        return "yours"
    return "preset" if one["preset"] else "gpuhost's" if one["wanted"] else "gpuhost's, no longer listed"


def _state(one: Mapping[str, Any]) -> str:
    if one["problem"]:
        return f"[red]{escape(one['problem'])}[/]"
    if not one["loaded"]:
        return ""
    on_gpu = one["loaded"].get("size_vram") or 0
    return f"loaded, {in_words(on_gpu)} of {in_words(one['loaded'].get('size') or 0)} on the GPU"


def _remove(options: Options) -> int:
    variables = {"gpuhost_models": _named(options), "gpuhost_unlisted": options.unlisted}
    finished = perform("models.remove", "models_remove", options.target, variables, quiet=options.json)
    told = {host: _recorded(finished, host) for host in finished.hosts}
    found = _nowhere(told) + [one for host, seen in sorted(told.items()) for one in _remarks(host, seen)]
    code = int(worst([ExitCode(finished.exit_code), *(one.exit_code for one in found)]))
    if options.json:
        document = {**outcome(finished), "exit_code": code, "findings": [one.as_dict() for one in found]}
        for host, record in document["hosts"].items():
            record.update({key: told[host].get(key, []) for key in ("removed", "theirs", "kept", "absent")})
        print_json(document)
        return code
    out = console()
    for host, seen in sorted(told.items()):
        for name in [*seen.get("removed", []), *seen.get("theirs", [])]:
            whose = "" if name in seen["removed"] else "  gpuhost had not brought it; it was named in full"
            out.print(f"[bold]{escape(host)}[/]  {escape(name)}  [green]removed[/]{whose}")
    if finished.exit_code:
        show_outcome(out, finished)
    elif not any(seen.get("removed") or seen.get("theirs") for seen in told.values()):
        out.print("nothing was removed")
    show_findings(out, [one.as_dict() for one in found], "nothing was removed for it")
    return code


def _nowhere(told: Mapping[str, Mapping[str, Any]]) -> list[findings.Finding]:
    """What no host has: a name that is misspelt, most likely."""
    lists = [seen.get("absent") or {} for seen in told.values() if seen]
    names = [name for name in (lists[0] if lists else {}) if all(name in one for one in lists)]
    near = {name: ", ".join(dict.fromkeys(like for one in lists for like in one[name])) for name in names}
    return [findings.make("GH-MODEL-ABSENT", "", f"no host has a model {name}", near=near[name]) for name in names]


def _remarks(host: str, seen: Mapping[str, Any]) -> list[findings.Finding]:
    kept = [findings.make("GH-MODEL-THEIRS", host, f"{name} stays", name=name) for name in seen.get("kept", [])]
    return kept + [findings.make("GH-MODEL-WANTED", host, f"{name} is gone", name=name) for name in seen.get("wanted", [])]
