"""What a display says: of a host whose plan is known, and of a long step on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Lines about a host, once its plan is known.
Telling = Callable[[str, dict[str, Any]], list[str]]


def plan_lines(host: str, examined: dict[str, Any]) -> list[str]:
    """What is about to be done to a host, in a few lines; empty where nothing is or where it is refused."""
    made, due = examined.get("plan") or {}, examined.get("due") or {}
    if not made or not due:
        return []
    choices = {decision["topic"]: decision["choice"] for decision in made["decisions"]}
    gpus = [f"{one['name']} ({one['gfx']})" for one in made["gpus"] if one["use"]]
    if made["simulated"]:
        gpus = [f"SIMULATED {gpu}" for gpu in gpus]
    cost = made["cost"]
    services = [one["service"] for one in made["roles"]["services"]["containers"]]
    return [
        f"{host}  plan: {made['system']}, {', '.join(gpus) or 'no GPU'}; "
        + ", ".join(f"{topic} {choices[topic]}" for topic in ("driver", "rocm", "pytorch") if topic in choices),
        f"{host}  plan: run {', '.join(due)}",
        f"{host}  plan: services {', '.join(services) or 'none'}; fetch about {_size(cost['download_bytes'])}, "
        f"disk {_size(cost['disk_bytes'])}, {'a reboot' if cost['reboot'] else 'no reboot'}",
    ]


def model_lines(host: str, examined: dict[str, Any]) -> list[str]:
    """How large the models are that are about to be fetched, and whether they fit."""
    figures = (examined.get("plan") or {}).get("models") or []
    return [
        f"{host}  {one['name']}: {_amount_missing(one)}; {one.get('verdict') or 'nobody knows what it takes'}"
        for one in figures
        if one["problem"] not in ("unknown", "digest", "name")
    ]


def _amount_missing(figure: dict[str, Any]) -> str:
    if figure["here"]:
        return "is here already"
    if figure["missing_bytes"] is None:
        return "size unknown"
    no_room = ", which the disk has no room for" if figure["problem"] == "disk" else ""
    return f"{_size(figure['missing_bytes'])} to fetch{no_room}"


def amount(step: dict[str, Any]) -> str:
    """A long step in a few words: what it does, and how much of how much."""
    text = step.get("text") or step.get("phase") or step.get("step", "")
    done, total = step.get("done"), step.get("total")
    if not total:
        return text
    if step.get("unit") != "bytes":
        return f"{text}  {done or 0} of {total}"
    rate = step.get("rate") or 0
    pace = f", {_size(rate)}/s, {clock((total - (done or 0)) / rate)} left" if rate > 0 else ""
    return f"{text}  {_size(done or 0)} of {_size(total)}{pace}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the loop always returns")


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some."""
    hours, rest = divmod(int(max(seconds, 0)), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
