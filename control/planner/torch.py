"""PyTorch of the host's own environment: build, wheel or package, index, GPUs, and which Python may use it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control.planner import compat
from control.planner.gpu import visible
from control.planner.model import Context, Decision, Gpu, Outcome
from control.planner.sources import python_index
from verify import places

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Torch

VENV = f"{places.OPT}/torch"
#: What findings call this consumer.
NAME = "PyTorch on the host"


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
    fitting = [row for row in rows if build != "rocm" or gpus_for(ctx, row)]
    if not fitting:
        return _missing(ctx, "GH-TORCH-TARGET", f"no ROCm wheel has kernels for {' or '.join(ctx.targets)}")
    # The first GPU is the one with the most memory: a wheel for it comes before a newer one for another.
    fitting.sort(key=lambda row: build == "rocm" and ctx.gfx not in row.targets)
    row = next((row for row in fitting if python_fits(ctx, row)), None)
    if row is None:
        return _wrong_python(ctx, fitting[0])
    return _outcome(ctx, row, build, reason, rule)


def gpus_for(ctx: Context, row: Torch) -> list[Gpu]:
    """The used GPUs that a wheel has kernels for."""
    return [gpu for gpu in ctx.used if gpu.gfx in row.targets]


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
    known = [gfx for gfx in ctx.targets if any(gfx in row.targets for row in ctx.table.torch_rows("rocm"))]
    if known:
        return "rocm", f"ROCm wheels have kernels for {' and '.join(known)}, and bring their own ROCm", "pytorch.rocm.target"
    return "cpu", f"no ROCm wheel has kernels for {' or '.join(ctx.targets)}", "pytorch.cpu.target"


def _outcome(ctx: Context, row: Torch | None, build: str, reason: str, rule: str) -> Outcome:
    gpus = gpus_for(ctx, row) if row and build == "rocm" else []
    part = _part(ctx, row, build, gpus)
    choice = build if row is None else f"{build} {row.version}" + (f" with ROCm {row.rocm}" if row.rocm else "")
    decisions = [Decision("pytorch", choice, reason, rule)]
    if gpus:
        names = " and ".join(dict.fromkeys(str(gpu.gfx) for gpu in gpus))
        why = f"the wheel has kernels for {names}: HSA_OVERRIDE_GFX_VERSION costs speed there and can give wrong results"
        decisions.append(Decision(f"override for {NAME}", "must not be set", why, "override.not-needed"))
    if part["environment"]:
        decisions.append(_visible(part["environment"]))
    return Outcome(part, decisions, _findings(ctx, row, gpus, reason, rule))


def _visible(environment: dict[str, str]) -> Decision:
    choice = ", ".join(f"{name}={value}" for name, value in environment.items())
    why = "KFD offers a GPU that is not for this program"
    if not all(name.startswith("GPU-") for value in environment.values() for name in value.split(",")):
        why += "; by number, since it has no unique id: a card that is put in or taken out can change the number"
    return Decision("GPUs visible on the host", choice, why, "gpu.visible.host")


def _findings(ctx: Context, row: Torch | None, gpus: Sequence[Gpu], reason: str, rule: str) -> list[Finding]:
    if rule == "pytorch.cpu.target":
        return [ctx.finding("GH-GPU-TARGET", f"{NAME}: {reason}", gfx=ctx.gfx)]
    if not gpus or row is None:
        return []
    left = [gpu for gpu in ctx.used if gpu not in gpus]
    seen = [f"{NAME} uses {gpus[0].gfx} and leaves out {gpu.name} ({gpu.gfx})" for gpu in left]
    return [*(ctx.finding("GH-GPU-PARTLY", one) for one in seen), *compat.floor(ctx, NAME, row.driver_min)]


def _part(ctx: Context, row: Torch | None, build: str, gpus: Sequence[Gpu]) -> dict[str, Any]:
    on_host = build != "none"
    extra = list(ctx.wishes["pytorch_requirements"]) if on_host else []
    own = [_requirement(row.requirement, gpus)] if row and row.requirement else []
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
        "environment": visible(ctx, gpus),
    }


def _requirement(template: str, gpus: Sequence[Gpu]) -> str:
    """What pip gets: one extra for each target, ``torch[device-gfx1032,device-gfx1100]==…``."""
    targets = dict.fromkeys(str(gpu.gfx) for gpu in gpus)
    return re.sub(r"([\w-]*)\{gfx\}", lambda match: ",".join(match[1] + gfx for gfx in targets), template)


def _wrong_python(ctx: Context, row: Torch) -> Outcome:
    distro = ctx.table.torch_rows("distro", ctx.system.id)
    wanted = f"{row.python.min} to {row.python.max}" if row.python else "any"
    seen = f"Python {_python(ctx)}; PyTorch {row.version} ({row.build}) has wheels for {wanted}"
    return _missing(ctx, "GH-TORCH-PYTHON", seen, choice="distro, or none" if distro else "none")


def _missing(ctx: Context, finding_id: str, seen: str, **params: str) -> Outcome:
    decision = Decision("pytorch", "none", seen, "pytorch.missing")
    return Outcome(_part(ctx, None, "none", []), [decision], [ctx.finding(finding_id, seen, **params)])
