"""What of a plan's packages, images, programs and environments a host is seen to have already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.planner.model import Context


def program_present(ctx: Context, unit: Mapping[str, Any]) -> bool:
    """Whether the folder of a unit's program is as it was sealed."""
    seal = (ctx.mapping("seals").get("services") or {}).get("items") or {}
    return bool((seal.get(f"tree:{unit['folder']}") or {}).get("ok"))


def missing_packages(ctx: Context) -> set[str]:
    """Packages that the plan's roles install and that the host does not have, as the plan names them (``name=version``)."""
    keys = ("packages", "kernel_packages")
    wanted = {name for part in ctx.parts.values() for key in keys for name in part.get(key) or []}
    gone = {name for part in ctx.parts.values() for name in part.get("remove") or []}
    return {name for name in wanted if not _there(ctx, name) or name.partition("=")[0] in gone}


def _there(ctx: Context, wanted: str) -> bool:
    name, _, version = wanted.partition("=")
    found = ctx.mapping("packages").get(name)
    return found is not None and version in ("", found.get("version"))


def missing_images(ctx: Context) -> list[dict[str, Any]]:
    """The plan's images that the host is not seen to have. The base of an image that is there is not needed."""
    present = _present_images(ctx)
    images = {image["name"]: image for part in ("services", "gateway") for image in ctx.parts[part]["images"]}
    built = {image["service"] for image in images.values() if "build" in image and image["name"] in present}
    return [image for image in images.values() if image["name"] not in present and image["service"] not in built]


def _present_images(ctx: Context) -> set[str]:
    engine = ctx.mapping("engine")
    names = {str(name) for name in engine.get("images") or []}
    names |= {str(container.get("image")) for container in engine.get("containers") or []}
    seal = (ctx.mapping("seals").get("services") or {}).get("items") or {}
    sealed = {key.removeprefix("image:") for key, item in seal.items() if key.startswith("image:") and item.get("ok")}
    return names | sealed


def venv_present(ctx: Context) -> bool:
    """Whether the environment with the planned PyTorch is there."""
    part = ctx.parts["pytorch"]
    for venv in ctx.rows("venvs"):
        version = str((venv.get("torch") or {}).get("version") or "").partition("+")[0]
        if venv.get("path") == part["prefix"] and version == part["version"]:
            return True
    return False
