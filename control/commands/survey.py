"""``plan``, ``status``, ``drift`` and ``services``: one look at the hosts, shown in four ways. Nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import planner, roles, run, seals, support
from control.commands import connect, gateway_shown, plan_shown, recorded
from control.commands.common import Target, findings_of, guarded, outcome, perform, print_json, show_outcome
from control.console import console, show_findings
from control.exitcodes import ExitCode, worst
from control.findings import CATALOGUE
from control.preflight import LOOK_WITHOUT_ROOT


@dataclass(frozen=True)
class Options:
    """What a survey was asked for. ``snapshot`` plans for a recorded host and contacts none."""

    target: Target = field(default_factory=Target)
    json: bool = False
    cpu: bool = False
    snapshot: str = ""
    verbose: bool = False


def plan(options: Options) -> int:
    """What ``up`` would do and why. 11 where it would refuse."""
    if options.snapshot:
        return guarded(lambda: _plan_recorded(options), options.json)
    return guarded(
        lambda: _shown(options, "plan", lambda out, finished: _show_plans(out, finished, options.verbose)), options.json
    )


def status(options: Options) -> int:
    """One line per host."""
    return guarded(lambda: _shown(options, "status", _show_status), options.json)


def drift(options: Options) -> int:
    """What changed on a host since it was sealed, thing by thing."""
    return guarded(lambda: _shown(options, "drift", _show_drift), options.json)


def services(options: Options) -> int:
    """Which services the hosts run, in what state, and where to reach them."""
    return guarded(lambda: _shown(options, "services", _show_services), options.json)


def _shown(options: Options, command: str, show: Any) -> int:
    variables = {"preflight_cpu_only": True} if options.cpu else {}
    finished = perform(command, "survey", options.target, variables, quiet=True)
    code = finished.exit_code or (_refusal(finished) if command == "plan" else 0)
    if options.json:
        more = {"connect": _connect(finished)} if command == "services" else {}
        print_json({**outcome(finished), "exit_code": code, "examined": finished.examined, **more})
        return code
    out = console()
    show(out, finished)
    if command != "plan":  # a plan shows every finding by itself
        _show_partial(finished)
    if finished.exit_code:
        show_outcome(out, finished)
    return code


def _show_partial(finished: run.Run) -> None:
    """What a look without root did not see; beside the output, which may be a document."""
    partial = [one for host in finished.examined.values() for one in host["findings"] if one["id"] == LOOK_WITHOUT_ROOT]
    show_findings(console(stderr=True), partial)


def _refusal(finished: run.Run) -> int:
    codes = [
        CATALOGUE[one["id"]].exit_code
        for host in finished.hosts
        for one in findings_of(finished, host)
        if one["level"] == "refuse"
    ]
    return int(worst(codes)) if codes else 0


def _plan_recorded(options: Options) -> int:
    path = Path(options.snapshot).expanduser()
    snapshot = recorded.snapshot(path)
    wishes = {name: value for role in (roles.PREFLIGHT, *roles.ROLES) for name, value in roles.defaults(role).items()}
    wishes["preflight_cpu_only"] = options.cpu
    made = planner.plan(snapshot, wishes, support.load(), path.stem).as_dict()
    refused = [one for one in made["findings"] if one["level"] == "refuse"]
    if options.json:
        print_json(made)
    else:
        due = {} if refused else seals.due(made, snapshot.get("seals") or {}, wishes)
        examined = {"snapshot": snapshot, "plan": made, "due": due, "findings": made["findings"]}
        plan_shown.show(console(), path.stem, examined, options.verbose)
    return int(worst(CATALOGUE[one["id"]].exit_code for one in refused)) if refused else int(ExitCode.DONE)


def _show_plans(out: Console, finished: run.Run, verbose: bool) -> None:
    for host, examined in sorted(finished.examined.items()):
        plan_shown.show(out, host, examined, verbose)


def _show_status(out: Console, finished: run.Run) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "system", "kernel", "GPU", "roles", "services"):
        table.add_column(column)
    for host, examined in sorted(finished.examined.items()):
        snapshot, made = examined["snapshot"], examined["plan"]
        table.add_row(
            f"[bold]{host}[/]",
            (snapshot.get("os") or {}).get("pretty_name", "?"),
            (snapshot.get("kernel") or {}).get("release", "?"),
            _gpus(made),
            _sealed(examined),
            _services(snapshot, made),
        )
    out.print(table)


def _gpus(made: dict[str, Any]) -> str:
    used = [f"{one['name']} ({one['gfx']})" for one in made.get("gpus", []) if one["use"]]
    return ", ".join(used or ["none"]) + (" [yellow]SIMULATED[/]" if made.get("simulated") else "")


def _sealed(examined: dict[str, Any]) -> str:
    if examined["drift"]:
        return f"[yellow]drifted: {', '.join(one['item'] for one in examined['drift'])}[/]"
    if seals.UNSEEN in examined["due"].values():
        return "[dim]for root to tell[/]"
    if examined["due"]:
        return f"[yellow]due: {', '.join(examined['due'])}[/]"
    return "[red]refused[/]" if plan_shown.refuses(examined) else "[green]all sealed[/]"


def _services(snapshot: dict[str, Any], made: dict[str, Any]) -> str:
    return "\n".join(f"{service} {state}" for service, state, _ in _running(snapshot, made))


def _running(snapshot: dict[str, Any], made: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Service, state and address of every service that the plan wants."""
    engine = snapshot.get("engine") or {}
    there = {one["name"]: one for one in engine.get("containers") or []}
    missing = "unknown" if engine.get("error") else "absent"
    rows = []
    for wanted in made.get("roles", {}).get("services", {}).get("containers", []):
        found = there.get(wanted["name"], {})
        state = found.get("health") or found.get("state") or missing
        rows.append((wanted["service"], state, ", ".join(port.rpartition(":")[0] for port in wanted["ports"])))
    return [*rows, *_on_host(snapshot, made)]


def _on_host(snapshot: dict[str, Any], made: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Those that run on the host itself: who listens there says whether they do."""
    ports = snapshot.get("ports")
    listening = {str(row.get("unit")) for row in ports} if isinstance(ports, list) else set()
    hidden = not isinstance(ports, list) or "ports.process" in (snapshot.get("needs_root") or [])
    found = []
    for wanted in made.get("roles", {}).get("services", {}).get("units", []):
        state = "running" if wanted["unit"] in listening else "unknown" if hidden else "absent"
        found.append((wanted["service"], state, wanted["listen"]))
    return found


def _show_services(out: Console, finished: run.Run) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "service", "state", "address on the host", "from the network"):
        table.add_column(column)
    for host, examined in sorted(finished.examined.items()):
        for service, state, address in _running(examined["snapshot"], examined["plan"]):
            colour = {"healthy": "green", "running": "green", "unknown": "dim"}.get(state, "red")
            door = gateway_shown.address(examined["plan"], service) or "[dim]./gpuhost services --tunnel[/]"
            table.add_row(f"[bold]{host}[/]", service, f"[{colour}]{state}[/]", f"http://{address}", door)
    out.print(table)
    for host, examined in sorted(finished.examined.items()):
        for line in gateway_shown.lines(host, examined):
            out.print(escape(line), soft_wrap=True)
    for host, found in _connect(finished).items():
        connect.show(out, host, found)


def _connect(finished: run.Run) -> dict[str, Any]:
    """How to get at each host's JupyterLab."""
    found = {host: connect.ways(host, examined["plan"]) for host, examined in sorted(finished.examined.items())}
    return {host: ways for host, ways in found.items() if ways}


def _show_drift(out: Console, finished: run.Run) -> None:
    for host, examined in sorted(finished.examined.items()):
        if not examined["snapshot"]:
            continue
        if not examined["drift"]:
            out.print(f"[bold]{host}[/]  {_undrifted(examined['due'])}")
        for thing in examined["drift"]:
            out.print(
                f"[bold]{host}[/]  [yellow]{escape(thing['item'])}[/]  {escape(thing['difference'])}"
                f"  [dim]({thing['role']})[/]"
            )


def _undrifted(due: Mapping[str, str]) -> str:
    by_reason = {why: [role for role in due if due[role] == why] for why in (seals.NEVER, seals.UNSEEN)}
    words = [f"{why}: {', '.join(named)}" for why, named in by_reason.items() if named]
    return "; ".join(words) or "nothing drifted"
