"""The machine itself: the system the plan was made for, a clock that can be right, room left, nothing
pretended.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..result import Result, compare, judged, unverifiable
from .context import Context

GIB = 1 << 30

# gpuhost did not exist before: a clock that says so is wrong, and every certificate is "not yet valid".
EARLIEST = time.mktime((2026, 1, 1, 0, 0, 0, 0, 1, 0))

# Enough for the engine and apt to go on working: a model or an image that is being written needs more and
# says so itself.
DISK_FREE_BYTES = 1 * GIB

# Under this the kernel begins to end processes, and a model server is the largest of them.
MEMORY_FREE_BYTES = GIB // 4


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """The parts of the snapshot that are judged here, and two readings of the clock."""
    snapshot = ctx.snapshot
    seen = {key: snapshot.get(key) or {} for key in ("os", "kernel", "disk", "memory")}
    return {
        **seen,
        "simulated": bool(snapshot.get("simulated")),
        "modules_on_disk": _modules_on_disk(ctx.root, seen["kernel"]),
        "now": time.time(),
        "expected_written": _written(ctx.expected_file),
    }


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Whether this is still the machine that the plan was made for, and whether it has room to work."""
    return [
        _os(seen, expected),
        _kernel(seen, expected),
        _simulated(seen, expected),
        _clock(seen),
        _disk(seen),
        _memory(seen),
    ]


def _modules_on_disk(root: Path, kernel: dict[str, Any]) -> bool | None:
    release = kernel.get("release")
    return (root / "lib/modules" / str(release)).is_dir() if release else None


def _written(path: str | None) -> float | None:
    try:
        return Path(path).stat().st_mtime if path else None
    except OSError:
        return None


def _os(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    os_id = f"{seen['os'].get('id')}-{seen['os'].get('version_id')}"
    return compare(
        "system.os.release",
        seen=os_id,
        wanted=expected.get("system"),
        why=f"This is {os_id}, and the plan was made for {expected.get('system')}: "
        "its packages and driver need not fit this system.",
        next="Run `gpuhost up` again: it plans for the system that is there now.",
    )


def _kernel(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    id, release = "system.kernel.modules_on_disk", seen["kernel"].get("release")
    if seen["kernel"].get("container"):
        return unverifiable(
            id,
            "this host is a container: its kernel and modules are those of the machine below",
            seen=release,
        )
    return judged(
        id,
        bool(seen["modules_on_disk"]),
        seen=f"{release}: {'present' if seen['modules_on_disk'] else 'absent'}",
        wanted="present",
        why=f"The modules of the running kernel {release} are gone from /lib/modules: "
        "after an upgrade without a reboot no driver can be loaded any more.",
        next="Reboot the host, then run `gpuhost verify` again.",
    )


def _simulated(seen: dict[str, Any], expected: dict[str, Any]) -> Result:
    wanted = bool(expected.get("simulated"))
    return compare(
        "system.gpu.simulated",
        seen=seen["simulated"],
        wanted=wanted,
        why="The plan was made for a simulated GPU and this host shows a real one."
        if wanted
        else "The plan was made for a real GPU and this host shows a simulated one: no result about the GPU means anything.",
        next="Remove /etc/gpuhost/simulated.json from a real host; then run `gpuhost up` again so that the plan fits.",
    )


def _clock(seen: dict[str, Any]) -> Result:
    earliest = max(EARLIEST, seen["expected_written"] or EARLIEST)
    # Files are stamped a little after the clock is read.
    return judged(
        "system.clock.sane",
        seen["now"] >= earliest - 1,
        seen=_day(seen["now"]),
        wanted=f"not before {_day(earliest)}",
        why=f"The clock says {_day(seen['now'])}, before gpuhost was set up here: "
        "certificates and package signatures are then refused as not yet valid.",
        next="timedatectl set-ntp true",
    )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _disk(seen: dict[str, Any]) -> Result:
    id, wanted = "system.disk.free", f"at least {_size(DISK_FREE_BYTES)} on each file system"
    mounts = seen["disk"]
    if not isinstance(mounts, list) or not mounts:
        return unverifiable(id, f"the free space could not be read: {_error(mounts)}", wanted=wanted)
    full = [row["mount"] for row in mounts if row["free_bytes"] < DISK_FREE_BYTES and row["total_bytes"] > DISK_FREE_BYTES]
    return judged(
        id,
        not full,
        seen={row["mount"]: _size(row["free_bytes"]) for row in mounts},
        wanted=wanted,
        why=f"Nearly full: {', '.join(full)}. Services that cannot write their data stop in the middle of their work.",
        next="`gpuhost models` lists the models by size; `docker image prune` takes away images that nothing uses.",
    )


def _memory(seen: dict[str, Any]) -> Result:
    id, wanted = "system.memory.available", f"at least {_size(MEMORY_FREE_BYTES)}"
    available = seen["memory"].get("available_bytes")
    if available is None:
        return unverifiable(id, f"the free memory could not be read: {_error(seen['memory'])}", wanted=wanted)
    return judged(
        id,
        available >= MEMORY_FREE_BYTES,
        seen=_size(available),
        wanted=wanted,
        why=f"Only {_size(available)} of memory is left: the kernel ends the largest process next, which is a model server.",
        next="`ps aux --sort=-rss | head` shows what holds it.",
    )


def _size(count: float) -> str:
    return f"{count / GIB:.1f} GiB"


def _error(section: Any) -> str:
    return str(section.get("error", "nothing came back")) if isinstance(section, dict) else "nothing came back"
