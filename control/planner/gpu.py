"""Which GPUs there are, in what state, and which of them programs are to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from control.planner import kernels
from control.planner.model import DRIVER, Context, Decision, Gpu, Node, Outcome, in_names

if TYPE_CHECKING:
    from control.findings import Finding

#: Drivers that hold a device for a guest.
GUEST_DRIVERS = ("vfio-pci", "pci-stub", "xen-pciback", "pciback")
#: ROCr's name for the GPUs that a program gets to see.
VISIBLE = "ROCR_VISIBLE_DEVICES"

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
    decisions = [Decision("gpu", in_names(gpu for gpu in marked if gpu.use), reason, rule), *_partitions(chosen)]
    return Outcome({"gpus": marked}, decisions, _remarks(ctx, marked))


def _gpu(ctx: Context, entry: Mapping[str, Any]) -> Gpu:
    row = ctx.table.gpu(entry["device_id"])
    # What KFD says is true; the table knows it before the driver is loaded.
    gfx = entry.get("gfx") or (row.gfx if row else None)
    minor = entry.get("render_minor")
    return Gpu(
        pci=entry["pci"],
        name=ctx.table.gpu_name(entry["device_id"], entry.get("revision")),
        gfx=gfx,
        vram_bytes=entry.get("vram_bytes"),
        render_node=_render_node(minor),
        integrated=bool(row and row.integrated),
        state=_state(ctx, entry, gfx),
        row=row,
        kfd_node=entry.get("kfd_node"),
        nodes=tuple(_nodes(ctx, entry)),
    )


def _render_node(minor: int | None) -> str | None:
    return f"/dev/dri/renderD{minor}" if minor else None


def _offered(ctx: Context) -> list[Mapping[str, Any]]:
    """The nodes with compute units, in the order in which ROCr counts them; a processor's node is none of them."""
    return [node for node in ctx.mapping("kfd").get("nodes") or [] if node.get("simd_count")]


def _nodes(ctx: Context, entry: Mapping[str, Any]) -> list[Node]:
    """The GPU's own compute nodes: one, or one for each partition, told apart by the function bits of the address."""
    if entry.get("kfd_node") is None:
        return []
    nodes = [(index, node) for index, node in enumerate(_offered(ctx)) if _at(node, entry)]
    return [Node(index, _render_node(node.get("drm_render_minor")), node.get("unique_id")) for index, node in nodes]


def _at(node: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether a node lies at the GPU's PCI address. KFD writes it as bus << 8 | device << 3 | function."""
    location = node.get("location_id") or 0
    where = f"{node.get('domain') or 0:04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}"
    return bool(node["node"] == entry["kfd_node"] or where == entry["pci"].rpartition(".")[0])


def _state(ctx: Context, entry: Mapping[str, Any], gfx: str | None) -> str:
    driver = entry.get("driver")
    if driver in GUEST_DRIVERS:
        return "reserved"
    if driver not in (None, DRIVER):
        return "foreign"
    if driver == DRIVER and entry.get("kfd_node") is not None:
        return "up"
    module = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    if driver is None and not module.get("loaded"):
        return "unloaded"
    # A bound driver without a KFD node cannot compute: KFD left the device out. Where the kernel is older than the chip
    # that says nothing against the device: it waits for a newer driver.
    return "unloaded" if module.get("in_tree") and kernels.older_than(ctx, gfx) else "failed"


def _choose(usable: list[Gpu]) -> tuple[list[Gpu], str, str]:
    """The GPUs to use, the rule and the reason. More memory never makes an integrated GPU win."""
    discrete = [gpu for gpu in usable if not gpu.integrated]
    chosen = discrete or usable
    targets = sorted({str(gpu.gfx) for gpu in chosen})
    if len(targets) > 1:
        words = f"{len(chosen)} GPUs of {' and '.join(targets)}: each program gets those that it has kernels for"
        return chosen, "gpu.targets", words
    if len(discrete) < len(usable) and discrete:
        return chosen, "gpu.discrete-first", "a card of its own comes before the processor's graphics"
    if len(chosen) > 1:
        return chosen, "gpu.all", f"{len(chosen)} GPUs of the same target"
    return chosen, "gpu.only", "the only AMD GPU"


def _mark(gpu: Gpu, chosen: list[Gpu], reason: str) -> Gpu:
    if any(one.pci == gpu.pci for one in chosen):
        return replace(gpu, use=True, why=reason)
    why = _STATE_WORDS.get(gpu.state) or (
        "a card of its own comes before the processor's graphics" if gpu.gfx else "its gfx target is not known"
    )
    return replace(gpu, why=why)


def _partitions(chosen: Sequence[Gpu]) -> list[Decision]:
    why = "the card is partitioned: each part is a device with its own share of memory and compute units"
    return [
        Decision(f"partitions of {gpu.name} at {gpu.pci}", f"all {len(gpu.nodes)}", why, "gpu.partitioned")
        for gpu in chosen
        if len(gpu.nodes) > 1
    ]


def visible(ctx: Context, gpus: Sequence[Gpu]) -> dict[str, str]:
    """The environment that shows a program ``gpus`` and no others; empty where KFD offers no others.

    By uuid where KFD has one that no other node shares (ROCr reads it as 16 digits and stops at one that fits two:
    ROCR-Runtime core/runtime/amd_filter_device.cpp). Else by index, which is KFD's order: it changes when a card is added.
    """
    wanted = [node for gpu in gpus for node in gpu.nodes]
    offered = _offered(ctx)
    if not wanted or len(wanted) == len(offered):
        return {}
    uuids = [node.get("unique_id") for node in offered]
    names = [
        f"GPU-{node.unique_id}" if node.unique_id and uuids.count(node.unique_id) == 1 else str(node.index)
        for node in sorted(wanted, key=lambda node: node.index)
    ]
    return {VISIBLE: ",".join(names)}


def _refusal(ctx: Context, gpus: list[Gpu]) -> Finding:
    """Why no GPU can be used, the state of the most hopeful one first."""
    by_state = {gpu.state: gpu for gpu in gpus}
    if gpu := by_state.get("failed"):
        topology = " KFD lists only the processor." if _only_processors(ctx) else ""
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


def _only_processors(ctx: Context) -> bool:
    """Whether KFD lists nodes, all of them read, and none of them a GPU's."""
    kfd = ctx.mapping("kfd")
    nodes = kfd.get("nodes") or []
    return bool(kfd.get("present") and nodes) and all(node.get("kind") == "cpu" for node in nodes)


def _cpu_only_topology(ctx: Context) -> list[Finding]:
    kfd = ctx.mapping("kfd")
    nodes = kfd.get("nodes") or []
    if not kfd.get("present") or _offered(ctx):
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
