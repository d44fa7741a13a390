"""The containers: catalogue rows made concrete for one host."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.planner import access, compat, override
from control.planner.model import Context, Decision, Outcome, in_names
from control.planner.sources import python_index
from control.supportfiles import PLACEHOLDER
from verify import places

if TYPE_CHECKING:
    from control.findings import Finding
    from control.programrows import Secret
    from control.rows import Image, Service

NETWORK = "gpuhost"
PREFIX_OF_NAMES = "gpuhost-"
LABEL = "org.gpuhost.service"
VERIFY = f"{places.OPT}/verify"
GIB = 1 << 30


def decide(ctx: Context) -> Outcome:
    """The part of the role ``services``: images, containers in the order of their needs, models."""
    services, found = enabled(ctx)
    decisions, stale = override.stale(ctx)
    found += stale
    images: list[dict[str, Any]] = []
    containers = []
    for service in services:
        fit = override.fit(ctx, service.name, with_gpu(ctx, service)) if service.gpu else override.Fit()
        base, reference = _image(ctx, service, images, fit)
        decisions += [fit.decision] if fit.decision else []
        found += fit.findings
        found += compat.floor(ctx, service.name, base.driver_min) if fit.gpu else []
        containers.append(_container(ctx, service, base, reference, fit))
        decisions.append(_placed(ctx, service, reference, fit))
    part = {
        "network": NETWORK,
        "data_root": ctx.wishes["services_data_root"],
        "images": images,
        "containers": containers,
        "models": _models(ctx, services),
    }
    return Outcome(part, decisions, found)


def enabled(ctx: Context) -> tuple[list[Service], list[Finding]]:
    """The wanted services with all that they need, those first that others need."""
    known = {row.id: row for row in ctx.table.services()}
    asked = list(ctx.wishes["services_enabled"])
    unknown = [name for name in [*asked, *ctx.wishes["services_ports"]] if name not in known]
    ordered: dict[str, Service] = {}

    def add(name: str) -> None:
        if name in known and name not in ordered:
            for needed in known[name].needs:
                add(needed)
            ordered[name] = known[name]

    for name in asked:
        add(name)
    return list(ordered.values()), [_unknown(ctx, name, list(known)) for name in dict.fromkeys(unknown)]


def _unknown(ctx: Context, name: str, known: list[str]) -> Finding:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    seen = f"there is no service {name!r}; the catalogue has {', '.join(known)}"
    return ctx.finding("GH-INPUT-UNKNOWN-SERVICE", seen, near=near[0] if near else "")


def _placed(ctx: Context, service: Service, reference: str, fit: override.Fit) -> Decision:
    where = "on the GPU" if fit.gpu else "on the processor"
    if len(ctx.used) > 1 and fit.gpu:
        where = f"on {in_names(fit.gpus)}"
    reason = "gpu: true in its row" if fit.gpu else "its row asks for no GPU" if not service.gpu else "no GPU that fits"
    return Decision(f"service {service.id}", f"{reference} {where}", reason, "service.gpu" if fit.gpu else "service.cpu")


def with_gpu(ctx: Context, service: Service) -> Image:
    """The image that brings a service's GPU kernels: its own, or the one that it is built on."""
    row = ctx.table.image(service.image)
    return ctx.table.image(row.built.gpu_base) if row.built else row


def _image(ctx: Context, service: Service, images: list[dict[str, Any]], fit: override.Fit) -> tuple[Image, str]:
    """The image with the kernels (the base of a built one) and the reference that is run; fills ``images``."""
    row = ctx.table.image(service.image)
    if row.built is None:
        images.append({"name": row.reference, "service": service.id, "pull": True})
        return row, row.reference
    base = ctx.table.image(row.built.gpu_base if fit.gpu else row.built.cpu_base)
    arguments = {"BASE": base.reference, "PIP_INDEX_URL": python_index(ctx), **_torch_arguments(ctx, base)}
    tag = base.tag if base.torch else f"{base.tag}-torch{_cpu_torch(ctx).version}"
    reference = f"{row.image}:{tag}"
    images.append({"name": base.reference, "service": service.id, "pull": True})
    build = {"context": row.built.context, "args": arguments}
    images.append({"name": reference, "service": service.id, "build": build})
    return base, reference


def _cpu_torch(ctx: Context) -> Any:
    return ctx.table.torch_rows("cpu")[0]


def _torch_arguments(ctx: Context, base: Image) -> dict[str, str]:
    """A base with PyTorch keeps it; any other gets the build for processors."""
    if base.torch:
        return {"TORCH_REQUIREMENT": "", "TORCH_INDEX_URL": ""}
    row = _cpu_torch(ctx)
    return {"TORCH_REQUIREMENT": row.requirement, "TORCH_INDEX_URL": ctx.wishes["sources_torch_index"] or row.index_url}


def host_port(ctx: Context, service: Service) -> int:
    """The port on the host: the site's where it names one, else the catalogue's."""
    asked = ctx.wishes["services_ports"].get(service.id, service.port)
    # What is no number becomes one that no port has: `ports` tells of it.
    return int(asked) if str(asked).isdigit() else -1


def url(ctx: Context, service: Service) -> str:
    """Where a person on the host reaches the service."""
    return f"http://{_literal(ctx.wishes['services_bind_address'])}:{host_port(ctx, service)}"


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _container(ctx: Context, service: Service, base: Image, reference: str, fit: override.Fit) -> dict[str, Any]:
    fill = Filler(ctx, service)
    owner = {"uid": service.user.uid, "gid": service.user.gid}
    bind = _literal(ctx.wishes["services_bind_address"])
    return {
        "name": f"{PREFIX_OF_NAMES}{service.id}",
        "service": service.id,
        "image": reference,
        "user": f"{service.user.uid}:{service.user.gid}",
        "aliases": [service.id],
        "ports": [f"{bind}:{host_port(ctx, service)}:{service.port}"],
        "folders": [{"path": fill(folder.path), **owner, "mode": folder.mode} for folder in service.folders],
        "mounts": [
            {"source": fill(mount.source), "target": fill(mount.target), "read_only": mount.read_only}
            for mount in service.mounts
        ],
        "env": {**{name: fill(value) for name, value in service.env.items()}, **_gpu_env(ctx, base, fit)},
        "env_file": _env_file(service, fill, owner),
        "secrets": [
            {"path": secret_path(service.id, one.name), **_secret(one), **owner, "mode": "0400"} for one in service.secrets
        ],
        "devices": access.devices(ctx, fit.gpus),
        "groups": groups(ctx, access.devices(ctx, fit.gpus)),
        "healthcheck": {
            "test": [fill(word) for word in service.health.test],
            "interval": "5s",
            "timeout": "10s",
            "retries": 6,
            "start_period": f"{service.health.start_period_s}s",
        },
        "cap_drop": ["ALL"],
        "security_opts": ["no-new-privileges:true"],
        "read_only": service.read_only,
        "tmpfs": ["/tmp"] if service.read_only else [],
        "memory": _memory(ctx, service),
        "pids_limit": service.limits.pids,
        "shm_size": f"{service.limits.shm_mb}M" if service.limits.shm_mb else None,
        "restart_policy": "unless-stopped",
        "labels": {LABEL: service.id},
        "override": fit.override,
    }


def groups(ctx: Context, devices: list[str]) -> list[str]:
    """The numeric groups that own the devices: names differ between host and image, numbers do not."""
    nodes = ctx.parts["gpu_access"]["nodes"]
    numbers = {nodes[path]["gid"] for path in devices if nodes[path]["gid"] is not None}
    return [str(number) for number in sorted(numbers)]


def _gpu_env(ctx: Context, base: Image, fit: override.Fit) -> dict[str, str]:
    if not fit.gpu:
        return {}
    integrated = any(gpu.integrated and gpu.gfx not in base.integrated_default for gpu in fit.gpus)
    extra = dict(base.integrated_env) if integrated else {}
    return {**extra, override.VARIABLE: fit.override} if fit.override else extra


def _env_file(service: Service, fill: Filler, owner: Mapping[str, int]) -> dict[str, Any] | None:
    row = service.env_file
    if row is None:
        return None
    return {
        "path": fill(row.path),
        "values": {name: fill(value) for name, value in row.values.items()},
        "secrets": [_secret(one) for one in row.secrets],
        **owner,
        "mode": "0600",
    }


def _secret(row: Secret) -> dict[str, Any]:
    return {"name": row.name, "length": row.length, "encrypts": row.encrypts}


def secret_path(service: str, name: str) -> str:
    """Where a service's secret is kept on the host."""
    return f"{places.SECRETS}/{service}/{name}"


def _memory(ctx: Context, service: Service) -> str:
    """In whole GiB where there are several: the host's total differs by a little from boot to boot."""
    share = int((ctx.mapping("memory").get("total_bytes") or 0) * service.limits.memory_share)
    if service.limits.memory_max_mb:
        share = min(share, service.limits.memory_max_mb << 20)
    return f"{share // GIB}G" if share >= 2 * GIB else f"{max(share >> 28, 2) << 8}M"


def _models(ctx: Context, services: list[Service]) -> list[dict[str, str]]:
    server = next((service for service in services if service.models), None)
    return [{"url": url(ctx, server), "model": name} for name in ctx.wishes["services_models"]] if server else []


class Filler:
    """Fills the placeholders in a service row's texts with the values of one host."""

    def __init__(self, ctx: Context, service: Service) -> None:
        models = ctx.wishes["services_models"]
        self._service = service
        self._ports = {row.id: row.port for row in ctx.table.services()}
        self._plain = {
            "data": f"{ctx.wishes['services_data_root'].rstrip('/')}/{service.id}",
            "model": models[0] if models else "",
            "port": str(service.port),
            "verify": VERIFY,
        }

    def __call__(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda match: self._value(match[1], match[2]), text)

    def _value(self, name: str, argument: str | None) -> str:
        if name == "address":
            return f"http://{argument}:{self._ports[str(argument)]}"
        if name == "secret":
            return secret_path(self._service.id, str(argument))
        return self._plain[name]
