"""What ``./gpuhost support`` prints: the truth table's answers as tables for a person."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from control import advice

_FAMILIES = {"instinct": "Instinct", "radeon": "Radeon", "radeon-pro": "Radeon", "ryzen": "Ryzen"}
_KERNELS = {"own": "its own kernels", "none": "no kernels for it", "tools": "tools alone: what computes brings its own ROCm"}


def overview(document: dict[str, Any]) -> Iterable[Grid]:
    gpus = [(one["gfx"], ", ".join(one["chips"])) for one in document["gpus"]]
    yield _grid("GPUs (or by name, or PCI id)", ("target", "chips"), gpus)
    systems = [
        (
            one["id"],
            ", ".join(f"{kernel['version']} ({kernel['flavour']})" for kernel in one["kernels"]),
            span(one["drivers"]),
            *(one["rocm"].get(stream, "none") for stream in ("core", "classic", "distro")),
            one["torch"] or "none",
            one["python"],
        )
        for one in document["systems"]
    ]
    heads = ("system", "kernels", "AMD's driver", "ROCm core", "classic", "its own", "its PyTorch", "Python")
    yield _grid("Systems", heads, systems)
    elsewhere = [(one["id"], one["name"], one["kernel"]) for one in document["elsewhere"]]
    yield _grid("Systems that AMD supports and gpuhost does not set up", ("id", "name", "kernel"), elsewhere)
    images = [(row["image"], row["rocm"] or "", " ".join(row["targets"])) for row in document["images"]]
    yield _grid("Images", ("image", "ROCm", "targets"), images)
    services = [
        (row["id"], row["name"], str(row["port"]), "yes" if row["gpu"] else "no", ", ".join(row["needs"]))
        for row in document["services"]
    ]
    yield _grid("Services", ("id", "name", "port", "GPU", "needs"), services)


def elsewhere(document: dict[str, Any]) -> Iterable[Grid]:
    one = document["elsewhere"]
    lines = [
        ("gpuhost", "does not set it up: it knows Debian and Ubuntu"),
        ("AMD", f"supports it for {', '.join(one['families'])}, with Linux {one['kernel']}"),
        ("read in", one["source"]),
    ]
    if one["not_for"]:
        left_out = " and ".join(dict.fromkeys(_FAMILIES[family] for family in one["not_for"]))
        lines.insert(2, ("the GPU", f"{left_out} is not among them: AMD does not support it on this system"))
    yield _grid(one["name"], ("", ""), lines)


def gpu(document: dict[str, Any]) -> Iterable[Grid]:
    yield _products(document["gpus"])
    for one in document["answers"]:
        target = one["target"]
        notes = [
            ("AMD's lists", f"products with it are in those of ROCm {target['official']}" if target["rocm"] else "in none")
        ]
        sibling = f"those of {target['override_gfx']}, by {advice.OVERRIDE}={target['override']}"
        notes += [("sibling's kernels", sibling)] if target["override"] else []
        notes += [("memory", _memory(target))] if target["full_memory_since"] else []
        notes += [("note", target["note"])] if target["note"] else []
        yield _grid(f"{target['gfx']}, {target['architecture']}", ("", ""), notes)
        yield _grid("Programs", ("with", "ROCm", "answer"), _programs(one["programs"]))
        for system in one["systems"]:
            yield _grid(
                system["name"], ("", "", ""), [*_drivers(system["driver"], target["gfx"]), *_releases(system["rocm"])]
            )


def _memory(target: dict[str, Any]) -> str:
    return f"the processor's; Linux {target['full_memory_since']} is the first that gives all of it to programs"


def _products(gpus: list[dict[str, Any]]) -> Grid:
    """One line per name and device: many revisions share a name."""
    several: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in gpus:
        several.setdefault((one["name"], one["pci"].split()[0]), []).append(one)
    lines = []
    for (name, device), same in several.items():
        one = same[0]
        memory = f"{one['gib']} GiB" if one["gib"] else "shared" if one["integrated"] else "?"
        listed = f"from ROCm {one['listed']}" if one["listed"] else "no"
        lines.append((name, one["chip"], one["pci"] if len(same) == 1 else device, one["gfx"], memory, listed))
    return _grid("", ("GPU", "chip", "PCI", "target", "memory", "AMD lists it"), lines)


def _programs(programs: list[dict[str, Any]]) -> Iterable[Sequence[str]]:
    """The newest wheel of each index that has the GPU's own kernels, or the best there is; and every image."""
    rank = {"own": 0, "override": 1, "none": 2}
    wheels: dict[str, dict[str, Any]] = {}
    for one in programs:
        if one["kind"] == "wheel":
            host = one["index"].split("/")[2]
            if host not in wheels or rank[one["kernels"]] < rank[wheels[host]["kernels"]]:
                wheels[host] = one
    for host, one in wheels.items():
        yield f"{one['name']} ({host})", one["rocm"], one["answer"]
    for one in programs:
        if one["kind"] == "image":
            more = [f"{name}={value}" for name, value in one["env"].items()]
            more = ([f"with {', '.join(more)}"] if more else []) + (
                [f"of AMD's drivers {one['driver_min']} or newer"] if one["driver_min"] else []
            )
            yield one["name"], one["rocm"] or "", "; ".join([one["answer"], *(more if one["kernels"] != "none" else [])])


def _drivers(driver: dict[str, Any], gfx: str) -> Iterable[Sequence[str]]:
    """The kernel's part, by source."""
    family = " and ".join(sorted({_FAMILIES[one] for one in driver["families"]}))
    named = [f"{one['kernel']} ({one['package']})" for one in driver["named"]]
    amd = f"for {family} AMD names {' and '.join(named)}" if named else f"AMD names no kernel of this system for {family}"
    if driver["kernels"]:
        yield (
            "driver",
            "the kernel's own",
            f"Linux {', '.join(driver['kernels'])}: {gfx} is in it from {driver['since']} on; {amd}",
        )
    else:
        why = f"Linux {driver['since']} is the first with {gfx}, none of its kernels is" if driver["since"] else "not known"
        yield "driver", "AMD's own" if driver["choice"] == "dkms" else "none", f"{why}; {amd}"
    if driver["amd"]:
        kernels = "; ".join(f"Linux {kernel}: {span(found)}" for kernel, found in driver["amd_by_kernel"].items())
        stands = f"what AMD supports {family} with; " if driver["amd_supports"] and named else ""
        listed = "" if named else f". {family} is not in AMD's table for this system"
        yield "AMD's driver", span(driver["amd"]), f"{stands}builds for {kernels}{listed}"
        yield from _cautions(driver["cautions"])
    elif driver["cautions"]:
        yield from _cautions(driver["cautions"])
    elif driver["families"] == ["ryzen"]:
        yield "AMD's driver", "none", "AMD: Ryzen's graphics take the kernel's own"
    else:
        yield "AMD's driver", "none", f"no release for this system knows {gfx}"


def _cautions(cautions: dict[str, str]) -> Iterable[Sequence[str]]:
    """Releases that are there and that nobody should take without a reason."""
    for version, caution in cautions.items():
        yield "not recommended", version, caution


def _releases(rocm: list[dict[str, Any]]) -> Iterable[Sequence[str]]:
    """ROCm by stream; releases with the same answer in one line."""
    for (stream, kernels, override, listed), same in groupby(
        rocm, key=lambda one: (one["stream"], one["kernels"], one["override"], one["listed"])
    ):
        words = f"kernels of a sibling: each program sets {advice.OVERRIDE}={override}" if override else _KERNELS[kernels]
        amd = "" if kernels == "tools" else "; AMD lists it" if listed else "; AMD does not list it"
        yield f"ROCm {stream}", span([one["version"] for one in same]), words + amd


def rocm(document: dict[str, Any]) -> Iterable[Grid]:
    release, levels = document["release"], document["packages"]
    lines = [
        ("stream", f"{release['stream']}, released {release['released']}, in {release['prefix']}"),
        *((f"packages, {level}", " ".join(one["names"])) for level, one in levels.items()),
        ("AMD's driver", f"{document['driver']['range']}: {span(document['driver']['releases'])}"),
        *((f"not {version}", caution) for version, caution in document["driver"]["cautions"].items()),
        ("Ryzen's graphics", "the kernel's own driver"),
        ("AMD lists", " ".join(release["targets"])),
        ("kernels for", " ".join(release["built_targets"])),
        ("read in", document["source"]),
    ]
    if document["others"]:
        lines.append(("also", ", ".join(document["others"])))
    yield _grid(f"ROCm {release['version']}", ("", ""), lines)
    if document["gpus"]:
        yield _products(document["gpus"])
        yield _grid("", ("", "", ""), [(one["gfx"], *line[1:]) for one in document["fits"] for line in _releases([one])])
    yield from _places(document)


def driver(document: dict[str, Any]) -> Iterable[Grid]:
    release = document["release"]
    lines = [
        ("released", str(release["released"])),
        ("package", release["package_version"] or "version not known"),
        ("kernel", f"its source is of {release['kernel_base']}"),
        ("for", ", ".join(release["families"])),
        ("ROCm", f"{document['rocm']['range']}: {span(document['rocm']['releases'])}"),
        ("read in", document["source"]),
    ]
    if release["caution"]:
        lines.insert(0, ("not recommended", release["caution"]))
    if document["others"]:
        lines.append(("also", ", ".join(document["others"])))
    yield _grid(f"AMD's driver {release['version']}", ("", ""), lines)
    yield from _places(document)


def _places(document: dict[str, Any]) -> Iterable[Grid]:
    """Systems that a release is for: kernels, drivers, where it comes from."""
    lines = []
    for one in document["systems"]:
        kernels = ", ".join(f"{kernel['version']} ({kernel['flavour']})" for kernel in one["kernels"])
        drivers = (
            f"driver {span(one['drivers'])}"
            if "drivers" in one
            else f"builds for {', '.join(one['builds']) or 'none of them'}"
        )
        lines.append((one["id"], f"Linux {kernels}", drivers))
        lines += [
            ("", f"{place['url']} {place['suite']}", f"key {place['key']['fingerprint']}")
            for place in one.get("repositories", [])
        ]
    for system, instead in document["not_for"].items():
        lines.append((system, "not for this system", f"{instead} is the newest there" if instead else ""))
    if lines:
        yield _grid("Systems", ("", "", ""), lines)


def span(versions: Sequence[str]) -> str:
    """Versions, newest first, in few words."""
    if len(versions) <= 2:
        return ", ".join(versions) or "none"
    return f"{versions[0]} … {versions[-1]} ({len(versions)} releases)"


def _grid(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> Grid:
    grid = Grid(title=title or None, title_justify="left", box=None, pad_edge=False, show_header=any(heads))
    for head in heads:
        # Names stay in one piece: what is said of them has the rest of the line.
        grid.add_column(head, overflow="fold", no_wrap=not grid.columns)
    for line in lines:
        grid.add_row(*map(escape, line))
    return grid


def text(grids: Iterable[Grid]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=max(Console().width, 120), highlight=False)
    for number, grid in enumerate(grids):
        if number:
            console.print()
        console.print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
