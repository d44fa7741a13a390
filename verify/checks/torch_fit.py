"""Whether a PyTorch fits what is below it: its kernels the GPU's target, its ROCm the driver, and its devices the host's "
"GPUs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..result import Result, judged, passed, unverifiable
from . import interpreters
from .versions import parts, too_old

#: Wheels with kernels of one target, beside a wheel without any: `torch[device-gfx1100]` brings `amd-torch-device-gfx1100`
#: (ROCm/TheRock, RELEASES.md, multi-arch packages). Without it the first kernel fails, not the import.
DEVICE_WHEEL = "amd-torch-device-"
#: Code for a whole family (LLVM, AMDGPUUsage, "Generic processors").
GENERIC = {
    "gfx9-generic": ("gfx900", "gfx902", "gfx904", "gfx906", "gfx909", "gfx90c"),
    "gfx9-4-generic": ("gfx942", "gfx950"),
    "gfx10-1-generic": ("gfx1010", "gfx1011", "gfx1012", "gfx1013"),
    "gfx10-3-generic": ("gfx1030", "gfx1031", "gfx1032", "gfx1033", "gfx1034", "gfx1035", "gfx1036"),
    "gfx11-generic": ("gfx1100", "gfx1101", "gfx1102", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    "gfx12-generic": ("gfx1200", "gfx1201"),
}
#: What hides GPUs from a program; they filter one after the other (ROCm documentation, GPU isolation).
HIDING = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")


def judge(row: dict[str, Any], saw: dict[str, Any], seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For a place that is meant to use GPUs; ``seen`` holds the host's driver and GPUs."""
    planned = expected.get("gpus") or []
    results = [_rocm(row, saw, seen["driver"], expected.get("driver") or {}), _targets(row, saw, planned)]
    results += [_visibility(row, saw), _identity(row, saw, planned, seen["gpus"])]
    return [result for result in results if result is not None]


def _id(row: dict[str, Any], property: str) -> str:
    return f"torch.{row['where']}.{property}"


def rocm_of(saw: dict[str, Any]) -> str | None:
    """The ROCm that a PyTorch is built with: as its version says, ``2.13.0+rocm10.0.0``, else HIP's own number."""
    named = re.search(r"\+rocm(\d+(?:\.\d+)*)", saw.get("version") or "")
    hip = re.match(r"\d+\.\d+", saw.get("hip") or "")
    return named[1] if named else hip[0] if hip else None


def _rocm(row: dict[str, Any], saw: dict[str, Any], driver: dict[str, Any], planned: dict[str, Any]) -> Result | None:
    """AMD says with which of its drivers a ROCm goes. For the kernel's own driver it says at most how new it has to be."""
    id, rocm, allowed, least = _id(row, "rocm"), rocm_of(saw), planned.get("rocm"), row.get("driver_min")
    if rocm is None:
        return None
    if driver["in_tree"] is False and allowed:
        low, high = parts(allowed["min"]), parts(allowed.get("max"))
        wanted = f"ROCm {allowed['min']} to {allowed.get('max') or 'any newer'}, with the driver {planned.get('version')}"
        return judged(
            id,
            low <= parts(rocm) and (not high or parts(rocm) <= high),
            seen=f"ROCm {rocm}",
            wanted=wanted,
            why=f"PyTorch {interpreters.described(row)} brings ROCm {rocm}, and AMD supports the driver that is loaded with "
            f"ROCm {allowed['min']} to {allowed.get('max') or 'any newer'}: calls that the driver does not know fail, or "
            "hang.",
            next="`gpuhost plan` names a driver and a build that go together; `gpuhost up` installs them.",
            needs=(_id(row, "version"), "driver.module.source", "driver.module.current"),
        )
    if driver["in_tree"] and least and least.get("kernel"):
        release, wanted = str(driver["release"]), f"Linux {least['kernel']} or newer"
        if too_old(driver, least):
            why = (
                f"ROCm {rocm} {interpreters.described(row)} asks for AMD's driver {least['version']}, made from Linux "
                f"{least['kernel']}; the driver of this kernel is older ({release}), and AMD does not say that it will do"
            )
            return unverifiable(id, why, seen=f"ROCm {rocm}, Linux {release}", wanted=wanted)
        return passed(id, seen=f"ROCm {rocm}, Linux {release}", wanted=wanted)
    return None


def built_for(saw: dict[str, Any]) -> list[str]:
    """The targets that a PyTorch has kernels for; empty where it does not tell."""
    wheels = [name[len(DEVICE_WHEEL) :] for name in saw.get("packages") or [] if name.startswith(DEVICE_WHEEL)]
    return sorted(set(wheels or [str(one).partition(":")[0] for one in saw.get("targets") or []]))


def target_of(gpu: dict[str, Any], override: str | None) -> str:
    """The target whose kernels a GPU is given: its own, or the override's, 10.3.0 -> gfx1030."""
    if not override:
        return str(gpu["gfx"])
    major, minor, step = parts(override)
    return f"gfx{major}{minor:x}{step:x}"


def _targets(row: dict[str, Any], saw: dict[str, Any], planned: Sequence[dict[str, Any]]) -> Result | None:
    has = built_for(saw)
    covered = {*has, *(target for one in has for target in GENERIC.get(one, ()))}
    needed = list(dict.fromkeys(target_of(gpu, row.get("override")) for gpu in planned))
    missing = [target for target in needed if target not in covered]
    if not has or not needed:
        return None
    return judged(
        _id(row, "targets"),
        not missing,
        seen=has,
        wanted=needed,
        why=f"PyTorch {interpreters.described(row)} has kernels for {', '.join(has)} and none for "
        f"{' and '.join(missing)}: it lists the GPU, and every kernel fails (invalid device function, "
        "hipErrorInvalidImage).",
        next="Run `gpuhost up` again: it takes the build for this GPU, with "
        f"{DEVICE_WHEEL}{missing[0] if missing else ''} where wheels are made per target.",
        needs=(_id(row, "build"), _id(row, "version")),
    )


def _visibility(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    planned = {name: value for name, value in (row.get("environment") or {}).items() if name in HIDING}
    seen = {name: value for name, value in saw["environment"].items() if name in HIDING}
    words = ", ".join(f"{name}={value or '(nothing)'}" for name, value in seen.items() if planned.get(name) != value)
    return judged(
        _id(row, "visibility"),
        seen == planned,
        seen=seen or "nothing hidden",
        wanted=planned or "nothing hidden",
        why=f"{words or 'What was planned is not set'} {interpreters.described(row)}: GPUs are hidden from PyTorch "
        "otherwise than planned. These settings filter one after the other, and none of them reports an error.",
        next="Look for it in /etc/environment, /etc/profile.d, ~/.profile and the container's settings; then log in anew.",
    )


def _identity(
    row: dict[str, Any], saw: dict[str, Any], planned: Sequence[dict[str, Any]], there: Sequence[dict[str, Any]]
) -> Result:
    """Each of torch's devices is one of the planned GPUs. Where torch tells no addresses, targets are compared."""
    devices, wanted = saw["devices"], {gpu["pci"]: f"{gpu['pci']} {target_of(gpu, row.get('override'))}" for gpu in planned}
    if any(device.get("pci") is None for device in devices):
        seen = sorted(str(one.get("gfx")) for one in devices)
        due = sorted(target_of(gpu, row.get("override")) for gpu in planned)
        other = "" if seen == due else f"{', '.join(seen)} instead of {', '.join(due)}"
        shown: Any = seen
    else:
        shown = {f"cuda:{index}": f"{one['pci']} {one.get('gfx')}" for index, one in enumerate(devices)}
        strange = [_named(one["pci"], there) for one in devices if one["pci"] not in wanted]
        left = [gpu.get("name") or pci for pci, gpu in ((gpu["pci"], gpu) for gpu in planned) if pci not in _pcis(devices)]
        other = "; ".join([*(f"it sees {one}" for one in strange), *(f"it does not see {one}" for one in left)])
    return judged(
        _id(row, "gpu_identity"),
        not other,
        seen=shown,
        wanted=list(wanted.values()),
        why=f"PyTorch {interpreters.described(row)} works on other GPUs than planned: {other}. Programs take the first one.",
        next="Look for HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES; `gpuhost up` hides what is not planned.",
        needs=(_id(row, "gpu_available"), _id(row, "gpu_count")),
    )


def _pcis(devices: Sequence[dict[str, Any]]) -> set[str]:
    return {device["pci"] for device in devices}


def _named(pci: str, there: Sequence[dict[str, Any]]) -> str:
    known = next((gpu for gpu in there if gpu["pci"] == pci), None)
    return f"{pci} ({known.get('gfx') or 'no target'}, not planned)" if known else f"{pci}, which the host does not list"
