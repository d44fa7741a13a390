"""ROCm's tools: there, ending in time, understood, and listing the planned GPUs. CPUs are not counted.

And no override of the GPU's target that lies about on the host and changes what every program runs.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from ..parsers import amd_smi, rocm_smi, rocminfo
from ..result import Result, failed, judged, unverifiable
from . import running
from .context import Context, run

# rocm-smi 6.1.2 was seen to hang for good when the driver had come up without its GPU.
SECONDS = 20

# How each tool is asked, and what reads its answer.
TOOLS: dict[str, tuple[list[str], Any]] = {
    "rocminfo": (["rocminfo"], rocminfo.parse),
    "rocm-smi": (["rocm-smi", "--showproductname", "--json"], rocm_smi.parse),
    "amd-smi": (["amd-smi", "list", "--json"], amd_smi.parse),
}

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/bin", "/opt/rocm/bin"])


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Per tool: where it is, how it ended, and what its parser made of the output."""
    return {
        "simulated": ctx.simulated,
        "tools": {tool: look(tool) for tool in (expected.get("rocm") or {}).get("tools") or []},
        "override": ctx.snapshot.get("override") or {},
        "all_read": "override.env_files" not in (ctx.snapshot.get("needs_root") or []),
    }


def look(tool: str) -> dict[str, Any]:
    """One tool run to its end or limit: ``{"path", "rc", "error", "timed_out", "last_line", "parsed"}``."""
    path = shutil.which(tool, path=PATH)
    if path is None or tool not in TOOLS:
        return {"path": path}
    argv, parse = TOOLS[tool]
    done = run([path, *argv[1:]], SECONDS)
    ended = {key: value for key, value in asdict(done).items() if key not in ("out", "err")}
    return {"path": path, **ended, "last_line": done.last_line, "parsed": parse(done.out + done.err)}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Three answers per tool: present, runs, and the number of GPUs; and whether an override is left on the host."""
    wanted = len(expected.get("gpus") or [])
    tools = [result for tool, saw in seen["tools"].items() for result in _tool(tool, saw, seen["simulated"], wanted)]
    return [*tools, _override(seen, expected)] if wanted else tools


def _override(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    """Files that set it reach every program; the plan sets it for each that needs it, and for no other."""
    id, wanted = "rocm.override.environment", "set in no file of the environment"
    if "env_files" not in seen["override"]:
        return unverifiable(id, f"the files could not be read: {seen['override'].get('error', 'nothing came back')}")
    # Units of gpuhost's own set it for themselves alone, and have a check for that.
    ours = {row["unit"] for row in expected.get("services") or [] if running.is_unit(row)}
    files = [row for row in seen["override"]["env_files"] if PurePosixPath(row["path"]).name not in ours]
    found = {f"{row['path']}: {row['name']}={row['value']}": row for row in files}
    needed = {row.get("override") for row in expected.get("torch") or [] if row.get("where") == "host"} - {None}
    stale = [text for text, row in found.items() if row["value"] not in needed]
    if not stale and not seen["all_read"]:
        return unverifiable(id, "only root may read every file of the environment", seen=list(found), wanted=wanted)
    empty = any(not found[text]["value"] for text in stale)
    harm = (
        "an empty value is one too, and ROCm stops at it" if empty else "programs with kernels for this GPU then run others'"
    )
    return judged(
        id,
        not stale,
        seen=list(found) or "not set",
        wanted=wanted,
        why=f"{'; '.join(stale)}. It reaches every program that is started from there: {harm}.",
        next="Take the line out and log in anew. What gpuhost starts has its own setting where it needs one.",
    )


def _tool(tool: str, saw: dict[str, Any], simulated: bool, gpus: int) -> list[Result]:
    subject = f"rocm.{tool}"
    present = judged(
        f"{subject}.present",
        bool(saw["path"]),
        seen=saw["path"],
        wanted="installed",
        why=f"{tool} is not installed: the role rocm did not finish, or its package was removed.",
        next="Run `gpuhost up` again.",
    )
    return [present, _runs(tool, saw, simulated, present.id), _gpus(tool, saw, simulated, gpus)]


def _runs(tool: str, saw: dict[str, Any], simulated: bool, present: str) -> Result:
    id, wanted = f"rocm.{tool}.runs", f"ends within {SECONDS} s with output that is understood"
    parsed = saw.get("parsed") or {}
    if saw.get("timed_out"):
        why = (
            f"{tool} did not end within {SECONDS} s and was stopped. "
            "It hangs like this when the driver is loaded but could not bring the GPU up."
        )
        return failed(id, seen=saw["error"], wanted=wanted, why=why, next="sudo dmesg | grep -iE 'amdgpu|kfd'")
    understood = not parsed.get("error") or parsed.get("kind") != "unknown"
    # Without a driver a tool that says so, and ends with an error, has done what it can.
    ok = bool(saw["path"]) and understood and saw.get("rc") is not None and (saw["rc"] == 0 or simulated)
    return judged(
        id,
        ok,
        seen=_outcome(saw),
        wanted=wanted,
        why=f"{tool} ended with: {saw.get('last_line') or saw.get('error') or parsed.get('error') or 'no output'}.",
        next=f"Run `{tool}` on the host; a missing library is put back by `gpuhost up`.",
        needs=(present,),
    )


def _outcome(saw: dict[str, Any]) -> str:
    if saw.get("rc") is None:
        return str(saw.get("error") or "not run")
    said = (saw.get("parsed") or {}).get("error")
    return f"exit status {saw['rc']}" + (f", {said}" if said else "")


def _gpus(tool: str, saw: dict[str, Any], simulated: bool, wanted: int) -> Result:
    id, parsed = f"rocm.{tool}.gpus", saw.get("parsed") or {}
    found = parsed.get("gpus")
    count = len(found) if isinstance(found, list) else None
    if simulated:
        return unverifiable(id, "simulated: there is no GPU for the tool to list", seen=count, wanted=wanted)
    if wanted == 0:
        return unverifiable(id, "the plan has no GPU on this host", seen=count, wanted=wanted)
    return judged(
        id,
        count is not None and count >= wanted,
        seen=count,
        wanted=wanted,
        why=f"{tool} lists {count or 0} GPUs (CPUs not counted), and the plan has {wanted}: "
        "programs that use ROCm will not find the others.",
        next="`gpuhost verify --only access,driver` tells whether the driver or the permissions are the cause.",
        needs=(f"rocm.{tool}.runs", "driver.kfd.gpus"),
    )
