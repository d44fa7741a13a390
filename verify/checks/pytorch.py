"""PyTorch as its users have it, on the host and in each container: the build, the devices, and right numbers.

``torch.cuda.is_available()`` alone proves nothing: it is true on hosts where every kernel fails.
"""

from __future__ import annotations

from typing import Any

from ..result import FAIL, Result, compare, failed, judged, unverifiable
from . import interpreters, torch_fit, torch_look
from .context import Context
from .inside import causes
from .inspection import OVERRIDE, setting
from .torch_look import result_id, sample_id

SAMPLES = {
    "ones": "a tensor of ones",
    "tensor": "an exact 2 x 2 product",
    "matmul": "a matrix product",
    "conv": "a convolution",
}

# `build` of the plan against the kind that torch itself reports; a distribution's build is made for CPUs.
KINDS = {"rocm": "rocm", "cpu": "cpu", "distro": "cpu"}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Per place with PyTorch: what its own interpreter says."""
    return torch_look.places(expected, ctx)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each place: build, version, devices and override against the plan, and numbers on every device."""
    services = {row["container"]: row["name"] for row in expected.get("services") or []}
    results: list[Result] = []
    for row in expected.get("torch") or []:
        saw, where = seen["places"].get(row["where"]) or {"error": "not looked at"}, row["where"]
        row, stand_in = {**row, "service": services.get(where, where)}, seen["stand_ins"].get(where)
        place = judge_place(row, saw, interpreters.gpus(expected), seen["simulated"], stand_in)
        if row.get("gpu") and "version" in saw:
            reason = interpreters.no_gpu_here(seen["simulated"], stand_in)
            place += _in_time(_at_hand(torch_fit.judge(row, saw, seen, expected), reason), row, saw)
        results += place
    return results


def judge_place(row: dict[str, Any], saw: dict[str, Any], gpus: int, simulated: bool, stand_in: str | None) -> list[Result]:
    """The results of one place; ``gpus`` is how many the plan has on this host."""
    imported = _imported(row, saw)
    if imported.status != "pass":
        return _in_time([imported], row, saw)
    results = [imported, _version(row, saw, stand_in), _build(row, saw, simulated, stand_in), _override(row, saw)]
    results += [_computed(row, saw, "cpu", name) for name in SAMPLES]
    if not row.get("gpu"):
        return _in_time(results, row, saw)
    devices = [f"cuda:{index}" for index in range(max(gpus, len(saw["devices"])))]
    on_gpu = [_available(row, saw), _count(row, saw, gpus)]
    on_gpu += [_computed(row, saw, device, name) for device in devices for name in SAMPLES]
    return _in_time(results + _at_hand(on_gpu, interpreters.no_gpu_here(simulated, stand_in)), row, saw)


def _at_hand(results: list[Result], reason: str) -> list[Result]:
    """These, or where no GPU can be shown to work nothing of them, with the reason."""
    return [unverifiable(r.id, reason, seen=r.seen, wanted=r.wanted) for r in results] if reason else results


def _in_time(results: list[Result], row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    """These, or where the level's time was over what was not reached by then as unverifiable."""
    if not saw.get("late"):
        return results
    why = f"PyTorch {interpreters.described(row)} was {saw['stopped']}, all that the level has left for it"
    return [
        unverifiable(one.id, why, seen=one.seen, wanted=one.wanted, next=interpreters.longer("torch"))
        if one.status == FAIL and not _reached(one.id, row, saw)
        else one
        for one in results
    ]


def _reached(id: str, row: dict[str, Any], saw: dict[str, Any]) -> bool:
    """Whether what a result is about was known when the worker stopped."""
    at, name = saw.get("at"), id.rpartition(".")[2]
    computed = {sample_id(row, device, one) for device, done in (saw.get("computed") or {}).items() for one in done}
    if id in computed:
        return True
    looked = isinstance(at, list) and at[0] != "cpu"
    return {"gpu_available": looked, "gpu_count": looked, "gpu_identity": looked}.get(
        name, not name.startswith(tuple(SAMPLES)) and at != "import"
    )


def _imported(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    said = saw.get("import_error") or saw.get("error") or (saw.get("stopped") if saw.get("at") == "import" else "")
    trouble = "could not be looked at" if saw.get("error") else "cannot be imported"
    needs = () if row["where"] == "host" else (f"containers.{row['service']}.running",)
    return judged(
        result_id(row, "import"),
        not said,
        seen=said or "imported",
        wanted="imported",
        why=f"PyTorch {trouble} {interpreters.described(row)}: {said}.",
        next=f"{interpreters.runner(row)} -c 'import torch'; `gpuhost up` puts the planned build back.",
        needs=needs,
    )


def _version(row: dict[str, Any], saw: dict[str, Any], stand_in: str | None) -> Result:
    seen, wanted = saw["version"].partition("+")[0], str(row.get("version") or "").partition("+")[0]
    if not wanted:
        return judged(
            result_id(row, "version"),
            bool(seen),
            seen=seen,
            wanted="any",
            why="torch names no version.",
            next=interpreters.runner(row),
        )
    if stand_in is not None and seen != wanted:
        return unverifiable(
            result_id(row, "version"),
            f"stand-in: this is not the real image ({stand_in})",
            seen=seen,
            wanted=wanted,
        )
    return compare(
        result_id(row, "version"),
        seen=seen,
        wanted=wanted,
        why=f"PyTorch {seen} is installed {interpreters.described(row)} and {wanted} was planned: a later `pip install` has "
        "replaced it, "
        "and what was chosen for this GPU is gone.",
        next="Run `gpuhost up` again: it puts the planned build back.",
    )


def _build(row: dict[str, Any], saw: dict[str, Any], simulated: bool, stand_in: str | None) -> Result:
    wanted = KINDS.get(row["build"], row["build"])
    if saw["build"] != wanted and (stand_in is not None or (simulated and row["where"] != "host")):
        reason = (
            f"stand-in: this is not the real image ({stand_in})"
            if stand_in is not None
            else "simulated: no GPU image is used"
        )
        return unverifiable(result_id(row, "build"), reason, seen=saw["build"], wanted=wanted)
    return compare(
        result_id(row, "build"),
        seen=saw["build"],
        wanted=wanted,
        why=f"PyTorch {interpreters.described(row)} is built for {saw['build']}, not for {wanted}: "
        + (
            "an AMD GPU is invisible to it, and everything runs on the CPU."
            if wanted == "rocm"
            else "it is not the planned build."
        ),
        next="Run `gpuhost up` again; install further packages with the index that the plan names, so that "
        "pip does not replace torch.",
    )


def _override(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    seen, wanted = saw["environment"].get(OVERRIDE), row.get("override")
    # In a container it comes from the container's settings; on the host from wherever somebody put it.
    needs = () if row["where"] == "host" else (f"containers.{row['service']}.override",)
    return compare(
        result_id(row, "override"),
        seen=setting(seen),
        wanted=setting(wanted),
        why=f"{OVERRIDE} is {setting(seen)} {interpreters.described(row)} and should be {setting(wanted)}: "
        + ("kernels for the wrong target are loaded." if wanted is None else "this GPU's kernels are not found without it."),
        next="Look for it in /etc/environment, /etc/profile.d and ~/.profile; then run `gpuhost up` again.",
        needs=needs,
    )


def _available(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    said, looking = saw.get("device_error"), saw.get("at") == "devices"
    why = f"PyTorch {interpreters.described(row)} finds no GPU" + (f": {said}" if said else "")
    if looking:
        why = f"PyTorch {interpreters.described(row)} did not come back from looking for GPUs ({saw['stopped']})"
    inside = () if row["where"] == "host" else causes(row["service"])
    at = saw.get("at")
    # Processors come first: what ended there did not look for GPUs.
    before = (sample_id(row, *at),) if isinstance(at, list) and at[0] == "cpu" else ()
    return judged(
        result_id(row, "gpu_available"),
        bool(saw["available"]),
        seen=saw["stopped"] if looking else said or saw["available"],
        wanted=True,
        why=why + (". Programs hang there." if looking else ". Everything runs on the CPU, without an error."),
        next=interpreters.HANG
        if looking
        else "`gpuhost verify --only access,driver,containers` tells whether permissions, the driver or the container are "
        "the cause.",
        needs=(*before, *(result_id(row, name) for name in ("build", "override", "visibility")), *inside, "driver.kfd.gpus"),
    )


def _count(row: dict[str, Any], saw: dict[str, Any], gpus: int) -> Result:
    return compare(
        result_id(row, "gpu_count"),
        seen=len(saw["devices"]),
        wanted=gpus,
        why=f"PyTorch {interpreters.described(row)} sees {len(saw['devices'])} GPUs and the plan has {gpus}: "
        + ("an integrated GPU is counted too, and may be chosen." if saw["devices"][gpus:] else "the others are idle."),
        next="Look for HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES: they filter one after the other.",
        needs=(result_id(row, "gpu_available"), result_id(row, "visibility")),
    )


def _computed(row: dict[str, Any], saw: dict[str, Any], device: str, name: str) -> Result:
    id = sample_id(row, device, name)
    wanted, what = "within its error bound", SAMPLES[name]
    needs = () if device == "cpu" else tuple(result_id(row, one) for one in ("gpu_available", "gpu_count", "targets"))
    done = (saw["computed"].get(device) or {}).get(name)
    if done is None and isinstance(saw.get("at"), list):
        return _cut_off(row, saw, device, name, needs)
    done = done or {"raised": "the device is not there"}
    if "raised" in done:
        why = (
            f"{what.capitalize()} on {device} {interpreters.described(row)} failed: {done['raised']}. Kernels do not run "
            "there, whatever the device list says."
        )
        step = "Compare the GPU's target with the build's: `gpuhost plan` names both."
        return failed(id, seen=done["raised"], wanted=wanted, why=why, next=step, needs=needs)
    ratio = done["error_ratio"]
    return judged(
        id,
        0 <= ratio <= 1,
        seen=f"{ratio:.3g} of the bound",
        wanted=wanted,
        why=f"{what.capitalize()} on {device} {interpreters.described(row)} is wrong: its error is {ratio:.3g} times what "
        "rounding allows. "
        "Results computed there cannot be trusted.",
        next="Take the host out of use and run it again; a repeated failure on one GPU points to its memory or clocks.",
        needs=needs,
    )


def _cut_off(row: dict[str, Any], saw: dict[str, Any], device: str, name: str, needs: tuple[str, ...]) -> Result:
    """A computation that never ended, or ended the whole process; the others of that process follow from it."""
    at_device, at_name = saw["at"]
    at, id = sample_id(row, at_device, at_name), sample_id(row, device, name)
    why = (
        f"{SAMPLES[at_name].capitalize()} on {at_device} {interpreters.described(row)} did not come to its end: "
        f"{saw['stopped']}. Programs that use this device hang or die there."
    )
    after = () if id == at else (at,)
    return failed(id, seen=saw["stopped"], wanted="an end", why=why, next=interpreters.HANG, needs=(*needs, *after))
