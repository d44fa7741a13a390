"""The kernel driver: loaded, and with the planned GPUs behind it. A topology of CPUs alone is no GPU."""

from __future__ import annotations

from typing import Any

from ..result import Result, compare, judged, unverifiable
from . import driver_module
from .context import Context
from .driver_module import LOADED, LOG, as_part

SIMULATED = "simulated: the GPU is a made-up tree of files, no driver took part"
#: The kernel's own words about a card that did not come up.
START = "health.log.starts"
#: How the kernel shows a switch, and how people write one.
ON, OFF = {"y", "1", "on", "true"}, {"n", "0", "off", "false"}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """The module, the kernels, KFD's GPU nodes and the PCI devices' drivers, as the snapshot has them."""
    kernel, kfd, gpus, dkms = (ctx.snapshot.get(key) or {} for key in ("kernel", "kfd", "gpus", "dkms"))
    texts = {key: kernel.get(key) for key in ("release", "cmdline", "container", "secure_boot")}
    tables = {key: kernel.get(key) or {} for key in ("modules", "boot", "signing", "parameters")}
    return {
        **texts,
        **tables,
        "simulated": ctx.simulated,
        "installed": kernel.get("installed") or [],
        "rejected": kernel.get("rejected") or [],
        "log_read": "kernel.rejected" not in (ctx.snapshot.get("needs_root") or []),
        "dkms": dkms if isinstance(dkms, list) else [],
        "kfd_present": bool(kfd.get("present")) if isinstance(kfd, dict) else False,
        "nodes": kfd.get("nodes") or [] if isinstance(kfd, dict) else [],
        "gpus": [row for row in gpus if row.get("amd")] if isinstance(gpus, list) else [],
    }


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """The module, the GPU nodes, their targets, and the driver bound to each planned device; nothing on a
    host without GPU.
    """
    wanted = expected.get("driver") or {}
    if wanted.get("source") in (None, "none") and not expected.get("gpus"):
        return []
    module = wanted.get("module") or "amdgpu"
    kernels = driver_module.judge(seen, wanted)
    kernels += [_parameter(one["name"], one.get("value"), seen) for one in wanted.get("parameters") or []]
    devices = [
        _nodes(seen, expected),
        *([_targets(seen, expected)] if expected.get("gpus") else []),
        *(_bound(gpu, seen, module) for gpu in expected.get("gpus") or []),
    ]
    # A simulated GPU can stand in front of a real kernel.
    kernel_is_real = not seen["simulated"] or not (seen["container"] or (seen["modules"].get(module) or {}).get("simulated"))
    kernels = kernels if kernel_is_real else [_simulated(row) for row in kernels]
    return [*kernels, *([_simulated(row) for row in devices] if seen["simulated"] else devices)]


def _simulated(row: Result) -> Result:
    return unverifiable(row.id, SIMULATED, seen=row.seen, wanted=row.wanted)


def _parameter(name: str, value: str | None, seen: dict[str, Any]) -> Result:
    """A parameter of the kernel's command line; that of a loaded module by what the module has."""
    module, _, option = name.partition(".")
    has = (seen["parameters"].get(module) or {}).get(option)
    words = dict(word.partition("=")[::2] for word in (seen["cmdline"] or "").split())
    found = words.get(name) if has is None else has
    wanted = "set" if value is None else value
    return judged(
        f"driver.parameter.{as_part(name)}",
        name in words if value is None else same(found, value),
        seen="not set" if found is None else found or "set",
        wanted=wanted,
        why=f"The kernel that runs has {name} {'not set' if found is None else 'at ' + found}, and the plan needs {wanted}: "
        "parameters count from the next start on.",
        next="Reboot the host; where that changes nothing, run `gpuhost up` again.",
    )


def same(found: str | None, wanted: str) -> bool:
    """Whether two spellings of a parameter are one value: numbers in any base, switches in any word."""
    if found is None:
        return False
    for words in (ON, OFF):
        if found.lower() in words and wanted.lower() in words:
            return True
    try:
        return int(found, 0) == int(wanted, 0)
    except ValueError:
        return found == wanted


def gpu_nodes(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes that are GPUs: ``simd_count`` is 0 on a CPU (libhsakmt, src/topology.c)."""
    return [node for node in nodes if node.get("simd_count")]


def _nodes(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    id, found, wanted = "driver.kfd.gpus", len(gpu_nodes(seen["nodes"])), len(expected.get("gpus") or [])
    cpu_alone = " (/dev/kfd lists the CPU alone, which is no GPU)" if seen["nodes"] and not found else ""
    if not wanted:
        return unverifiable(id, f"the plan has no GPU on this host{cpu_alone}", seen=found, wanted=wanted)
    return judged(
        id,
        found >= wanted,
        seen=found,
        wanted=wanted,
        why=f"The driver offers {found} of {wanted} GPUs for computing{cpu_alone}: "
        "it is loaded, but could not bring the device up.",
        next=LOG,
        needs=(LOADED, START),
    )


def _targets(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    # An old kernel gives no target; the snapshot then has it from the PCI id.
    found = sorted(str(node.get("gfx")) for node in gpu_nodes(seen["nodes"]) if node.get("gfx"))
    found = found or sorted(str(gpu["gfx"]) for gpu in seen["gpus"] if gpu.get("gfx"))
    wanted = sorted(str(gpu["gfx"]) for gpu in expected.get("gpus") or [])
    return judged(
        "driver.kfd.targets",
        not [gfx for gfx in wanted if wanted.count(gfx) > found.count(gfx)],
        seen=found,
        wanted=wanted,
        why=f"The GPUs are {', '.join(found) or 'unknown'} and the plan was made for {', '.join(wanted)}: "
        "programs built for another target fail at their first kernel.",
        next="Run `gpuhost up` again: it plans for the GPUs that are there now.",
        needs=("driver.kfd.gpus",),
    )


def _bound(gpu: dict[str, Any], seen: dict[str, Any], module: str) -> Result:
    row = next((row for row in seen["gpus"] if row.get("pci") == gpu["pci"]), None)
    bound = row.get("driver") if row else None
    return compare(
        f"driver.{as_part(gpu['pci'])}.bound",
        seen=bound if row else "no such device",
        wanted=module,
        why=f"{gpu.get('name') or gpu['pci']} is "
        f"{'bound to ' + str(bound) if bound else 'bound to no driver' if row else 'gone'}: "
        "it is not at hand for computing on this host.",
        next="`lspci -k` shows what holds it; a card handed to a virtual machine is bound to vfio-pci.",
        needs=(LOADED, START),
    )
