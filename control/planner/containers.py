"""One container: a catalogue row made concrete for one host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.given_secrets import VARIABLE as GIVEN
from control.planner import gatewayaddresses, modelfiles, override, scraping
from control.planner.images import Chosen
from control.planner.model import Context
from control.supportfiles import PLACEHOLDER
from verify import places

if TYPE_CHECKING:
    from control.programrows import Secret
    from control.rows import Image, Service

PREFIX_OF_NAMES = "gpuhost-"
LABEL = "org.gpuhost.service"
VERIFY = f"{places.OPT}/verify"
GIB = 1 << 30
LOOPBACK = ("127.0.0.1", "::1")


def container(ctx: Context, service: Service, chosen: Chosen) -> dict[str, Any]:
    """What the role is told of one container; the shape stands in docs/architecture.md."""
    fill = Filler(ctx, service)
    owner = {"uid": service.user.uid, "gid": service.user.gid}
    bind = literal(ctx.wishes["services_bind_address"])
    file = modelfiles.decide(ctx, service)
    browser = scraping.decide(ctx, service)
    return {
        "name": f"{PREFIX_OF_NAMES}{service.id}",
        "service": service.id,
        "image": chosen.reference,
        "command": [fill(word) for word in service.command],
        "user": f"{service.user.uid}:{service.user.gid}",
        "aliases": aliases(service.id),
        "units": unit_files(service.id) if service.native else [],
        "ports": [f"{bind}:{host_port(ctx, service)}:{service.port}"],
        "folders": [{"path": fill(folder.path), **owner, "mode": folder.mode} for folder in service.folders],
        "mounts": [
            *(
                {"source": fill(mount.source), "target": fill(mount.target), "read_only": mount.read_only}
                for mount in service.mounts
            ),
            *(file["mounts"] if file else []),
        ],
        "model_file": file and {key: file[key] for key in ("model", "store", "links")},
        "env": {
            **{name: fill(value) for name, value in service.env.items()},
            **gpu_env(chosen.base, chosen.fit),
            **browser.env,
        },
        "env_file": _env_file(ctx, service, fill, owner),
        "secrets": [
            {"path": secret_path(service.id, one.name), **_secret(one), **owner, "mode": "0400"}
            for one in _there(ctx, service, service.secrets)
        ],
        "devices": list(chosen.devices),
        "groups": groups(ctx, list(chosen.devices)),
        "healthcheck": {
            "test": [fill(word) for word in service.health.test],
            "interval": "5s",
            "timeout": "10s",
            "retries": 6,
            "start_period": f"{service.health.start_period_s}s",
        },
        "cap_drop": ["ALL"],
        "cap_add": browser.cap_add,
        "seccomp": browser.seccomp,
        "security_opts": ["no-new-privileges:true"],
        "read_only": service.read_only,
        "tmpfs": ["/tmp"] if service.read_only else [],
        "memory": memory(ctx, service),
        "pids_limit": service.limits.pids,
        "shm_size": f"{service.limits.shm_mb}M" if service.limits.shm_mb else None,
        "restart_policy": "unless-stopped",
        "labels": {LABEL: service.id},
        "override": chosen.fit.override,
    }


def host_port(ctx: Context, service: Service) -> int:
    """The port on the host: the site's where it names one, else the catalogue's."""
    asked = ctx.wishes["services_ports"].get(service.id, service.port)
    # What is no number becomes one that no port has: `ports` tells of it.
    return int(asked) if str(asked).isdigit() else -1


def url(ctx: Context, service: Service) -> str:
    """Where a person on the host reaches the service."""
    return f"http://{literal(ctx.wishes['services_bind_address'])}:{host_port(ctx, service)}"


def origins(ctx: Context, service: Service) -> list[str]:
    """Where a browser shows the service's pages: on this host under both of its names, and through the gateway."""
    own = url(ctx, service)
    local = str(ctx.wishes["services_bind_address"]) in LOOPBACK
    here = [own, *([f"http://localhost:{host_port(ctx, service)}"] if local else [])]
    return [*here, *gatewayaddresses.origins(ctx, service)]


def literal(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def aliases(service: str) -> list[str]:
    """What a service is called in the network. Ollama on the host listens on 127.0.0.1, and answers only who calls it by an
    address or a name like the second (its server/routes.go, allowedHost)."""
    return [service, f"{service}.internal"]


def unit_files(service: str, bridged: bool = True) -> list[str]:
    """The units of a service on the host itself: its own, and what lets containers reach it."""
    name = f"{PREFIX_OF_NAMES}{service}"
    return [f"{name}.service", *([f"{name}-bridge.socket", f"{name}-bridge.service"] if bridged else [])]


def groups(ctx: Context, devices: list[str]) -> list[str]:
    """The numeric groups that own the devices: names differ between host and image, numbers do not."""
    nodes = ctx.parts["gpu_access"]["nodes"]
    numbers = {nodes[path]["gid"] for path in devices if nodes[path]["gid"] is not None}
    return [str(number) for number in sorted(numbers)]


def gpu_env(base: Image, fit: override.Fit) -> dict[str, str]:
    """What a program with these kernels has to be told of the GPUs that it gets."""
    if not fit.gpu:
        return {}
    integrated = any(gpu.integrated and gpu.gfx not in base.integrated_default for gpu in fit.gpus)
    extra = dict(base.integrated_env) if integrated else {}
    return {**extra, override.VARIABLE: fit.override} if fit.override else extra


def _env_file(ctx: Context, service: Service, fill: Filler, owner: Mapping[str, int]) -> dict[str, Any] | None:
    row = service.env_file
    if row is None:
        return None
    return {
        "path": fill(row.path),
        "values": {name: fill(value) for name, value in row.values.items()},
        "secrets": [_secret(one) for one in _there(ctx, service, row.secrets)],
        **owner,
        "mode": "0600",
    }


def _there(ctx: Context, service: Service, rows: list[Secret]) -> list[Secret]:
    """Secrets that the service has on this host: what nobody can make is there only where the site gives it."""
    given = ctx.wishes[GIVEN]
    named = given.get(service.id) if isinstance(given, Mapping) else None
    return [one for one in rows if not one.optional or (isinstance(named, Mapping) and one.name in named)]


def _secret(row: Secret) -> dict[str, Any]:
    return {"name": row.name, "length": row.length, "encrypts": row.encrypts}


def secret_path(service: str, name: str) -> str:
    """Where a service's secret is kept on the host."""
    return f"{places.SECRETS}/{service}/{name}"


def memory(ctx: Context, service: Service) -> str:
    """What a service may take at most. In whole GiB where there are several: the host's total differs from boot to boot."""
    share = int((ctx.mapping("memory").get("total_bytes") or 0) * service.limits.memory_share)
    if service.limits.memory_max_mb:
        share = min(share, service.limits.memory_max_mb << 20)
    return f"{share // GIB}G" if share >= 2 * GIB else f"{max(share >> 28, 2) << 8}M"


class Filler:
    """Fills the placeholders in a service row's texts with the values of one host."""

    def __init__(self, ctx: Context, service: Service) -> None:
        models = ctx.wishes["services_models"]
        self._service = service
        self._ports = {row.id: row.port for row in ctx.table.services()}
        self._plain = {
            "admin_email": str(ctx.wishes["services_openwebui_admin_email"]),
            "origins": ";".join(origins(ctx, service)),
            "context": str(ctx.wishes["services_llamacpp_context"]),
            "embedding_model": str(ctx.wishes["services_embedding_model"]),
            "listen": f"{literal(ctx.wishes['services_bind_address'])}:{host_port(ctx, service)}",
            "data": modelfiles.data_folder(ctx, service.id),
            "model": models[0] if models else "",
            "port": str(service.port),
            "upload_max_mb": str(ctx.wishes["services_jupyter_upload_max_mb"]),
            "verify": VERIFY,
            **modelfiles.words(ctx, service),
        }

    def __call__(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda match: self._value(match[1], match[2]), text)

    def _value(self, name: str, argument: str | None) -> str:
        if name == "address":
            return f"http://{aliases(str(argument))[1]}:{self._ports[str(argument)]}"
        if name == "secret":
            return secret_path(self._service.id, str(argument))
        return self._plain[name]
