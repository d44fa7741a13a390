"""A host's record as a person reads it: what it is, what its driver and tools say, and whether PyTorch computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from control import support
from control.console import show_findings
from control.planner.model import in_words

#: The last of the kernel's lines are shown; the JSON and the bundle have all.
KERNEL_LINES = 6
#: What Python says of a program that is not there.
NOT_THERE = "[Errno 2]"
GOOD, BAD, NONE = "[green]✓[/]", "[red]✗[/]", "[dim]○[/]"
#: One line: mark, subject, words (Rich's markup).
Line = tuple[str, str, str]


def show(out: Console, host: str, examined: Mapping[str, Any], record: Mapping[str, Any], findings: bool = True) -> None:
    """The whole record of one host, with what the planner found unless ``findings`` is false."""
    snapshot = examined["snapshot"]
    out.rule(f"[bold]{escape(host)}[/]", align="left")
    if snapshot:
        _show(out, snapshot, record)
    if findings:
        show_findings(out, examined["findings"], "nothing was changed")


def _show(out: Console, snapshot: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    if snapshot.get("simulated"):
        out.print("[black on yellow] SIMULATED [/] the GPU of this host is a simulation of the lab")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    before = ""
    for mark, subject, words in lines(snapshot, record):
        table.add_row(mark, f"[bold]{subject}[/]" if subject != before else "", words)
        before = subject
    out.print(table)


def lines(snapshot: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Line]:
    """Every line, in the order in which a support engineer asks."""
    yield from _machine(snapshot)
    yield from _gpus(snapshot)
    yield from _driver(snapshot)
    yield from _access(snapshot)
    yield from _rocm(snapshot)
    if record:
        yield from _tools(record["tools"], snapshot)
        yield from _torch(record["torch"], snapshot)
        yield from _kernel_log(record["kernel_log"])
    yield from _containers(snapshot)


def _section(snapshot: Mapping[str, Any], name: str) -> Any:
    """A section, or an empty one where it could not be read: its error is a line of its own."""
    found = snapshot.get(name)
    return {} if found is None or (isinstance(found, Mapping) and set(found) == {"error"}) else found


def _machine(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    kernel, cpu = _section(snapshot, "kernel"), _section(snapshot, "cpu")
    facts = [
        _section(snapshot, "os").get("pretty_name"),
        f"Linux {kernel.get('release')}",
        f"{cpu.get('model')} ({cpu.get('count')} CPUs)",
        f"{in_words(size)} of memory" if (size := _section(snapshot, "memory").get("total_bytes")) else None,
        f"inside of {kernel['container']}" if kernel.get("container") else None,
    ]
    yield " ", "machine", escape(" · ".join(one for one in facts if one))
    iommu = _section(snapshot, "iommu")
    yield (
        " ",
        "boot",
        escape(f"{kernel.get('cmdline')}; Secure Boot {kernel.get('secure_boot')}; IOMMU {iommu.get('type') or 'off'}"),
    )
    for name, found in snapshot.items():
        if isinstance(found, Mapping) and set(found) == {"error"}:
            yield BAD, "not seen", f"{name}: {escape(str(found['error']))}"


def _gpus(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    table = support.load()
    for gpu in _section(snapshot, "gpus") or []:
        name = table.gpu_name(gpu["device_id"], gpu["revision"]) if gpu["amd"] else "not AMD's"
        memory = [
            f"{in_words(gpu[key])} {word}" for key, word in (("vram_bytes", "VRAM"), ("gtt_bytes", "GTT")) if gpu.get(key)
        ]
        words = [
            gpu["gfx"],
            f"{gpu['vendor_id']}:{gpu['device_id']} rev {gpu['revision']}",
            f"board {gpu['subsystem']}" if gpu["subsystem"] != ":" else None,
            f"at {gpu['pci']}",
            *memory,
            f"driver {gpu['driver'] or 'none'}",
            f"/dev/dri/renderD{gpu['render_minor']}" if gpu["render_minor"] else None,
            f"KFD node {gpu['kfd_node']}" if gpu["kfd_node"] is not None else "no KFD node" if gpu["amd"] else None,
        ]
        good = GOOD if gpu["kfd_node"] is not None else BAD if gpu["amd"] else NONE
        yield good, "GPU", f"[bold]{escape(name)}[/]  {escape(', '.join(one for one in words if one))}"
    if not _section(snapshot, "gpus"):
        yield BAD, "GPU", "none on the PCI bus"


def _driver(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    module = (_section(snapshot, "kernel").get("modules") or {}).get("amdgpu") or {}
    if not module.get("loaded"):
        yield BAD, "driver", "amdgpu is not loaded"
    else:
        kind = "the kernel's own" if module.get("in_tree") else "AMD's (DKMS)"
        words = [
            f"amdgpu is loaded, {kind}",
            module.get("version"),
            f"srcversion {module.get('srcversion')}",
            module.get("file"),
        ]
        yield GOOD, "driver", escape(", ".join(one for one in words if one))
    kfd = _section(snapshot, "kfd")
    nodes = kfd.get("nodes") or []
    gpus = sum(node.get("kind") == "gpu" for node in nodes)
    state = f"{len(nodes)} nodes, {gpus} of them GPUs" if kfd.get("present") else "not there"
    yield GOOD if gpus else NONE, "driver", f"KFD: {state}"
    for row in _section(snapshot, "dkms") or []:
        where = f" for {row['kernel']}" if row.get("kernel") else ""
        yield (
            BAD if row["state"] == "broken" else NONE,
            "driver",
            escape(f"DKMS {row['module']} {row['version']}{where}: {row['state']}"),
        )


def _access(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    for node in _section(snapshot, "devices") or []:
        words = f"{node['path']}  {node['owner']}:{node['group']} {node['mode']}" + (
            "  with an access list" if node["acl"] else ""
        )
        opened = f"  opens for who looked: {node['open']}" if node["open"] else ""
        yield {"ok": GOOD, None: NONE}.get(node["open"], BAD), "access", escape(words + opened)
    user = snapshot.get("login_user")
    known = (_section(snapshot, "users") or {}).get(user) if user else None
    if known:
        groups = [name for name in ("render", "video", "docker") if name in known["groups"]]
        words = f"{user} is in {', '.join(groups) or 'none of render, video, docker'}"
        yield NONE, "access", escape(f"{words} (by the database: a session keeps the groups it began with)")


def _rocm(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    for one in _section(snapshot, "rocm") or []:
        yield NONE, "ROCm", escape(f"{one['version']} in {one['prefix']} ({one['source']})")
    if not _section(snapshot, "rocm"):
        yield NONE, "ROCm", "not installed on the host (containers and wheels bring their own)"
    for row in (_section(snapshot, "override") or {}).get("env_files") or []:
        yield BAD, "ROCm", escape(f"{row['path']} sets {row['name']}={row['value'] or '(nothing, which is harmful too)'}")


def _tools(tools: Mapping[str, Any], snapshot: Mapping[str, Any]) -> Iterator[Line]:
    """Those that judge: the others are in the JSON."""
    absent = [name for name, said in tools.items() if said["path"] is None and " " not in name]
    simulated = snapshot.get("simulated")
    for name, said in tools.items():
        if said["path"] is None or " " in name or name in ("modinfo", "lspci"):
            continue
        mark, words = _answer(name, said)
        yield NONE if simulated and mark == BAD else mark, "tools", f"{name}  {escape(words)}"
    if absent:
        yield NONE, "tools", f"not installed: {', '.join(absent)}"


def _answer(name: str, said: Mapping[str, Any]) -> tuple[str, str]:
    """Mark and words of a tool that is there: how it ended, and how many GPUs it lists. Processors and NPUs are none."""
    if said["rc"] is None:
        return BAD, str(said["error"])
    parsed = said["parsed"] or {}
    end = f"exit status {said['rc']}"
    if name == "dkms":
        count = len(parsed.get("modules", []))
        trouble = f", {parsed['error']}" if "error" in parsed else ""
        return (GOOD if said["rc"] == 0 and not trouble else BAD), f"{end}, {count} modules{trouble}"
    if "error" in parsed:
        return BAD, f"{end}: {parsed['error']}"
    gpus = parsed.get("gpus", [])
    names = ", ".join(str(one.get("name") or one.get("gfx") or "?") for one in gpus)
    others = [f"{one['type']} {one['name'] or '(no name)'}" for one in parsed.get("agents", []) if one["type"] != "GPU"]
    besides = f"; besides: {', '.join(others)}" if others else ""
    counted = f"{len(gpus)} GPU{'' if len(gpus) == 1 else 's'}{f' ({names})' if names else ''}"
    return (GOOD if said["rc"] == 0 and gpus else BAD), f"{end}, {counted}{besides}"


def _torch(places: list[Mapping[str, Any]], snapshot: Mapping[str, Any]) -> Iterator[Line]:
    for place in places:
        seen = place["seen"]
        trouble = seen.get("error") or seen.get("import_error")
        if NOT_THERE in str(seen.get("error")):
            yield NONE, "PyTorch", escape(f"{place['python']} is not there: `./gpuhost up` makes it")
            continue
        if trouble:
            yield BAD, "PyTorch", escape(f"{place['python']}: {trouble}")
            continue
        if seen.get("at"):
            yield BAD, "PyTorch", escape(f"{place['python']}: {_stopped(seen)}")
        if "version" not in seen:
            continue
        built = {"rocm": f"ROCm {seen.get('hip')}", "cuda": f"CUDA {seen.get('cuda')}: no AMD GPU is visible to it"}
        names = ", ".join(f"{one['name']} ({one['gfx']})" for one in seen["devices"]) or seen.get("device_error") or "none"
        kind = built.get(seen["build"], "processors alone")
        words = f"{seen['version']} in {place['python']}, built for {kind}; asked as {place['user']}; GPUs: {names}"
        yield NONE, "PyTorch", escape(words)
        for device, samples in seen["computed"].items():
            mark, words = _computed(samples)
            yield mark, "PyTorch", escape(f"on {_device(device, seen, snapshot)}: {words}")
    if not places:
        yield NONE, "PyTorch", "none on the host"


def _stopped(seen: Mapping[str, Any]) -> str:
    """Where a PyTorch that hung or died was."""
    at = seen["at"]
    doing = {"import": "being imported", "devices": "looking for GPUs"}.get(str(at)) or f"computing {at[1]} on {at[0]}"
    return f"{seen.get('stopped') or 'ended'} while {doing}"


def _device(device: str, seen: Mapping[str, Any], snapshot: Mapping[str, Any]) -> str:
    if device == "cpu":
        return f"{device} ({_section(snapshot, 'cpu').get('model')})"
    found = seen["devices"][int(device.partition(":")[2])]
    return f"{device} ({found['name']}, {found['gfx']})"


def _computed(samples: Mapping[str, Any]) -> tuple[str, str]:
    """Whether sample computations are right: a device that is listed proves nothing."""
    wrong = [f"{name} {one.get('raised', 'is wrong')}" for name, one in samples.items() if not _right(one)]
    return (BAD, "; ".join(wrong)) if wrong else (GOOD, f"{', '.join(samples)} are right")


def _right(one: Mapping[str, Any]) -> bool:
    return "raised" not in one and 0 <= one["error_ratio"] <= 1


def _kernel_log(log: Mapping[str, Any]) -> Iterator[Line]:
    if "error" in log:
        yield NONE, "kernel log", escape(log["error"])
        return
    said = [line for line in log["lines"] if "amdgpu" in line or "kfd" in line.lower() or "rejected" in line]
    yield (
        NONE,
        "kernel log",
        f"{len(log['lines'])} lines about GPU and IOMMU since boot" + (", the last of the driver:" if said else ""),
    )
    for line in said[-KERNEL_LINES:]:
        yield " ", "kernel log", f"[dim]{escape(line)}[/]"


def _containers(snapshot: Mapping[str, Any]) -> Iterator[Line]:
    engine = _section(snapshot, "engine")
    if not engine.get("present"):
        yield NONE, "containers", "no engine"
        return
    trouble = f"  {engine['error']}" if engine.get("error") else ""
    yield BAD if trouble else GOOD, "containers", escape(f"Docker Engine {engine.get('version') or '?'}{trouble}")
    for one in engine.get("containers") or []:
        state = one["health"] or one["state"]
        good = GOOD if state in ("healthy", "running") else BAD
        yield good, "containers", escape(f"{one['name']}  {state}  {one['image']}")
