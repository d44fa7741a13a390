"""What verify compares the host with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner import compat, gatewayexpected, guard, images, modelfiles, models, native, services
from control.planner.containers import secret_path, url
from control.planner.model import SCHEMA, Context, Gpu, Outcome
from verify import places

if TYPE_CHECKING:
    from control.rows import Service


def decide(ctx: Context) -> Outcome:
    """The part of the role ``verify``."""
    driver, rocm = ctx.parts["amdgpu"], ctx.parts["rocm"]
    expected = {
        "schema": SCHEMA,
        "host": ctx.host,
        "system": ctx.system.id,
        "simulated": ctx.simulated,
        "level": ctx.wishes["verify_level"],
        "gpus": [_gpu(ctx, gpu) for gpu in ctx.used],
        "driver": _driver(ctx, driver),
        "access": _access(ctx),
        "rocm": {"stream": rocm["stream"], "tools": list(rocm["tools"])},
        "torch": _torch(ctx),
        "services": _services(ctx),
        "models": _models(ctx),
        "gateway": gatewayexpected.gateway(ctx),
        "guard": guard.GUARD if ctx.parts["container_engine"]["service"] else None,
    }
    return Outcome({"prefix": places.OPT, "file": places.EXPECTED, "expected": expected})


def _gpu(ctx: Context, gpu: Gpu) -> dict[str, Any]:
    """``parts``: how many devices programs see of it; an Instinct can be partitioned."""
    return {
        "pci": gpu.pci,
        "gfx": gpu.gfx,
        "name": gpu.name,
        "integrated": gpu.integrated,
        "parts": max(1, len(gpu.nodes)),
        "rates": _rates(ctx, gpu),
    }


def _rates(ctx: Context, gpu: Gpu) -> dict[str, float]:
    """Floors in TFLOP/s by the name of the measure; none for a part of a card."""
    floors = ctx.table.floors(gpu.name) if len(gpu.nodes) < 2 else {}
    # Torch has two formats of this size with the same rate; the checks ask by this one's name.
    return {f"gemm_{'float8_e4m3fn' if name == 'float8' else name}": value for name, value in floors.items()}


def _driver(ctx: Context, part: dict[str, Any]) -> dict[str, Any]:
    """``signed``: the kernel takes signed modules only, and this one is built here. ``rocm``: what AMD's goes with."""
    at_work = compat.driver_at_work(ctx)
    row = ctx.table.driver_by_version(at_work.version) if at_work.kind == "dkms" and at_work.version else None
    return {
        "rocm": row.rocm.model_dump() if row and row.rocm else None,
        "source": part["kind"],
        "module": part["module"],
        "version": part["version"],
        "kernels": list(part["kernels"]),
        "signed": part["sign"] is not None,
        "parameters": list(part["parameters"]),
        "dkms": part["source"],
    }


def _access(ctx: Context) -> dict[str, Any]:
    part = ctx.parts["gpu_access"]
    users = sorted({member["user"] for member in part["members"]})
    return {
        "users": [
            {"name": user, "groups": [member["group"] for member in part["members"] if member["user"] == user]}
            for user in users
        ],
        "devices": [{"path": path, "group": node["group"], "world": node["world"]} for path, node in part["nodes"].items()],
    }


def _torch(ctx: Context) -> list[dict[str, Any]]:
    part, found = ctx.parts["pytorch"], []
    if part["build"] != "none":
        found.append(
            {
                "where": "host",
                "python": f"{part['prefix']}/bin/python",
                "build": part["build"],
                "version": part["version"],
                "gpu": part["build"] == "rocm",
                "override": None,
                "driver_min": _driver_min(ctx, _wheel(ctx, part)),
                "environment": part["environment"],
            }
        )
    for container in ctx.parts["services"]["containers"]:
        if ctx.table.image(ctx.table.service(container["service"]).image).built:
            found.append(_in_container(ctx, container))
    return found


def _in_container(ctx: Context, container: dict[str, Any]) -> dict[str, Any]:
    """PyTorch inside an image that gpuhost builds: that of its base, or the build for processors."""
    build = next(one["build"] for one in ctx.parts["services"]["images"] if one["name"] == container["image"])
    base = next(row for row in ctx.table.images if row.tag and images.reference(ctx, row) == build["args"]["BASE"])
    return {
        "where": container["name"],
        "python": "python3",
        "build": "rocm" if base.torch else "cpu",
        "version": base.torch or ctx.table.torch_rows("cpu")[0].version,
        "gpu": bool(container["devices"]),
        "override": container["override"],
        "driver_min": _driver_min(ctx, base.driver_min),
        "environment": {},
    }


def _wheel(ctx: Context, part: dict[str, Any]) -> str | None:
    """The oldest driver that the host's wheel asks for."""
    return next((row.driver_min for row in ctx.table.torch if row.id == part["row"]), None)


def _driver_min(ctx: Context, version: str | None) -> dict[str, Any] | None:
    """A release of AMD's driver, and the kernel that carries as new a one of its own."""
    if version is None:
        return None
    base = compat.base_of(ctx, version)
    return {"version": version, "kernel": str(base) if base else None}


def _services(ctx: Context) -> list[dict[str, Any]]:
    enabled = services.enabled(ctx)[0]
    names = {service.id for service in enabled}
    containers = {container["service"]: container for container in ctx.parts["services"]["containers"]}
    units = {unit["service"]: unit for unit in ctx.parts["services"]["units"]}
    settings = {one["service"]: one for one in ctx.parts["services"]["settings"]}
    found = []
    for row in enabled:
        container = containers.get(row.id) or _as_container(units[row.id])
        wanted = {"json": row.health.json_} if row.health.json_ is not None else {"contains": row.health.contains}
        found.append(
            {
                "name": row.id,
                "container": container["name"],
                "image": container["image"],
                "url": url(ctx, row),
                "health": {"path": row.health.path, **wanted},
                "calls": [one for one in [*row.needs, *row.uses] if one in names],
                "gpu": bool(container["devices"]),
                "override": container["override"],
                "driver_min": _driver_min(ctx, _floor(ctx, row)) if container["devices"] else None,
                "devices": container["devices"],
                "groups": container["groups"],
                "cap_add": container["cap_add"],
                **container.get("on_host", {}),
                "model": models.first(ctx) if row.models else None,
                "models": models.wanted(ctx) if row.models else [],
                **({"embedding_model": ctx.wishes["services_embedding_model"]} if _embeds(row) else {}),
                **({"settings": settings[row.id]} if row.id in settings else {}),
                **_file_server(ctx, row, container),
            }
        )
    return found


def _floor(ctx: Context, row: Service) -> str | None:
    """The oldest driver that what computes on the GPU works with."""
    return native.driver_min(ctx, row) if native.is_native(ctx, row) else images.with_gpu(ctx, row).driver_min


def _embeds(row: Service) -> bool:
    return "{embedding_model}" in row.model_dump_json()


def _as_container(unit: dict[str, Any]) -> dict[str, Any]:
    """A service on the host itself, in the words of one that runs in a container; ``on_host`` has what is its own."""
    own = {key: unit[key] for key in ("unit", "user", "folder", "port")}
    return {
        "name": unit["name"],
        "image": f"{unit['program']} {unit['version']}, on the host itself",
        "devices": unit["devices"],
        "groups": unit["gids"],
        "override": unit["override"],
        "cap_add": [],
        "on_host": {**own, "program": unit["command"].split()[0]},
    }


def _file_server(ctx: Context, row: Service, container: dict[str, Any]) -> dict[str, Any]:
    """What is asked of a service that loads one model: which, from which file, and what its image computes with."""
    if row.model_file is None or row.openai is None:
        return {}
    image = next((one for one in ctx.table.images if one.tag and images.reference(ctx, one) == container["image"]), None)
    return {
        "model": modelfiles.name(ctx),
        "file": container["model_file"]["links"][0]["path"],
        "key": secret_path(row.id, row.openai.key),
        "library": "vulkan" if image and image.vulkan else "rocm" if container["devices"] else "cpu",
        "driver_min": _driver_min(ctx, image.driver_min if image and container["devices"] else None),
    }


def _models(ctx: Context) -> dict[str, Any] | None:
    """Where models are kept, by which service, which are wanted, and the presets made of them."""
    place = models.server(ctx)
    if place is None:
        return None
    presets = models.wanted_presets(ctx)
    return {"service": place.row.id, "folder": place.folder, "wanted": models.wanted(ctx), "presets": presets}
