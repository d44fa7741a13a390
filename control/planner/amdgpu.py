"""The role ``amdgpu``'s part of the plan, by name and empty: what it holds stands in docs/architecture.md."""

from __future__ import annotations

from typing import Any

from control.planner.model import DRIVER, Context

#: Keys that other decisions read and the role does not. ``kind``: whose driver will be at work; ``replaces``: the working
#: driver that goes, in words; ``reboots``: why the host has to; ``asks``: packages whose candidates on the host's mirror
#: would settle the plan.
INTERNAL = ("kind", "replaces", "reboots", "asks")

_LISTS = ("packages", "kernel_packages", "repositories", "remove", "kernels", "parameters", "leftovers", "modprobe")


def part(ctx: Context, driver: str, kind: str, **given: Any) -> dict[str, Any]:
    """A part with every key, empty but for ``given``."""
    return {
        "driver": driver,
        "version": None,
        "module": DRIVER,
        "load": False,
        **{name: [] for name in _LISTS},
        "source": None,
        "sign": None,
        "reboot": ctx.wishes["amdgpu_reboot"],
        "kind": kind,
        "replaces": "",
        "reboots": [],
        "asks": [],
        **given,
    }
