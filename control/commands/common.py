"""What several commands share: options of a run, its end on the terminal, and its JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import findings, run
from control.console import console, show_findings
from control.exitcodes import ExitCode, worst
from control.findings import CATALOGUE
from control.inventory import BadInputError
from control.paths import ROOT

_MARK = {"done": "[green]✓[/]", "act": "[yellow]![/]"}
_STATE = {
    "refused": "nothing was changed",
    "unreachable": "nothing was changed by this attempt; a rerun is safe",
    "locked": "nothing was changed",
    "integrity": "a rerun is safe once this is mended",
    "failed": "the steps before this one stand; a rerun is safe and continues here",
    "unproven": "the host is set up; what the checks found is above",
    "lost": "a rerun is safe",
}


@dataclass(frozen=True)
class Target:
    """The hosts that a command is for, as the user wrote them."""

    host: str = ""
    site: str = ""
    ask_sudo: bool = False


def perform(command: str, playbook: str, target: Target, variables: Mapping[str, Any], quiet: bool) -> run.Run:
    """One run of a playbook over the target's hosts."""
    return run.execute(
        run.Request(command, playbook, target.site, target.host, variables, quiet=quiet, ask_sudo=target.ask_sudo)
    )


def guarded(action: Callable[[], int], as_json: bool) -> int:
    """Run ``action``; bad input becomes its findings and its exit code, on the terminal or as JSON.

    Whoever asked for JSON gets one document however it ends; what else went wrong is then told by the program.
    """
    try:
        return action()
    except KeyboardInterrupt:
        if as_json:
            print_json({"exit_code": int(ExitCode.INTERRUPTED), "hosts": {}, "findings": []})
        raise
    except BadInputError as wrong:
        code = worst(CATALOGUE[one.id].exit_code for one in wrong.findings)
        found = [one.as_dict() for one in wrong.findings]
        if as_json:
            print_json({"exit_code": int(code), "hosts": {}, "findings": found})
        else:
            show_findings(console(), found, "no host was contacted, nothing was changed")
        return int(code)
    except Exception as error:
        if as_json:
            bug = findings.make("GH-BUG", "", f"{type(error).__name__}: {error}", log="the last block on standard error")
            print_json({"exit_code": int(ExitCode.BUG), "hosts": {}, "findings": [bug.as_dict()]})
        raise


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output, and nothing else there; a program that reads it gets it now."""
    json.dump(document, sys.stdout, indent=1, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def outcome(finished: run.Run) -> dict[str, Any]:
    """What every command's JSON says of a run."""
    return {
        "exit_code": finished.exit_code,
        "seconds": round(finished.seconds, 2),
        "log": str(finished.log),
        "hosts": {
            host: {
                "status": record["status"],
                "changed": record["changed"],
                "due": (finished.examined.get(host) or {}).get("due", {}),
                "findings": findings_of(finished, host),
            }
            for host, record in finished.hosts.items()
        },
    }


def findings_of(finished: run.Run, host: str) -> list[dict[str, Any]]:
    """Everything found on a host in this run, each thing once."""
    found = [*finished.hosts[host]["findings"], *(finished.examined.get(host) or {}).get("findings", [])]
    return list({(one["id"], one["seen"]): one for one in found}.values())


def show_outcome(out: Console, finished: run.Run) -> None:
    """One line per host, then what stands in the way, then where the log is."""
    table = Table.grid(padding=(0, 2))
    for host, record in sorted(finished.hosts.items()):
        table.add_row(_MARK.get(record["status"], "[red]✗[/]"), f"[bold]{host}[/]", _words(finished, host, record))
    out.print(table)
    for host, record in sorted(finished.hosts.items()):
        serious = [one for one in findings_of(finished, host) if one["level"] != "note"]
        show_findings(out, serious, _STATE.get(record["status"], ""))
    if finished.exit_code not in (ExitCode.DONE, ExitCode.REFUSED):
        out.print(f"[dim]full log[/] {escape(_short(finished))}")


def _short(finished: run.Run) -> str:
    return str(finished.log.relative_to(ROOT)) if finished.log.is_relative_to(ROOT) else str(finished.log)


def _words(finished: run.Run, host: str, record: Mapping[str, Any]) -> str:
    due = list((finished.examined.get(host) or {}).get("due", {}))
    if record["status"] == "done":
        if finished.command == "remove":
            return f"removed: {len(record['removed'])} things" if record["removed"] else "nothing of gpuhost's is here"
        if finished.command == "verify":
            return "proven as far as it can be"
        if not due:
            return "as planned already: every role sealed, 0 changed"
        return f"done: {', '.join(due)}; {record['changed']} changed"
    where = f" in {record['role']}: {record['task']}" if record.get("role") and record["role"] != "preflight" else ""
    return f"{record['status']}{escape(where)}"
