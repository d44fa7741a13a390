"""The kernel driver: loaded, and with the planned GPUs behind it. A topology of CPUs alone is no GPU."""

from __future__ import annotations

from typing import Any

from ..result import Result, compare, judged, unverifiable
from .context import Context

SIMULATED = "simulated: the GPU is a made-up tree of files, no driver took part"
LOG = "sudo dmesg | grep -iE 'amdgpu|kfd'"


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """The module, KFD's GPU nodes and the PCI devices' drivers, as the snapshot has them."""
    kernel, kfd, gpus = (ctx.snapshot.get(key) or {} for key in ("kernel", "kfd", "gpus"))
    return {
        "simulated": ctx.simulated,
        "modules": kernel.get("modules") or {},
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
    results = [
        _loaded(seen, wanted.get("module") or "amdgpu"),
        _nodes(seen, expected),
        _targets(seen, expected),
        *(_bound(gpu, seen, wanted.get("module") or "amdgpu") for gpu in expected.get("gpus") or []),
    ]
    if not seen["simulated"]:
        return results
    return [unverifiable(row.id, SIMULATED, seen=row.seen, wanted=row.wanted) for row in results]


def gpu_nodes(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes that are GPUs: ``simd_count`` is 0 on a CPU (libhsakmt, src/topology.c)."""
    return [node for node in nodes if node.get("simd_count")]


def _loaded(seen: dict[str, Any], module: str) -> Result:
    return judged(
        "driver.module.loaded",
        bool((seen["modules"].get(module) or {}).get("loaded")),
        seen="loaded" if (seen["modules"].get(module) or {}).get("loaded") else "not loaded",
        wanted="loaded",
        why=f"The kernel module {module} is not loaded, so no program can reach the GPU.",
        next=f"sudo modprobe {module}; {LOG}",
    )


def _nodes(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    found, wanted = len(gpu_nodes(seen["nodes"])), len(expected.get("gpus") or [])
    return judged(
        "driver.kfd.gpus",
        found >= wanted > 0,
        seen=found,
        wanted=wanted,
        why=f"The driver offers {found} of {wanted} GPUs for computing"
        + (" (it lists the CPU alone, which is no GPU)" if seen["nodes"] and not found else "")
        + ": it is loaded, but could not bring the device up.",
        next=LOG,
        needs=("driver.module.loaded",),
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
        f"driver.{gpu['pci'].replace(':', '-').replace('.', '-')}.bound",
        seen=bound if row else "no such device",
        wanted=module,
        why=f"{gpu.get('name') or gpu['pci']} is "
        f"{'bound to ' + str(bound) if bound else 'bound to no driver' if row else 'gone'}: "
        "it is not at hand for computing on this host.",
        next="`lspci -k` shows what holds it; a card handed to a virtual machine is bound to vfio-pci.",
        needs=("driver.module.loaded",),
    )
