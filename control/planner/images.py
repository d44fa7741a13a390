"""Which image of a service this host runs: the one with kernels for its GPU, one that needs none, or one for processors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from control.planner import access, override
from control.planner.model import Context, Decision
from control.planner.sources import DOCKER_HUB, python_index

if TYPE_CHECKING:
    from control.rows import Image, Service


#: The registry of an image that names none.
DOCKERS_OWN = DOCKER_HUB.partition(".")[2]


@dataclass(frozen=True)
class Chosen:
    """What a service runs with. ``base``: the row with the kernels; ``reference``: what is given to the engine.

    ``devices``: the nodes that its program opens.
    """

    base: Image
    reference: str
    fit: override.Fit
    devices: tuple[str, ...] = ()


def choose(ctx: Context, service: Service, images: list[dict[str, Any]]) -> Chosen:
    """The image of a service on this host; what has to be fetched and built for it joins ``images``."""
    row = ctx.table.image(service.image)
    fit = override.fit(ctx, service.name, with_gpu(ctx, service)) if service.gpu else override.Fit()
    if service.fallback and not fit.gpu:
        row, fit = _instead(ctx, service, fit)
    nodes = access.devices(ctx, fit.gpus)
    # Vulkan goes through the render node alone.
    devices = tuple(node for node in nodes if not (row.vulkan and node == access.KFD))
    base, reference = _fetched(ctx, service, row, images, fit)
    return Chosen(base, reference, fit, devices)


def with_gpu(ctx: Context, service: Service) -> Image:
    """The image that brings a service's GPU kernels: its own, or the one that it is built on."""
    row = ctx.table.image(service.image)
    return ctx.table.image(row.built.gpu_base) if row.built else row


def _instead(ctx: Context, service: Service, fit: override.Fit) -> tuple[Image, override.Fit]:
    """The image for a host whose GPU the first one has no kernels for, or that has no GPU."""
    assert service.fallback is not None
    if not ctx.used:
        return ctx.table.image(service.fallback.cpu), override.Fit()
    row = ctx.table.image(service.fallback.vulkan)
    why = f"{reference(ctx, ctx.table.image(service.image))} has no kernels for {' and '.join(ctx.targets) or 'the GPU'}"
    said = Decision(f"image of {service.name}", "Vulkan", f"{why}; Vulkan compiles its own", "service.vulkan")
    return row, replace(fit, gpus=tuple(ctx.used), override=None, decision=said, findings=())


def _fetched(
    ctx: Context, service: Service, row: Image, images: list[dict[str, Any]], fit: override.Fit
) -> tuple[Image, str]:
    """The image with the kernels (the base of a built one) and the reference that is run; fills ``images``."""
    if row.built is None:
        images.append({"name": reference(ctx, row), "service": service.id, "pull": True})
        return row, reference(ctx, row)
    base = ctx.table.image(row.built.gpu_base if fit.gpu else row.built.cpu_base)
    from_there = reference(ctx, base)
    arguments = {
        "BASE": from_there,
        "PIP_INDEX_URL": python_index(ctx),
        **_torch_arguments(ctx, base),
        **_extensions(ctx, service),
    }
    tag = base.tag if base.torch else f"{base.tag}-torch{_cpu_torch(ctx).version}"
    built = f"{row.image}:{tag}"
    images.append({"name": from_there, "service": service.id, "pull": True})
    images.append({"name": built, "service": service.id, "build": {"context": row.built.context, "args": arguments}})
    return base, built


def reference(ctx: Context, row: Image) -> str:
    """What the engine pulls: the image's own name, or the same image in the site's copy of its registry."""
    registry, path = _parts(row.reference)
    copy = ctx.wishes["sources_registries"].get(registry)
    return f"{str(copy).rstrip('/')}/{path}" if copy else row.reference


def _parts(name: str) -> tuple[str, str]:
    """The registry that an image is in, Docker's own too, and the name that it has there."""
    registry = registry_of(name)
    if registry:
        return registry, name.removeprefix(f"{registry}/")
    return DOCKERS_OWN, name if "/" in name else f"library/{name}"


def registry_of(name: str) -> str:
    """The registry in an image's name; empty for Docker's own."""
    first, _, rest = name.partition("/")
    return first if rest and ("." in first or ":" in first) else ""


def _extensions(ctx: Context, service: Service) -> dict[str, str]:
    """What the build adds, and whether it goes on without what the index does not have."""
    if not service.extensions:
        return {}
    required = bool(ctx.wishes["services_jupyter_extensions_required"])
    return {"EXTENSIONS": " ".join(service.extensions.values()), "EXTENSIONS_REQUIRED": "1" if required else ""}


def _cpu_torch(ctx: Context) -> Any:
    return ctx.table.torch_rows("cpu")[0]


def _torch_arguments(ctx: Context, base: Image) -> dict[str, str]:
    """A base with PyTorch keeps it; any other gets the build for processors."""
    if base.torch:
        return {"TORCH_REQUIREMENT": "", "TORCH_INDEX_URL": ""}
    row = _cpu_torch(ctx)
    return {"TORCH_REQUIREMENT": row.requirement, "TORCH_INDEX_URL": ctx.wishes["sources_torch_index"] or row.index_url}
