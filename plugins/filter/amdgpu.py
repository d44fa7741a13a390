"""Filters of the role ``amdgpu``: what its footprint lists, from where each path has its one home."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from onhost import dkms, kernel_parameters, mok, paths


def parameter_files(part: Mapping[str, Any]) -> list[str]:
    """The files that set the plan's kernel parameters."""
    return [kernel_parameters.DROP_IN] if part["parameters"] else []


def key_files(part: Mapping[str, Any]) -> list[str]:
    """Certificate and key that modules are signed with, where a driver is built."""
    if part["driver"] != "dkms":
        return []
    sign = part["sign"] or {}
    return [sign["certificate"], sign["key"]] if sign.get("certificate") and sign.get("key") else list(mok.DKMS)


def traces(part: Mapping[str, Any]) -> list[str]:
    """Patterns of what comes and goes with a driver that is built: dkms's trees, and what is remembered of it."""
    if part["driver"] != "dkms":
        return []
    module = part["module"]
    ours = [f"{paths.driver()}/**", paths.kernels(), paths.reboots(), paths.enrolments()]
    built = f"/lib/modules/*{dkms.PLACE}/{module[:3]}*"
    return [f"{dkms.TREE}/{module}/**", built, f"{dkms.SOURCES}/{module}-*/**", *map(str, ours)]


class FilterModule:
    """Names the functions for Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"driver_parameter_files": parameter_files, "driver_key_files": key_files, "driver_traces": traces}
