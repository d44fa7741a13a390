"""Whether a host has to reboot, and why: for another kernel, for another driver than the loaded one, for parameters."""

from __future__ import annotations

from typing import Any

from control.planner import compat, dkms, kernels
from control.planner.model import Context, Decision


def reasons(ctx: Context, part: dict[str, Any]) -> list[str]:
    """Why the plan takes effect only after a reboot; empty where it does not need one.

    :param part: the role's part so far: driver, version, kernels, parameters.
    """
    if ctx.mapping("kernel").get("container"):
        return []
    if part["driver"] == "none":  # a driver that stays as it is may get parameters all the same
        return _parameters(ctx, part)
    return [*_kernel(ctx, part), *_driver(ctx, part), *_parameters(ctx, part)]


def decision(ctx: Context, found: list[str]) -> list[Decision]:
    """How the reboot is decided; nothing is said where none is due."""
    if not found:
        return []
    why = "; ".join(found)
    if ctx.wishes["amdgpu_reboot"] == "never":
        return [Decision("reboot", "left to a person", f"{why}; amdgpu_reboot is never", "reboot.never")]
    return [Decision("reboot", "once", why, "reboot.needed")]


def _kernel(ctx: Context, part: dict[str, Any]) -> list[str]:
    if part["driver"] != "dkms" or kernels.running(ctx) in part["kernels"]:
        return []
    return [f"the driver is built for {part['kernels'][0]}, and {kernels.running(ctx)} runs"]


def _driver(ctx: Context, part: dict[str, Any]) -> list[str]:
    module = kernels.module(ctx)
    if not module.get("loaded"):
        return []
    if not _planned(ctx, part):
        return [f"{compat.driver_at_work(ctx).words} is loaded, and a driver in use cannot be exchanged"]
    # A kernel's own module changes with the kernel's package, and the next reboot of whoever runs the host brings it.
    file = (kernels.module_file(ctx, kernels.running(ctx)) or {}) if part["driver"] == "dkms" else {}
    known = file.get("srcversion") and module.get("srcversion")
    if known and file["srcversion"] != module["srcversion"]:
        return ["the loaded driver is another build than the installed one"]
    return []


def _planned(ctx: Context, part: dict[str, Any]) -> bool:
    """Whether the driver that is loaded now is what the plan wants."""
    if part["driver"] == "inbox":
        return kernels.module(ctx).get("in_tree") is not False
    row = ctx.table.driver_by_version(part["version"])
    return row is not None and dkms.loaded(ctx, row)


def _parameters(ctx: Context, part: dict[str, Any]) -> list[str]:
    words = str(ctx.mapping("kernel").get("cmdline") or "").split()
    wanted = [f"{one['name']}={one['value']}" if one["value"] is not None else one["name"] for one in part["parameters"]]
    missing = [word for word in wanted if word not in words]
    return [f"the kernel reads {' '.join(missing)} when it starts"] if missing else []
