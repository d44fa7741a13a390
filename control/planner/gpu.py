"""Which GPUs there are, in what state, and which of them programs are to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from control.planner.model import Context, Decision, Gpu, Outcome

if TYPE_CHECKING:
    from control.findings import Finding

#: Drivers that hold a device for a guest.
GUEST_DRIVERS = ("vfio-pci", "pci-stub", "xen-pciback", "pciback")
DRIVER = "amdgpu"

_STATE_WORDS = {
    "reserved": "is reserved for a virtual machine",
    "failed": "is there, but its driver could not start it",
    "foreign": "is bound to another driver than amdgpu",
}


def decide(ctx: Context) -> Outcome:
    """``part["gpus"]`` holds every AMD GPU as a :class:`Gpu`, the used ones marked."""
    gpus = [_gpu(ctx, entry) for entry in ctx.rows("gpus") if entry.get("amd")]
    if ctx.wishes["preflight_cpu_only"]:
        why = "set up without a GPU, as asked"
        decision = Decision("gpu", "none", why, "gpu.cpu-only")
        return Outcome({"gpus": [replace(gpu, why=why) for gpu in gpus]}, [decision], _cpu_only_topology(ctx))
    usable = [gpu for gpu in gpus if gpu.state in ("up", "unloaded") and gpu.gfx]
    if not usable:
        gpus = [replace(gpu, why=_STATE_WORDS.get(gpu.state, "its gfx target is not known")) for gpu in gpus]
        decision = Decision("gpu", "none", "no AMD GPU that can be used", "gpu.none")
        return Outcome({"gpus": gpus}, [decision], [_refusal(ctx, gpus), *_cpu_only_topology(ctx)])
    chosen, rule, reason = _choose(usable)
    marked = [_mark(gpu, chosen, reason) for gpu in gpus]
    names = ", ".join(f"{gpu.name} ({gpu.gfx})" for gpu in marked if gpu.use)
    return Outcome({"gpus": marked}, [Decision("gpu", names, reason, rule)], _remarks(ctx, marked))


def _gpu(ctx: Context, entry: Mapping[str, Any]) -> Gpu:
    row = ctx.table.gpu(entry["device_id"])
    minor = entry.get("render_minor")
    return Gpu(
        pci=entry["pci"],
        name=ctx.table.gpu_name(entry["device_id"], entry.get("revision")),
        # What KFD says is true; the table knows it before the driver is loaded.
        gfx=entry.get("gfx") or (row.gfx if row else None),
        vram_bytes=entry.get("vram_bytes"),
        render_node=f"/dev/dri/renderD{minor}" if minor is not None else None,
        integrated=bool(row and row.integrated),
        state=_state(ctx, entry),
        row=row,
        unique_id=entry.get("unique_id"),
        kfd_node=entry.get("kfd_node"),
    )


def _state(ctx: Context, entry: Mapping[str, Any]) -> str:
    driver = entry.get("driver")
    if driver in GUEST_DRIVERS:
        return "reserved"
    if driver not in (None, DRIVER):
        return "foreign"
    if driver == DRIVER:
        # A bound driver without a KFD node cannot compute: KFD left the device out.
        return "up" if entry.get("kfd_node") is not None else "failed"
    module = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    return "failed" if module.get("loaded") else "unloaded"


def _choose(usable: list[Gpu]) -> tuple[list[Gpu], str, str]:
    """The GPUs to use, the rule and the reason. More memory never makes an integrated GPU win."""
    discrete = [gpu for gpu in usable if not gpu.integrated]
    pool = discrete or usable
    first = max(pool, key=lambda gpu: (gpu.state == "up", gpu.vram_bytes or 0))
    chosen = [gpu for gpu in pool if gpu.gfx == first.gfx]
    if len(chosen) < len(pool):
        return chosen, "gpu.one-target", f"one target per host: {first.gfx} has the GPU with the most memory"
    if len(discrete) < len(usable) and discrete:
        return chosen, "gpu.discrete-first", "a card of its own comes before the processor's graphics"
    if len(chosen) > 1:
        return chosen, "gpu.all", f"{len(chosen)} GPUs of the same target"
    return chosen, "gpu.only", "the only AMD GPU"


def _mark(gpu: Gpu, chosen: list[Gpu], reason: str) -> Gpu:
    if any(one.pci == gpu.pci for one in chosen):
        return replace(gpu, use=True, why=reason)
    why = _STATE_WORDS.get(gpu.state) or ("its gfx target is not known" if not gpu.gfx else reason)
    return replace(gpu, why=why)


def _refusal(ctx: Context, gpus: list[Gpu]) -> Finding:
    """Why no GPU can be used, the state of the most hopeful one first."""
    by_state = {gpu.state: gpu for gpu in gpus}
    if gpu := by_state.get("failed"):
        topology = " KFD lists only the processor." if ctx.mapping("kfd").get("present") else ""
        seen = f"{gpu.name} at {gpu.pci}: amdgpu is loaded and the device is not up.{topology}"
        return ctx.finding("GH-GPU-INIT-FAILED", seen)
    if gpu := by_state.get("up") or by_state.get("unloaded"):
        return ctx.finding("GH-GPU-UNKNOWN", f"{gpu.name} at {gpu.pci}")
    if gpu := by_state.get("foreign"):
        return ctx.finding("GH-GPU-NO-DRIVER", f"{gpu.name} at {gpu.pci} {_STATE_WORDS['foreign']}")
    if gpu := by_state.get("reserved"):
        return ctx.finding("GH-GPU-VFIO", f"{gpu.name} at {gpu.pci} is bound to a guest's driver", pci=gpu.pci)
    others = [f"{entry['vendor_id']}:{entry['device_id']}" for entry in ctx.rows("gpus")]
    return ctx.finding("GH-GPU-NONE", f"no AMD GPU on the PCI bus (seen: {', '.join(others) or 'none at all'})")


def _cpu_only_topology(ctx: Context) -> list[Finding]:
    kfd = ctx.mapping("kfd")
    nodes = kfd.get("nodes") or []
    if not kfd.get("present") or any(node.get("simd_count") for node in nodes):
        return []
    seen = f"/dev/kfd with {len(nodes)} node{'s' if len(nodes) != 1 else ''}, none of them a GPU"
    return [ctx.finding("GH-KFD-CPU-ONLY", seen)]


def _remarks(ctx: Context, gpus: list[Gpu]) -> list[Finding]:
    found = []
    for gpu in gpus:
        if gpu.use and gpu.state == "unloaded":
            found.append(ctx.finding("GH-GPU-NOT-LOADED", f"{gpu.name} at {gpu.pci} has no driver yet"))
        elif gpu.use:
            continue
        elif gpu.state == "reserved":
            found.append(ctx.finding("GH-GPU-RESERVED", f"{gpu.name} at {gpu.pci}", pci=gpu.pci))
        else:
            found.append(ctx.finding("GH-GPU-IGNORED", f"{gpu.name} at {gpu.pci}: {gpu.why}"))
    return found
