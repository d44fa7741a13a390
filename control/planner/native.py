"""Services that run on the host itself: a catalogue row made concrete as a unit of systemd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner import access, gpu, override
from control.planner.containers import PREFIX_OF_NAMES, Filler, aliases, gpu_env, groups, memory, unit_files
from control.planner.model import Context
from verify import places

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Image, Program, Service

#: The variable that names them.
VARIABLE = "services_native"


def is_native(ctx: Context, service: Service) -> bool:
    """Whether this host runs the service itself."""
    return service.native is not None and service.id in ctx.wishes[VARIABLE]


def findings(ctx: Context) -> list[Finding]:
    """What is asked to run on the host and cannot, or is not known."""
    can = [row.id for row in ctx.table.services() if row.native]
    wrong = [name for name in ctx.wishes[VARIABLE] if name not in can]
    return [ctx.finding("GH-INPUT-NATIVE", f"{name} does not; {VARIABLE} may have {', '.join(can)}") for name in wrong]


def fit(ctx: Context, service: Service) -> override.Fit:
    """Which GPUs the program can use, and with which override."""
    return override.fit(ctx, service.name, _kernels(ctx, service)) if service.gpu else override.Fit()


def driver_min(ctx: Context, service: Service) -> str | None:
    """The oldest driver that the program's ROCm works with."""
    return _kernels(ctx, service).driver_min


def unit(ctx: Context, service: Service, chosen: override.Fit) -> dict[str, Any]:
    """What the role is told of one service on the host; the shape stands in docs/architecture.md.

    ``files`` is for :func:`bridged` to say.
    """
    assert service.native is not None
    row, fill, name = _program(ctx, service), Filler(ctx, service), f"{PREFIX_OF_NAMES}{service.id}"
    folder = f"{places.OPT}/{row.id}/{row.version}"
    devices = access.devices(ctx, chosen.gpus)
    nodes = ctx.parts["gpu_access"]["nodes"]
    owner = {"uid": service.user.uid, "gid": service.user.gid}
    return {
        "name": name,
        "unit": unit_files(service.id)[0],
        "aliases": aliases(service.id),
        "service": service.id,
        "program": row.id,
        "version": row.version,
        "user": name,
        **owner,
        "groups": sorted({*access.GROUPS, *(nodes[path]["group"] for path in devices)}) if devices else [],
        "gids": groups(ctx, devices),
        "folder": folder,
        "archives": _archives(ctx, row, bool(devices)),
        "command": " ".join([f"{folder}/{row.program}", *(fill(word) for word in service.native.arguments)]),
        "env": {**{key: fill(value) for key, value in service.native.env.items()}, **_gpu_env(ctx, service, chosen)},
        "data": fill("{data}"),
        "folders": [{"path": fill(one.path), **owner, "mode": one.mode} for one in service.folders],
        "secrets": [],
        "env_file": None,
        "devices": devices,
        "health": {"path": service.health.path, "json": service.health.json_, "contains": service.health.contains},
        "listen": fill("{listen}"),
        "port": service.port,
        "memory": memory(ctx, service),
        "pids": service.limits.pids,
        "override": chosen.override,
    }


def bridged(units: list[dict[str, Any]], needed: bool) -> list[dict[str, Any]]:
    """The units, with what lets containers reach them only where there are any: services, or the gateway."""
    return [{**one, "files": unit_files(one["service"], needed)} for one in units]


def _kernels(ctx: Context, service: Service) -> Image:
    """The image whose GPU kernels the program has too."""
    return ctx.table.image(_program(ctx, service).kernels)


def _program(ctx: Context, service: Service) -> Program:
    assert service.native is not None
    return ctx.table.program(service.native.program)


def _archives(ctx: Context, row: Program, on_gpu: bool) -> list[dict[str, str]]:
    """Addresses and digests: the maker's, or those of the site's mirror."""
    base = str(ctx.wishes["sources_programs"].get(row.id) or "").rstrip("/")
    url = f"{base}/v{row.version}" if base else row.url.format(version=row.version)
    others = ctx.wishes["sources_programs_sha256"]
    return [
        {"url": f"{url}/{one.name}", "sha256": str(others.get(one.name) or one.sha256)}
        for one in row.archives
        if on_gpu or not one.gpu
    ]


def _gpu_env(ctx: Context, service: Service, chosen: override.Fit) -> dict[str, str]:
    """On the host a program sees every GPU unless it is told which; -1 is none."""
    if not chosen.gpu:
        return {gpu.VISIBLE: "-1"} if ctx.gpus else {}
    return {**gpu.visible(ctx, chosen.gpus), **gpu_env(_kernels(ctx, service), chosen)}
