"""How hosts look: from what is known of them to lines of text. Pure, but for the truth table's names of GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from control.monitor.state import AWAY, CONNECTING, HostState

#: Stands where a card does not tell.
NOTHING = "\N{EN DASH}"
#: From this width on, a GPU takes one line instead of two.
WIDE = 146
#: Shares of a whole from which a figure is yellow, and red.
HIGH, FULL = 0.85, 0.95
BAR, NAME, SHORT_NAME = 10, 22, 16
FAN = {"fan_percent": "{} %", "fan_rpm": "{} rpm"}
LOOKS = {"healthy": "green", "running": "green", "starting": "yellow"}

#: PCI ids (device, revision) -> the product's name.
Names = Callable[[str, str], str]


def lines(states: Sequence[HostState], names: Names, now: float, width: int, processes: int = 5) -> list[Text]:
    """All hosts, each line at most ``width`` columns.

    :param now: on the clock of the states. :param processes: of each GPU, the largest of these are shown.
    """
    shown: list[Text] = []
    for state in states:
        shown += [*_host(state, names, now, width, processes), Text("")]
    for line in shown:
        line.truncate(width, overflow="ellipsis")
    return shown[:-1]


def fitted(states: Sequence[HostState], names: Names, now: float, width: int, height: int) -> list[Text]:
    """As :func:`lines`, with so many processes that it fits; what then still does not is cut, and said to be."""
    for processes in (8, 5, 3, 1, 0):
        shown = lines(states, names, now, width, processes)
        if len(shown) <= height:
            return shown
    more = Text(f"… {len(shown) - height + 1} lines more: a taller window, or --host", style="dim")
    return [*shown[: max(0, height - 1)], more]


def _host(state: HostState, names: Names, now: float, width: int, processes: int) -> Iterable[Text]:
    yield _title(state, now, width)
    yield from (Text(f"  {one['id']}  {one['seen']}", style="red") for one in state.findings)
    sample = state.sample
    if sample is None:
        return
    # Figures of a host that is away are history.
    faded = "dim" if state.status == AWAY else ""
    if isinstance(sample["gpus"], Mapping):
        yield Text(f"  GPUs: {sample['gpus']['error']}", style="red")
    elif not sample["gpus"]:
        yield Text("  no AMD GPU", style="dim")
    for gpu in state.gpus:
        for line in _gpu(gpu, names, width, processes):
            line.stylize(faded)
            yield line
    services = _services(sample["services"])
    services.stylize(faded)
    if services.plain:
        yield services


def _title(state: HostState, now: float, width: int) -> Text:
    """Name, how things stand, and the machine itself."""
    marks = {CONNECTING: ("○", "yellow"), AWAY: ("✗", "red")}
    mark, colour = marks.get(state.status, ("●", "green"))
    title = Text.assemble((f"{mark} ", colour), (state.host, "bold"))
    if state.simulated:
        title.append("  ").append(" SIMULATED ", style="black on yellow")
    if state.status == CONNECTING:
        return title.append("  connecting …", style="yellow")
    if state.status == AWAY:
        tried = f", tried {state.attempts} times" if state.attempts > 1 else ""
        return title.append(f"  no answer for {_seconds(now - (state.came or state.since))}{tried}", style="red")
    sample = state.sample or {}
    memory = sample["memory"]
    title.append(f"  CPU {_figure(sample['cpu_percent'], '{:.0f} %')}")
    if memory["total_bytes"] and memory["available_bytes"] is not None:
        used = memory["total_bytes"] - memory["available_bytes"]
        title.append(f"   memory {_part(used, memory['total_bytes'])}", style=_heat(used, memory["total_bytes"]))
    title.append(f"   {sample['time'][11:19]} UTC", style="dim")
    if not sample["as_root"]:
        title.append(f"   as {sample['user']}, not root: others' processes are not seen", style="yellow")
    elif width >= WIDE:
        title.append(f"   this look costs {_figure(sample['own_cpu_percent'], '{:.1f} %')} of a core", style="dim")
    return title


def _gpu(gpu: Mapping[str, Any], names: Names, width: int, processes: int) -> Iterable[Text]:
    wide = width >= WIDE
    head, memory, sensors = _head(gpu, names, NAME if wide else SHORT_NAME), _memory(gpu, width), _sensors(gpu, brief=wide)
    if wide:
        yield Text("  ").join([Text.assemble("  ", head), memory, sensors])
    else:
        yield Text.assemble("  ", head, "  ", memory)
        yield Text.assemble("     ", sensors)
    largest = sorted(gpu["processes"], key=lambda one: -((one["vram_bytes"] or 0) + (one["gtt_bytes"] or 0)))
    yield from (_process(one) for one in largest[:processes])
    if len(largest) > processes > 0:
        yield Text(f"       and {len(largest) - processes} more", style="dim")


def _head(gpu: Mapping[str, Any], names: Names, width: int) -> Text:
    name = names(gpu["device_id"], gpu["revision"])
    head = Text(name, style="bold")
    head.truncate(width, overflow="ellipsis", pad=True)
    short = gpu["pci"].removeprefix("0000:")
    return Text.assemble(head, (f" {short:>7}", "dim"))


def _memory(gpu: Mapping[str, Any], width: int) -> Text:
    load = gpu.get("load_percent")
    bar = f" {_bar(load / 100 if load is not None else None)}" if width >= 100 else ""
    told = "sleeps" if gpu["asleep"] else "no driver" if gpu["driver"] is None else _figure(load, "{} %")
    parts = [Text(f"{told:>9}{bar}", style="dim" if gpu["asleep"] else "")]
    for bank in ("vram", "gtt"):
        used, total = gpu[f"{bank}_used_bytes"], gpu[f"{bank}_total_bytes"]
        parts.append(Text(f"{bank.upper()} {_part(used, total):<14}", style=_heat(used, total)))
    return Text("  ").join(parts)


def _sensors(gpu: Mapping[str, Any], brief: bool) -> Text:
    temperatures = gpu.get("temperatures") or {}
    limits = gpu.get("temperature_limits") or {}
    degrees = Text("/").join(
        [
            Text(_figure(temperatures.get(name), "{:.0f}"), style=_heat(temperatures.get(name), limits.get(name)))
            for name in (("edge", "junction", "mem") if set(temperatures) - {"edge"} else ("edge",))
        ]
    )
    power, cap = gpu.get("power_w"), gpu.get("power_cap_w")
    watts = _figure(power, "{:.0f}") + (f"/{cap:.0f}" if cap else "")
    clocks = f"{_figure(gpu.get('core_mhz'), '{}')}/{_figure(gpu.get('memory_mhz'), '{}')}"
    fan = [form.format(gpu[name]) for name, form in FAN.items() if gpu.get(name) is not None]
    cells = [
        _cell(Text.assemble(degrees, " °C"), 12),
        _cell(Text(f"{watts} W"), 9),
        _cell(Text(f"{clocks} MHz"), 13),
        Text(f"fan {' '.join(fan[:1] if brief else fan) or NOTHING}"),
    ]
    return Text("  ").join(cells)


def _cell(text: Text, width: int) -> Text:
    text.pad_right(max(0, width - text.cell_len))
    return text


def _process(one: Mapping[str, Any]) -> Text:
    where = f" in {one['container']}" if one["container"] else ""
    line = Text(f"       {one['name'] or '?'}", style="cyan")
    line.append(f"{where}  {one['pid']} ({one['user'] or '?'})", style="dim")
    for bank in ("vram", "gtt"):
        if one[f"{bank}_bytes"]:
            line.append(f"  {_size(one[f'{bank}_bytes'])} {bank.upper()}", style="default")
    if one["load_percent"] is not None:
        line.append(f"  {one['load_percent']} %", style="default")
    return line


def _services(said: Any) -> Text:
    if isinstance(said, Mapping):
        return Text(f"  services: {said['error']}", style="yellow")
    line = Text("  services") if said else Text("")
    for one in said or []:
        state = one["health"] or one["state"] or "?"
        line.append("  ● ", style=LOOKS.get(state, "red")).append(f"{one['service']} {state}")
        if one["stand_in"]:
            line.append(" STAND-IN", style="yellow")
    return line


def plain(state: HostState, names: Names) -> list[str]:
    """The GPUs of a host, a line each, for a log."""
    return [
        f"{state.host}{' SIMULATED' if state.simulated else ''}  "
        + "  ".join([_head(gpu, names, NAME).plain.strip(), _memory(gpu, 0).plain.strip(), _sensors(gpu, brief=False).plain])
        for gpu in state.gpus
    ] or [f"{state.host}  no AMD GPU"]


def plain_services(state: HostState) -> str:
    """The services of a host in one line; empty where there are none."""
    line = _services((state.sample or {}).get("services")).plain.strip()
    return f"{state.host}  {line}" if line else ""


def _figure(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)


def _part(used: float | None, total: float | None) -> str:
    """`5.6/8.0 GiB`."""
    if total is None:
        return NOTHING
    return f"{NOTHING if used is None else f'{used / 2**30:.1f}'}/{total / 2**30:.1f} GiB"


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _bar(share: float | None) -> str:
    """Ten cells, in eighths."""
    eighths = round(max(0.0, min(1.0, share or 0.0)) * BAR * 8)
    partly = " ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else ""
    return f"{'█' * (eighths // 8)}{partly}".ljust(BAR, "·" if share is not None else " ")


def _heat(part: float | None, whole: float | None) -> str:
    """Colour of a figure by its share of what it may be."""
    if part is None or not whole:
        return ""
    return "red" if part >= FULL * whole else "yellow" if part >= HIGH * whole else ""


def _seconds(count: float) -> str:
    count = max(0, int(count))
    return f"{count} s" if count < 120 else f"{count // 60} min" if count < 7200 else f"{count // 3600} h"
