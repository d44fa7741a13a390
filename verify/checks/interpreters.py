"""Where PyTorch is to be proven: on the host and inside each container that has it, by its own interpreter there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..engine import EngineError
from .context import Context, Ran, run

HOME = Path(__file__).resolve().parents[1]

#: A place's interpreter needs this much longer than the work that it starts and ends itself.
MARGIN = 20

#: ROCm installation FAQ and system requirements: hangs with several GPUs where the IOMMU translates.
HANG = (
    "sudo dmesg | grep -iE 'amdgpu|iommu|ring|timeout|fault'. Where the IOMMU translates every transfer, they can "
    "hang: `iommu=pt` on the kernel's command line, which `amdgpu_kernel_parameters: auto` sets, lets the GPUs pass. Else "
    "reboot, and take the card out of use if it hangs again."
)


def gpus(expected: dict[str, Any]) -> int:
    """How many devices torch is to see: a card that is partitioned is as many as it has parts."""
    return sum(gpu.get("parts") or 1 for gpu in expected.get("gpus") or [])


def ask(row: dict[str, Any], words: list[str], ctx: Context, seconds: float) -> dict[str, Any]:
    """What ``python -m verify <words> --json`` says in a place; ``{"error"}`` where nothing came of it."""
    argv = [row["python"], "-m", "verify", *words, "--json"]
    if row["where"] == "host":
        return read(run(argv, seconds, env=row.get("environment"), cwd=str(HOME.parent)))
    # The folder of checks is mounted there, read-only.
    folder = mounted_at(HOME, ctx.container(row["where"]).get("Mounts") or [])
    if folder is None:
        return {"error": "the folder of checks is not mounted there"}
    try:
        code, out, err = ctx.engine.exec(row["where"], argv, workdir=str(folder), timeout=seconds)
    except EngineError as error:
        return {"error": error.message}
    return read(Ran(code, out, err))


def mounted_at(home: Path, mounts: list[dict[str, Any]]) -> Path | None:
    """The folder, inside a container, that holds the package ``verify`` of this host; pure."""
    for mount in mounts:
        source, target = Path(mount.get("Source") or "/-"), Path(mount["Destination"])
        if home == source or source in home.parents:
            return (target / home.relative_to(source)).parent
    return None


def read(done: Ran) -> dict[str, Any]:
    """What a worker, or a verify that ran it, printed; pure."""
    for line in reversed(done.out.splitlines()):
        try:
            said = json.loads(line)
        except ValueError:  # a library's remark
            continue
        if isinstance(said, dict):
            seen: dict[str, Any] = said.get("seen", said)
            return seen
    return {"error": done.error or done.last_line or f"no output, exit status {done.rc}"}


def longer(area: str) -> str:
    """How a person gives an area all the time it wants."""
    return f"cd /opt/gpuhost && sudo python3 -m verify run --limit 3600 {area}"


def described(row: dict[str, Any]) -> str:
    """A place in a sentence."""
    return "on the host" if row["where"] == "host" else f"in the container {row['where']}"


def runner(row: dict[str, Any]) -> str:
    """How a person runs a place's interpreter."""
    return str(row["python"]) if row["where"] == "host" else f"docker exec {row['where']} {row['python']}"


def no_gpu_here(simulated: bool, stand_in: str | None) -> str:
    """Why a place cannot show that a GPU works; empty where it can."""
    if simulated:
        return "simulated: there is no GPU to compute on"
    return f"stand-in: this is not the real image ({stand_in})" if stand_in is not None else ""
