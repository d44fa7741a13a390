"""PyTorch of the host's own environment: build, wheel or package, index, and which Python may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control.planner.model import PREFIX, Context, Decision, Outcome
from control.planner.sources import python_index

if TYPE_CHECKING:
    from control.rows import Torch

VENV = f"{PREFIX}/torch"


def decide(ctx: Context) -> Outcome:
    """The part of the role ``pytorch``. ``part["version"]`` is what verify expects, ``part["row"]`` the table's row."""
    wish = ctx.wishes["pytorch_build"]
    if wish == "none":
        return _outcome(ctx, None, "none", "left out, as asked: pytorch_build is none", "pytorch.none")
    if wish == "rocm" and not ctx.gfx:
        return _missing(ctx, "GH-TORCH-TARGET", "pytorch_build is rocm and no GPU is used")
    build, reason, rule = _build(ctx, wish)
    rows = ctx.table.torch_rows(build, ctx.system.id)
    if not rows:
        return _missing(ctx, "GH-TORCH-NONE", f"no row for the build {build} on {ctx.system.name}")
    fitting = [row for row in rows if build != "rocm" or ctx.gfx in row.targets]
    if not fitting:
        return _missing(ctx, "GH-TORCH-TARGET", f"no ROCm wheel has kernels for {ctx.gfx}")
    row = next((row for row in fitting if python_fits(ctx, row)), None)
    if row is None:
        return _wrong_python(ctx, fitting[0])
    return _outcome(ctx, row, build, reason, rule)


def python_fits(ctx: Context, row: Torch) -> bool:
    """Whether the host's Python is inside the row's range; a row without one takes any."""
    if row.python is None:
        return True
    return Version(row.python.min) <= Version(_python(ctx)) <= Version(row.python.max)


def _python(ctx: Context) -> str:
    """The host's Python as major.minor; the system's own where the snapshot does not say."""
    return ".".join(str(ctx.mapping("python").get("version") or ctx.system.python).split(".")[:2])


def _build(ctx: Context, wish: str) -> tuple[str, str, str]:
    if wish != "auto":
        return wish, f"asked for: pytorch_build is {wish}", "pytorch.asked"
    if ctx.gfx is None:
        return "cpu", "there is no GPU to use", "pytorch.cpu.no-gpu"
    if any(ctx.gfx in row.targets for row in ctx.table.torch_rows("rocm")):
        return "rocm", f"the newest ROCm wheels have kernels for {ctx.gfx}", "pytorch.rocm.target"
    return "cpu", f"no ROCm wheel has kernels for {ctx.gfx}", "pytorch.cpu.target"


def _outcome(ctx: Context, row: Torch | None, build: str, reason: str, rule: str) -> Outcome:
    part = _part(ctx, row, build)
    choice = build if row is None else f"{build} {row.version}"
    decisions = [Decision("pytorch", choice, reason, rule)]
    if build == "rocm":
        why = f"the wheel has kernels for {ctx.gfx}: HSA_OVERRIDE_GFX_VERSION must not be set"
        decisions.append(Decision("override for PyTorch on the host", "not set", why, "override.not-needed"))
    if part["environment"]:
        why = "the host has another GPU that programs would take as well"
        decisions.append(Decision("visible GPUs on the host", str(part["environment"]), why, "gpu.visible.host"))
    findings = []
    if rule == "pytorch.cpu.target":
        findings.append(ctx.finding("GH-GPU-TARGET", f"PyTorch on the host: {reason}", gfx=ctx.gfx))
    return Outcome(part, decisions, findings)


def _part(ctx: Context, row: Torch | None, build: str) -> dict[str, Any]:
    on_host = build != "none"
    extra = list(ctx.wishes["pytorch_requirements"]) if on_host else []
    own = [row.requirement.format(gfx=ctx.gfx)] if row and row.requirement else []
    packages = [*ctx.system.packages["venv"].names, *(row.packages if row else [])] if on_host else []
    index = (ctx.wishes["sources_torch_index"] or row.index_url) if row and row.index_url else python_index(ctx)
    return {
        "build": build,
        "row": row.id if row else None,
        "version": row.version if row else None,
        "prefix": VENV,
        "python": ctx.mapping("python").get("executable") or "/usr/bin/python3",
        "packages": packages,
        "requirements": [*own, *extra],
        "index_url": index,
        # Wheels of PyTorch come from their own index, all that they need from the general one.
        "extra_index_urls": [python_index(ctx)] if index != python_index(ctx) else [],
        "system_site_packages": build == "distro",
        "environment": _environment(ctx) if build == "rocm" else {},
    }


def _environment(ctx: Context) -> dict[str, str]:
    """ROCR_VISIBLE_DEVICES, only where a GPU that KFD offers is not to be used; by uuid where the GPU has one."""
    offered = sorted((gpu for gpu in ctx.gpus if gpu.kfd_node is not None), key=lambda gpu: gpu.kfd_node or 0)
    if all(gpu.use for gpu in offered):
        return {}
    names = [
        f"GPU-{gpu.unique_id.removeprefix('0x')}" if gpu.unique_id else str(index)
        for index, gpu in enumerate(offered)
        if gpu.use
    ]
    return {"ROCR_VISIBLE_DEVICES": ",".join(names)} if names else {}


def _wrong_python(ctx: Context, row: Torch) -> Outcome:
    distro = ctx.table.torch_rows("distro", ctx.system.id)
    wanted = f"{row.python.min} to {row.python.max}" if row.python else "any"
    seen = f"Python {_python(ctx)}; PyTorch {row.version} ({row.build}) has wheels for {wanted}"
    return _missing(ctx, "GH-TORCH-PYTHON", seen, choice="distro, or none" if distro else "none")


def _missing(ctx: Context, finding_id: str, seen: str, **params: str) -> Outcome:
    decision = Decision("pytorch", "none", seen, "pytorch.missing")
    return Outcome(_part(ctx, None, "none"), [decision], [ctx.finding(finding_id, seen, **params)])
