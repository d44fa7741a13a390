"""What of a host may explain that it is faster, slower or otherwise than it was: one line of text for each thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from .result import Result

#: Words of the kernel's command line that change what a GPU does or how fast; others may be anything, also secret.
PARAMETERS = (
    *("amdgpu.", "amdttm.", "ttm.", "module.", "pci=", "pcie_", "iommu", "amd_iommu", "intel_iommu", "mitigations"),
    *("amd_pstate", "cpufreq.", "processor.", "intel_idle.", "idle=", "numa_balancing", "transparent_hugepage"),
)

Seen = Mapping[str, Any]


def facts(snapshot: Seen, expected: Seen, results: Iterable[Result]) -> dict[str, str]:
    """Id -> text, of the moment of ``snapshot``. What could not be read is left out: absent is not "none".

    Ids: ``system``, ``kernel``, ``parameters``, ``driver``, ``driver_package``, ``firmware``, ``rocm``, ``engine``, ``cpu``,
    ``memory``, ``gpus``, and ``gpu.<pci>``, ``torch.<place>``, ``image.<service>``, ``version.<service>``.
    """
    found = {**_system(snapshot), **_driver(snapshot), **_programs(snapshot, expected), **_gpus(snapshot, expected)}
    # What a service or a container's PyTorch is, only it can say. The host's was looked at, unless that could not be.
    unread = set() if isinstance(snapshot.get("venvs"), list) else {"torch.host"}
    for result in results:
        area, _, rest = result.id.partition(".")
        name, _, property = rest.rpartition(".")
        id = f"{'version' if area == 'services' else area}.{name}"
        if property == "version" and area in ("torch", "services") and result.seen and id not in unread:
            found.setdefault(id, str(result.seen))
    return found


def _system(snapshot: Seen) -> dict[str, str]:
    kernel, cpu, memory = (_section(snapshot, name) for name in ("kernel", "cpu", "memory"))
    asked = [word for word in str(kernel.get("cmdline") or "").split() if word.startswith(PARAMETERS)]
    known = {
        "system": _section(snapshot, "os").get("pretty_name"),
        "kernel": kernel.get("release"),
        "parameters": " ".join(asked) or "none that concern GPUs" if "cmdline" in kernel else None,
        "cpu": f"{cpu['model']}, {cpu.get('count')} threads" if cpu.get("model") else None,
        "memory": f"{memory['total_bytes'] / (1 << 30):.0f} GiB" if memory.get("total_bytes") else None,
    }
    return {id: str(text) for id, text in known.items() if text}


def _driver(snapshot: Seen) -> dict[str, str]:
    module = (_section(snapshot, "kernel").get("modules") or {}).get("amdgpu") or {}
    packages = _section(snapshot, "packages")
    found = {}
    if module.get("loaded") is not None:
        build = f", build {module['srcversion']}" if module.get("srcversion") else ""
        own = {"True": ", the kernel's own", "False": f", AMD's {module.get('version') or ''}".rstrip()}
        found["driver"] = f"amdgpu{own.get(str(module.get('in_tree')), '')}{build}" if module["loaded"] else "not loaded"
        found["driver"] += ", simulated" if module.get("simulated") else ""
    ours = {name: row.get("version") for name, row in packages.items() if isinstance(row, Mapping)}
    firmware = [name for name in sorted(ours) if "firmware" in name and ("amd" in name or name == "linux-firmware")]
    kinds = {"driver_package": [name for name in sorted(ours) if name == "amdgpu-dkms"], "firmware": firmware}
    return {**found, **{id: ", ".join(f"{one} {ours[one]}" for one in names) for id, names in kinds.items() if names}}


def _programs(snapshot: Seen, expected: Seen) -> dict[str, str]:
    found, engine = {}, _section(snapshot, "engine")
    if isinstance(snapshot.get("rocm"), list):
        installs = [f"{row['version']} ({row['source']}, {row['prefix']})" for row in snapshot["rocm"]]
        found["rocm"] = "; ".join(installs) or "none on the host"
    if engine.get("version"):
        found["engine"] = str(engine["version"])
    rows = expected.get("services") or []
    found |= {f"image.{row['name']}": str(row["image"]) for row in rows if row.get("unit")}
    services = {row["container"]: row["name"] for row in rows}
    for row in engine.get("containers") or []:
        if row["name"] in services:
            # An image that was built here was never in a registry: only its id tells it from another.
            told = str(row.get("digest") or row.get("image_id") or "").removeprefix("sha256:")[:12]
            found[f"image.{services[row['name']]}"] = f"{row['image']} {told}".strip()
    return {**found, **_torch(snapshot, expected)}


def _torch(snapshot: Seen, expected: Seen) -> dict[str, str]:
    """The host's PyTorch with the ROCm it was built for; nothing where it is no environment of its own."""
    place = next((row for row in expected.get("torch") or [] if row["where"] == "host"), None)
    venvs = snapshot.get("venvs")
    if place is None or not isinstance(venvs, list):
        return {}
    prefix = str(PurePosixPath(place["python"]).parent.parent)
    torch = next((row["torch"] for row in venvs if row.get("path") == prefix and row.get("torch")), None)
    return {"torch.host": torch["version"] + (f", HIP {torch['hip']}" if torch.get("hip") else "")} if torch else {}


def _gpus(snapshot: Seen, expected: Seen) -> dict[str, str]:
    rows = snapshot.get("gpus")
    if not isinstance(rows, list):
        return {}
    names = {gpu["pci"]: gpu.get("name") for gpu in expected.get("gpus") or []}
    amd = [row for row in rows if row.get("amd")]
    return {"gpus": str(len(amd)), **{f"gpu.{row['pci']}": _gpu(row, names.get(row["pci"])) for row in amd}}


def _gpu(row: Seen, name: str | None) -> str:
    parts = [name or f"{row.get('vendor_id')}:{row.get('device_id')}", row.get("gfx")]
    parts += [f"{row['vram_bytes'] / (1 << 30):.0f} GiB" if row.get("vram_bytes") else None]
    # The only thing that tells a card from another of its kind.
    parts += [f"id {row['unique_id']}" if row.get("unique_id") else None, "simulated" if row.get("simulated") else None]
    return ", ".join(str(part) for part in parts if part)


def _section(snapshot: Seen, name: str) -> Seen:
    """A section that is an object; empty where it could not be read."""
    section = snapshot.get(name)
    return section if isinstance(section, Mapping) and "error" not in section else {}
