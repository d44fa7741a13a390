"""A plan as a person reads it: what the host is, what will be done and why, what it costs, what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import seals
from control.console import show_findings
from control.planner.model import in_words

#: Title, role (None: nothing is done there), and how the rules of its decisions begin.
SECTIONS: tuple[tuple[str, str | None, tuple[str, ...]], ...] = (
    ("GPUs", None, ("gpu.",)),
    ("package sources", "sources", ("sources.",)),
    ("container engine", "container_engine", ("engine.",)),
    (
        "driver",
        "amdgpu",
        ("driver.", "headers.", "kernel.", "secureboot.", "parameters.", "memory.", "reboot.", "leftovers."),
    ),
    ("ROCm", "rocm", ("rocm.",)),
    ("access", "gpu_access", ("access.",)),
    ("PyTorch", "pytorch", ("pytorch.",)),
    ("services", "services", ("service.",)),
    ("models", None, ("model.",)),
    ("gateway", "gateway", ("gateway.",)),
    ("GPU override", None, ("override.",)),
    ("checks", "verify", ("verify.",)),
)
#: Said in the header.
HEADER = ("system.",)
#: Topics that say no more than their section's title.
PLAIN_TOPICS = ("gpu", "packages", "container engine", "driver", "rocm", "access", "pytorch")
#: A list longer than this is cut: the JSON has it whole.
MANY = 6


def show(out: Console, host: str, examined: Mapping[str, Any], verbose: bool = False) -> None:
    """The plan of one host; ``examined`` is the run folder's record of it."""
    made, snapshot = examined["plan"], examined["snapshot"]
    out.rule(f"[bold]{escape(host)}[/]", align="left")
    if snapshot:
        _show_host(out, snapshot, made)
    if made and made["roles"]:
        out.print(_sections(examined, verbose))
        _show_cost(out, made)
    if made and made["roles"] and not examined["due"] and not refuses(examined):
        out.print("nothing to do: every role is sealed")
    show_findings(out, examined["findings"], "nothing was changed")


def refuses(examined: Mapping[str, Any]) -> bool:
    """Whether something stands in the way."""
    return any(one["level"] == "refuse" for one in examined["findings"])


def _show_host(out: Console, snapshot: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    """Two lines or a few: system, kernel, memory; then each GPU."""
    if made.get("simulated"):
        out.print("[black on yellow] SIMULATED [/] the GPU of this host is a simulation of the lab")
    memory = _section(snapshot, "memory").get("total_bytes")
    release = _section(snapshot, "kernel").get("release")
    facts = [
        _section(snapshot, "os").get("pretty_name") or "unknown system",
        f"Linux {release}" if release else "unknown kernel",
        f"{_section(snapshot, 'cpu').get('count')} CPUs" if _section(snapshot, "cpu").get("count") else "",
        f"{in_words(memory)} of memory" if memory else "",
    ]
    out.print(escape(" · ".join(filter(None, facts))))
    for gpu in made.get("gpus", []):
        memory = "shared memory" if gpu["integrated"] else in_words(gpu["vram_bytes"]) if gpu["vram_bytes"] else ""
        words = ", ".join(filter(None, [gpu["gfx"], memory, f"at {gpu['pci']}"]))
        mark = "[green]●[/]" if gpu["use"] else "[dim]○[/]"
        left = "" if gpu["use"] else f"  [dim]not used: {escape(gpu['why'])}[/]"
        out.print(f"{mark} [bold]{escape(gpu['name'])}[/] ({escape(words)}){left}")


def _section(snapshot: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = snapshot.get(name)
    return found if isinstance(found, Mapping) else {}


def _sections(examined: Mapping[str, Any], verbose: bool) -> Table:
    """One row per section that has something to say: its title, whether it is due, and a line for each thing."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for title, role, lines in sections(examined, verbose):
        if lines:
            table.add_row(_mark(role, examined), f"[bold]{title}[/]", lines[0])
            for line in lines[1:]:
                table.add_row("", "", line)
    return table


def _mark(role: str | None, examined: Mapping[str, Any]) -> str:
    if role is None or refuses(examined):
        return " "
    return "[cyan]●[/]" if role in examined["due"] else "[green]✓[/]"


def sections(examined: Mapping[str, Any], verbose: bool = False) -> Iterator[tuple[str, str | None, list[str]]]:
    """Title, role and lines (with Rich's markup) of every section."""
    made, due = examined["plan"], examined["due"]
    present = set(_section(examined["snapshot"], "packages"))
    for title, role, rules in SECTIONS:
        lines = [_decision(one, verbose) for one in made["decisions"] if one["rule"].startswith(rules)]
        # What a sealed role made is there already.
        part = made["roles"].get(role or "", {}) if role in due or refuses(examined) else {}
        lines += [escape(line) for line in actions(part, present)]
        if role in due and (verbose or due[role] != seals.NEVER):
            lines.append(f"[dim]due: {escape(due[role])}[/]")
        yield title, role, lines


def _decision(one: Mapping[str, str], verbose: bool) -> str:
    topic = one["topic"]
    for prefix in ("service ", "model ", "override for ", "override in "):
        topic = topic.removeprefix(prefix)
    topic = "" if topic in PLAIN_TOPICS else f"{topic}: "
    rule = f" [dim italic]({escape(one['rule'])})[/]" if verbose else ""
    return f"{escape(topic)}[bold]{escape(str(one['choice']))}[/]  [dim]{escape(one['reason'])}[/]{rule}"


def actions(part: Mapping[str, Any], present: set[str]) -> list[str]:
    """What a role will do with packages, files and users, in words. ``present``: packages that the host has."""
    wanted = [*part.get("packages", []), *part.get("kernel_packages", [])]
    going = [name for name in part.get("remove", []) if name in present]
    missing = [name for name in wanted if name.partition("=")[0] not in present - set(going)]
    parameters = [f"{one['name']}={one['value']}" for one in part.get("parameters", []) if one["value"] is not None]
    words = [
        ("takes out first", going),
        ("adds the package source", [one["url"] for one in part.get("repositories", [])]),
        ("installs", missing),
        ("installs with pip", part.get("requirements", [])),
        ("builds the module for", part.get("kernels", [])),
        ("sets on the kernel command line", parameters),
        ("listens on", [port for one in part.get("containers", []) for port in _addresses(one)]),
        ("fetches the models", [one["model"] for one in part.get("models", [])]),
        ("makes the presets", [one["name"] for one in part.get("presets", [])]),
        ("cleans, with a backup,", [one["path"] for one in part.get("leftovers", [])]),
        ("proves all of it with the checks of level", [part["expected"]["level"]] if "expected" in part else []),
    ]
    return [f"{verb} {_some(things)}" for verb, things in words if things]


def _addresses(container: Mapping[str, Any]) -> list[str]:
    return [f"{port.rpartition(':')[0]} ({container['service']})" for port in container["ports"]]


def _some(things: Sequence[str]) -> str:
    return ", ".join(things[:MANY]) + (f" and {len(things) - MANY} more" if len(things) > MANY else "")


def _show_cost(out: Console, made: Mapping[str, Any]) -> None:
    """Bytes, disk, the largest things, the reboot, and what boots next."""
    cost = made["cost"]
    out.print(
        f"[bold]fetch[/] {in_words(cost['download_bytes'])}   [bold]disk[/] {in_words(cost['disk_bytes'])}   "
        f"[bold]reboot[/] {'yes, once' if cost['reboot'] else 'not needed'}{_boot(made.get('boot') or {})}"
    )
    largest = sorted((one for one in cost["items"] if one["download_bytes"]), key=lambda one: -one["download_bytes"])[:4]
    if largest:
        words = ", ".join(f"{one['name']} {in_words(one['download_bytes'])}" for one in largest)
        out.print(f"[dim]most of it: {escape(words)}[/]")


def _boot(boot: Mapping[str, Any]) -> str:
    following = boot.get("next")
    if not following:
        return ""
    without = boot.get("built", {}).get(following) is False
    return f"   [bold]boots next[/] {escape(following)}" + (" [dim](its driver is built by this run)[/]" if without else "")
