"""The report on a terminal: a verdict per host, then what did not pass, in words and not by colour alone."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from control.report.compare import SLOWER, Comparison
from control.report.model import HostReport, RunReport
from control.report.sentences import moved, since
from control.report.values import plain, when
from control.report.words import AREAS, fact
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

MARKS = {PASS: ("✓", "green", "pass"), FAIL: ("✗", "bold red", "FAIL"), UNVERIFIABLE: ("?", "yellow", "not verifiable")}

#: Slower rates that are told one by one.
MANY = 6

VERDICT_STYLE = {
    "certified": "bold green",
    "warnings": "bold yellow",
    "simulated": "bold yellow",
    "failed": "bold red",
    "unverified": "bold red",
}


def show(report: RunReport, console: Console, every: bool = False) -> None:
    """Print each host's verdict, its areas, and each check that failed; ``every`` prints all checks."""
    if report.simulated:
        console.print(
            f"[black on yellow] SIMULATED [/] {escape(_hosts(report.simulated))}: nothing here proves that a GPU works"
        )
    for name, text in report.stand_ins.items():
        console.print(f"[black on yellow] STAND-IN [/] {escape(name)}: {escape(text)}")
    for host in report.hosts:
        _show_host(host, console, every)


def _hosts(names: list[str]) -> str:
    return f"the GPU of {', '.join(names)}"


def _show_host(host: HostReport, console: Console, every: bool) -> None:
    verdict = host.verdict
    console.print()
    console.print(f"[bold]{escape(host.name)}[/]  [{VERDICT_STYLE[verdict.level]}]{escape(verdict.words)}[/]")
    if verdict.level != "failed" or not host.of(FAIL):
        console.print(Padding(f"[dim]{escape(verdict.reason)}[/]", (0, 0, 0, 2), expand=False))
    if host.results is None:
        return
    console.print(_areas(host))
    for result in host.results:
        if every or result.status == FAIL:
            _show_result(result, console)
    if host.comparison:
        _show_compared(host.comparison, console)


def _show_compared(compared: Comparison, console: Console) -> None:
    """What is otherwise than in the run before, the slower rates and what may explain them line by line."""
    said = f"[dim]since {when(compared.previous.taken_at)}:[/] {escape(since(compared))}"
    console.print(Padding(said, (0, 0, 0, 2), expand=False))
    slower = compared.of(SLOWER)
    lines = [("slower", moved(change)) for change in slower[:MANY]]
    lines += [("", f"and {len(slower) - MANY} more: see the report")] if len(slower) > MANY else []
    lines += [("changed", f"{fact(one.id)}: {one.before or 'not there'} → {one.now or 'gone'}") for one in compared.facts]
    for name, text in lines:
        console.print(Padding(f"[dim]{name:<9}[/]{escape(text)}", (0, 0, 0, 4), expand=False))


def _areas(host: HostReport) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=True)
    for area, results in host.by_area():
        counts = [sum(result.status == status for result in results) for status in (PASS, FAIL, UNVERIFIABLE)]
        cells = [_count(count, status) for count, status in zip(counts, (PASS, FAIL, UNVERIFIABLE), strict=True)]
        table.add_row(AREAS.get(area, area), *cells, f"[dim]{escape(_reasons(results))}[/]")
    return table


def _count(count: int, status: str) -> str:
    sign, style, words = MARKS[status]
    return f"[{style}]{sign} {count} {words}[/]" if count else ""


def _reasons(results: list[Result]) -> str:
    """The reasons why something is not verifiable, each once and short."""
    said = dict.fromkeys(result.why.partition(": ")[0] for result in results if result.status == UNVERIFIABLE)
    return "; ".join(said)


def _show_result(result: Result, console: Console) -> None:
    sign, style, words = MARKS[result.status]
    console.print(Padding(f"[{style}]{sign} {words}[/]  [bold]{escape(result.id)}[/]", (0, 0, 0, 2), expand=False))
    rows = {"seen": plain(result.seen), "wanted": plain(result.wanted), "why": result.why, "next": result.next}
    for name, text in rows.items():
        if text and (result.status != PASS or name == "seen"):
            console.print(Padding(f"[dim]{name:<7}[/]{escape(text)}", (0, 0, 0, 4), expand=False))


def services_table(report: RunReport) -> Table:
    """Where the services are reached, one row each; stand-ins are named as such."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("service", "host", "address", "state", ""):
        table.add_column(name, overflow="fold")
    words = {"works": "[green]✓ works[/]", "fails": "[bold red]✗ fails[/]", "unknown": "[yellow]? unknown[/]"}
    for host in report.hosts:
        for service in host.services:
            note = "[yellow]STAND-IN[/]" if service.stand_in is not None else ""
            table.add_row(escape(service.name), escape(host.name), service.url, words[service.answers], note)
    return table
