"""Why a model server left the GPU aside: the cause behind its own words, and the next step. Pure.

The kinds are those of the servers' log parsers; what each means: `docs/checks.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .versions import made_from, too_old


class Cause(NamedTuple):
    """What is the matter, as a clause, and what to do. ``{name}`` is the container's, or the unit's.

    ``on_host``: what to do where it runs on the host itself, where that is another thing.
    """

    words: str
    step: str
    on_host: str = ""


CAUSES = {
    "EACCES": Cause(
        "the device nodes do not let it in: it runs without the numbers of the groups that own them",
        "docker exec {name} ls -ln /dev/kfd /dev/dri; `gpuhost up` starts it with these groups.",
        "ls -ln /dev/kfd /dev/dri; systemctl show -p SupplementaryGroups {name}; `gpuhost up` starts it with these groups.",
    ),
    **dict.fromkeys(
        ("EPERM", "ENOENT"),
        Cause(
            "it was not given the devices",
            "docker inspect --format '{{{{json .HostConfig.Devices}}}}' {name}; `gpuhost up` passes the planned ones.",
            "systemctl show -p DeviceAllow {name}; `gpuhost up` allows it the planned ones.",
        ),
    ),
    "not_loaded": Cause("no amdgpu driver is loaded", "sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu"),
    "not_supported": Cause(
        "its build has no kernels for this GPU's target",
        "`gpuhost plan` names the image or the override for this GPU; `gpuhost up` sets it.",
    ),
    "invalid_override": Cause(
        "HSA_OVERRIDE_GFX_VERSION has a value that names no target",
        "Take it out of its settings; `gpuhost up` sets the one that is needed, if any.",
    ),
    "integrated": Cause(
        "it drops integrated GPUs unless it is told otherwise",
        "Set OLLAMA_IGPU_ENABLE=1 in its environment, which `gpuhost up` does where the integrated GPU is the planned one.",
    ),
    "timeout": Cause(
        "the GPU did not answer in time: a driver older than its ROCm, or a card that hangs",
        "sudo dmesg | grep -iE 'amdgpu|kfd'; `gpuhost verify --only driver,health`",
    ),
    "too_old": Cause("the driver is older than its ROCm asks for", "`gpuhost plan` names a driver that is new enough."),
    "crashed": Cause(
        "its look at the GPU ended in a crash: mostly an override or kernels for another target",
        "docker logs {name} 2>&1 | grep -iE 'error|signal'; `gpuhost verify --only containers,torch`",
        "journalctl --no-pager -u {name} | grep -iE 'error|signal'; `gpuhost verify --only units,torch`",
    ),
    "out_of_memory": Cause(
        "the GPU's memory is full", "Stop what else uses the GPU (`gpuhost monitor` shows it), or use a smaller model."
    ),
    "gpu_error": Cause("the GPU gave an error", "sudo dmesg | tail -50; `gpuhost verify --level standard`"),
    "no_gpu": Cause(
        "it sees no GPU that it can use",
        "`gpuhost verify --only containers,driver,torch` tells whether devices, driver or target are the cause.",
        "`gpuhost verify --only units,driver,torch` tells whether rights, driver or target are the cause.",
    ),
}
UNKNOWN = Cause(
    "its log does not say why",
    "docker logs {name} 2>&1 | grep -iE 'inference compute|gpu|rocm'",
    "journalctl --no-pager -u {name} | grep -iE 'inference compute|gpu|rocm'",
)


def cause(
    reasons: Sequence[Mapping[str, str]], driver: Mapping[str, Any] | None = None, least: Mapping[str, Any] | None = None
) -> Cause:
    """The first reason that explains the others. A look that came to no end is the driver's age where it is too old.

    :param driver: `in_tree`, `version` and the kernel's `release`.
    :param least: `{version, kernel}`: the driver that the server asks for.
    """
    kinds = [reason["kind"] for reason in reasons]
    if too_old(driver, least) and (not kinds or kinds[0] in ("timeout", "crashed", "no_gpu", "gpu_error")):
        runs, wanted = made_from(driver), (least or {}).get("kernel")
        old = CAUSES["too_old"]
        return old._replace(words=f"{old.words} (made from Linux {wanted} or newer, and here is {runs})")
    # That there is none is said besides the reason.
    telling = [kind for kind in kinds if kind != "no_gpu"] or kinds
    return CAUSES.get(telling[0], UNKNOWN) if telling else UNKNOWN
