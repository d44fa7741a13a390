"""Memory of integrated GPUs, and what several GPUs ask of the IOMMU: kernel parameters and what only a person can set.

An integrated GPU shares the host's memory. By default it may map half of it (TTM's limit); what the BIOS reserves for it
(the carve-out) is lost to the system and brings no speed. AMD: keep the carve-out small, for example 0.5 GB, and raise the
limit (ROCm docs, reference/system-optimization/rdna3-5). The limit costs nothing until a program uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from packaging.version import Version

from control.planner import compat, kernels
from control.planner.model import Context, Decision, Gpu, Outcome, in_words
from onhost.kernel_parameters import DROP_IN

if TYPE_CHECKING:
    from control.findings import Finding

#: A kernel parameter that the plan wants: name, value, reason, rule.
Wanted = tuple[str, str, str, str]

GIB = 1 << 30
PAGE = 4096
#: Memory modules come in these steps; the kernel keeps a part, and an integrated GPU another, so MemTotal is always less.
STEP = 8 * GIB
#: The GPU's part. amdgpu itself takes three quarters on MI300A (gmc_v9_0.c); 96 of 128 GiB was measured to be mapped whole
#: on Strix Halo (noamsto/nix-amd-ai#42).
SHARE_NUMERATOR, SHARE_DENOMINATOR = 3, 4
#: Below this the system needs its half.
LITTLE = 24 * GIB
#: A carve-out above this is more than the firmware's own default.
SMALL_CARVE_OUT = 4 * GIB
OEM_MENDED = (6, 14, 0, 1018)
#: Says on the kernel command line what must not stand beside TTM's limit (legacy-rocm-build#5595).
DEPRECATED = "amdgpu.gttsize="


def wanted(ctx: Context) -> list[Wanted]:
    """The parameters for the kernel command line. Stays the same once they are set, so that a second run changes nothing."""
    if ctx.simulated or ctx.mapping("kernel").get("container"):
        return []
    return [*_pages(ctx), *_iommu(ctx)]


def set_otherwise(ctx: Context, name: str, value: str) -> str | None:
    """The word of the running command line that gives a parameter another value, and that is not of gpuhost's drop-in.

    It is somebody's decision, and the role keeps it. As for the kernel, ``-`` and ``_`` are the same, and the last counts.
    """
    said = [word for word in _cmdline(ctx) if word.partition("=")[0].replace("-", "_") == name.replace("-", "_")]
    if not said or said[-1].partition("=")[2] == value or said[-1] in _own_words(ctx):
        return None
    return said[-1]


def _own_words(ctx: Context) -> list[str]:
    files = (ctx.mapping("kernel").get("boot") or {}).get("parameter_files") or []
    return [
        word for one in files if one.get("path") == DROP_IN for word in str(one.get("text") or "").replace('"', " ").split()
    ]


def limit_bytes(total: int, carve_out: int) -> int | None:
    """What the GPU may map of ``total`` (MemTotal), in whole GiB; None where the kernel's own half will do.

    >>> limit_bytes(134_918_000_000, 512 << 20) >> 30
    96
    """
    installed = -(-(total + carve_out) // STEP) * STEP
    if installed < LITTLE:
        return None
    limit = (installed * SHARE_NUMERATOR // SHARE_DENOMINATOR - carve_out) // GIB * GIB
    return limit if limit > total // 2 and limit > carve_out else None


def _integrated(ctx: Context) -> list[Gpu]:
    """Integrated GPUs that some program has kernels for: for the others more memory is of no use."""
    known = {gfx for row in ctx.table.torch for gfx in row.targets} | {
        gfx for row in ctx.table.images for gfx in row.targets
    }
    return [gpu for gpu in ctx.used if gpu.integrated and gpu.gfx in known]


def _carve_out(ctx: Context) -> int:
    return sum(gpu.vram_bytes or 0 for gpu in _integrated(ctx))


def _total(ctx: Context) -> int:
    return int(ctx.mapping("memory").get("total_bytes") or 0)


def _pages(ctx: Context) -> list[Wanted]:
    gpus = _integrated(ctx)
    # Without its driver a GPU does not tell what the firmware reserves for it, and the limit depends on that.
    told = bool(gpus) and all(gpu.vram_bytes is not None for gpu in gpus)
    limit = limit_bytes(_total(ctx), _carve_out(ctx)) if told and _total(ctx) else None
    if limit is None:
        return []
    # AMD's own driver brings a TTM of its own.
    module = "amdttm" if compat.driver_at_work(ctx).kind == "dkms" else "ttm"
    pages = limit // PAGE
    if _now(ctx, module) > pages:
        return []
    why = f"the GPU shares the host's memory: {limit // GIB} GiB of it instead of half, and only while a program uses them"
    return [(f"{module}.pages_limit", str(pages), why, "memory.ttm")]


def _now(ctx: Context, module: str) -> int:
    """The limit that is in force, or that the kernel was started with; 0 where neither is told."""
    said = [word.partition("=")[2] for word in _cmdline(ctx) if word.startswith(f"{module}.pages_limit=")]
    parameters = (ctx.mapping("kernel").get("parameters") or {}).get(module) or {}
    return max((int(one) for one in [*said, str(parameters.get("pages_limit"))] if one.isdigit()), default=0)


def _cmdline(ctx: Context) -> list[str]:
    return str(ctx.mapping("kernel").get("cmdline") or "").split()


def _iommu(ctx: Context) -> list[Wanted]:
    """AMD: several GPUs may hang without it (ROCm install FAQ, issue 5; ROCm/rccl#1129)."""
    iommu = ctx.mapping("iommu")
    ours = "iommu=pt" in _cmdline(ctx)
    if len(ctx.used) < 2 or not iommu.get("groups") or (iommu.get("type") == "identity" and not ours):
        return []
    why = f"{len(ctx.used)} GPUs: transfers between them can hang while the IOMMU translates addresses"
    return [("iommu", "pt", why, "memory.iommu")]


def decide(ctx: Context) -> Outcome:
    """How much an integrated GPU may use, and what of it no parameter can mend. The parameters are the role ``amdgpu``'s."""
    gpus = _integrated(ctx)
    if not gpus or ctx.simulated:
        return Outcome({})
    found = [*_reserved(ctx), *_kernel(ctx, gpus), *_deprecated(ctx)]
    asked = ctx.wishes["amdgpu_kernel_parameters"] == "auto"
    planned = [one for one in _pages(ctx) if asked and set_otherwise(ctx, one[0], one[1]) is None]
    limit = limit_bytes(_total(ctx), _carve_out(ctx)) if planned else None
    if limit:
        words, why, rule = f"{limit // GIB} GiB", "three quarters of what is installed", "memory.ttm"
    else:
        words, why, rule = _as_it_is(ctx, gpus)
    return Outcome({}, [Decision("memory that the GPU may use", words, why, rule)], found)


def _as_it_is(ctx: Context, gpus: Sequence[Gpu]) -> tuple[str, str, str]:
    if any(gpu.vram_bytes is None for gpu in gpus):
        why = f"what the firmware reserves for {gpus[0].name} is told once its driver is at work; a later run sets the limit"
        return "as it is", why, "memory.unknown"
    if _total(ctx) + _carve_out(ctx) < LITTLE:
        return "half", "with this little memory the system needs the other half", "memory.little"
    return (
        "as it is",
        f"{in_words(_carve_out(ctx))} are reserved for {gpus[0].name}, or the limit is set otherwise",
        "memory.kept",
    )


def _reserved(ctx: Context) -> list[Finding]:
    carve_out = _carve_out(ctx)
    if carve_out <= SMALL_CARVE_OUT:
        return []
    return [
        ctx.finding("GH-APU-CARVEOUT", f"the BIOS reserves {in_words(carve_out)} of {in_words(carve_out + _total(ctx))}")
    ]


def _kernel(ctx: Context, gpus: Sequence[Gpu]) -> list[Finding]:
    running = kernels.upstream(kernels.running(ctx))
    for gpu in gpus:
        target = ctx.table.target(gpu.gfx)
        since = target.full_memory_since if target else None
        own = compat.driver_at_work(ctx).kind == "inbox" and not _mended(kernels.running(ctx))
        if since and running and running < Version(since) and own:
            seen = f"{gpu.name} with Linux {running}; {since} is the first that lets programs have all its memory"
            return [ctx.finding("GH-APU-KERNEL", seen, since=since)]
    return []


def _mended(release: str) -> bool:
    """Whether an older kernel has the fixes all the same: Ubuntu's OEM kernel of 24.04 from 6.14.0-1018 on (AMD)."""
    return kernels.flavour(release) == "oem" and kernels.order(release) >= OEM_MENDED


def _deprecated(ctx: Context) -> list[Finding]:
    found = [word for word in _cmdline(ctx) if word.startswith(DEPRECATED)]
    return [ctx.finding("GH-APU-GTTSIZE", f"the kernel was started with {' '.join(found)}")] if found else []
