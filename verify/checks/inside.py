"""What a container that is meant to use the GPU really has inside: groups of its processes, devices, and whether they open.

The engine's settings say what was asked for. An entry script that changes the user drops groups; a driver that was loaded
anew leaves nodes with numbers that nobody answers to.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

from ..engine import EngineError
from ..result import Result, judged, unverifiable
from .access import OPEN_ERRORS
from .context import Context

SECONDS = 10
#: Tries each path as the container's own user. `<>` would make a file that is not there, so that is looked at first.
TRY = """for f; do
  if [ ! -e "$f" ]; then echo "$f|No such file or directory"; continue; fi
  said=$( { ( : <> "$f" ) && echo ok; } 2>&1 ); echo "$f|$said"
done"""
#: What the C library says -> the error's name.
WORDS = {
    "Permission denied": "EACCES",
    "Operation not permitted": "EPERM",
    "No such device": "ENXIO",
    "No such file": "ENOENT",
    "Invalid argument": "EINVAL",
    "busy": "EBUSY",
}

FORBIDDEN = ("the container was started without permission to use that device", "`gpuhost up` gives it the planned devices.")


def causes(service: str) -> tuple[str, ...]:
    """The checks that explain why a service's container does not reach the GPU."""
    names = ("running", "image", "devices", "groups", "process_groups", "nodes", "opens", "override")
    return tuple(f"containers.{service}.{name}" for name in names)


def look(row: dict[str, Any], inspected: dict[str, Any], ctx: Context) -> dict[str, Any] | None:
    """`{lacking, processes, nodes, opens}` of a container with devices; None where it has none planned, or does not run."""
    state, paths = inspected.get("State") or {}, row.get("devices") or []
    if not paths or not state.get("Running") or not state.get("Pid"):
        return None
    groups = processes(ctx.root, int(state["Pid"]))
    wanted = {int(group) for group in row.get("groups") or []}
    return {
        "processes": len(groups),
        "lacking": {name: sorted(wanted - has) for name, has in groups.items() if wanted - has},
        "nodes": {path: node(ctx.root, int(state["Pid"]), path) for path in paths},
        "opens": opens(row["container"], paths, ctx),
        "simulated": ctx.simulated,
    }


def processes(root: Path, pid: int) -> dict[str, set[int]]:
    """Name and number -> groups, of every process in the control group of ``pid``; of that one where it cannot be told."""
    found = re.search(r"^0::(/.+)$", _read(root / f"proc/{pid}/cgroup"), re.MULTILINE)
    pids = _read(root / f"sys/fs/cgroup{found[1]}/cgroup.procs").split() if found else []
    known = {}
    for one in pids or [str(pid)]:
        fields = dict(re.findall(r"^(Name|State|Groups|Gid):\t(.*)$", _read(root / f"proc/{one}/status"), re.MULTILINE))
        # What has ended and waits to be collected has no groups that count.
        if "Groups" in fields and not fields.get("State", "").startswith("Z"):
            known[f"{fields['Name']} ({one})"] = {int(group) for group in f"{fields['Groups']} {fields['Gid']}".split()}
    return known


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def node(root: Path, pid: int, path: str) -> dict[str, Any]:
    """A device inside beside the host's own: `{"state": "same"|"absent"|"other"|…, "inside", "host"}`."""
    outside = numbers(root / path.lstrip("/"))
    try:
        inside = numbers(root / f"proc/{pid}/root" / path.lstrip("/"))
    except PermissionError:
        return {"state": "closed", "inside": None, "host": outside}
    same = "same" if inside is not None and inside == outside else "other"
    return {"state": "absent" if inside is None else same, "inside": inside, "host": outside}


def numbers(path: Path) -> str | None:
    """`major:minor` of a character device, what it is instead, or None for nothing. Raises PermissionError."""
    try:
        found = path.stat()
    except PermissionError:
        raise
    except OSError:
        return None
    if not stat.S_ISCHR(found.st_mode):
        return "no device"
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def opens(container: str, paths: list[str], ctx: Context) -> dict[str, str]:
    """Path -> `ok` or the error's name, tried inside; `{"error"}` where that could not be done."""
    try:
        code, out, err = ctx.engine.exec(container, ["sh", "-c", TRY, "sh", *paths], timeout=SECONDS)
    except EngineError as error:
        return {"error": error.message}
    if code in (126, 127):
        return {"error": err.strip()[-200:] or out.strip()[-200:] or "the image has no shell to try it with"}
    return read(out)


def read(out: str) -> dict[str, str]:
    """What the script printed; pure."""
    rows = (line.partition("|") for line in out.splitlines() if "|" in line)
    return {path: "ok" if said == "ok" else _name(said) for path, _, said in rows}


def _name(said: str) -> str:
    return next((name for words, name in WORDS.items() if words in said), said[-100:] or "no answer")


def judge(row: dict[str, Any], saw: dict[str, Any] | None) -> list[Result]:
    """Three answers for a container that has devices planned and runs."""
    if saw is None:
        return []
    return [_groups(row, saw), _nodes(row, saw), _opens(row, saw)]


def _needs(row: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(f"containers.{row['name']}.{name}" for name in ("running", *names))


def _groups(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    id, wanted = f"containers.{row['name']}.process_groups", sorted(row.get("groups") or [])
    if not saw["processes"]:
        return unverifiable(id, "the container's processes cannot be seen from here", wanted=wanted)
    lacking = "; ".join(f"{name} lacks {', '.join(map(str, groups))}" for name, groups in saw["lacking"].items())
    return judged(
        id,
        not lacking,
        seen=lacking or wanted,
        wanted=wanted,
        why=f"Processes in {row['container']} run without groups that it was started with ({lacking}): they have changed "
        "their user, and cannot open the GPU whatever the settings say.",
        next=f"Start it as the user it is meant to run as, not as root: `gpuhost up` does. docker top {row['container']}",
        needs=_needs(row, "groups"),
    )


def _nodes(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    id, states = f"containers.{row['name']}.nodes", {path: found["state"] for path, found in saw["nodes"].items()}
    if "closed" in states.values():
        return unverifiable(id, "only root can look into a container", seen=states, wanted="the host's own devices")
    words = [
        f"{path} is {found['inside'] or 'not there'}, on the host {found['host'] or 'nothing'}"
        for path, found in saw["nodes"].items()
        if found["state"] != "same"
    ]
    return judged(
        id,
        not words,
        seen={path: found["inside"] or "absent" for path, found in saw["nodes"].items()},
        wanted={path: found["host"] or "absent" for path, found in saw["nodes"].items()},
        why=f"Inside {row['container']} the devices are not the host's ({'; '.join(words)}): numbers change when the "
        "driver is loaded anew or a card is moved, and the container keeps the old ones.",
        next=f"docker restart {row['container']}; where that changes nothing, run `gpuhost up` again.",
        needs=_needs(row, "devices"),
    )


def _opens(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    id, opened = f"containers.{row['name']}.opens", saw["opens"]
    wanted = dict.fromkeys(row["devices"], "ok")
    if saw["simulated"]:
        return unverifiable(id, "simulated: there is no driver behind the node", seen=opened, wanted=wanted)
    if "error" in opened:
        return unverifiable(id, f"it could not be tried inside: {opened['error']}", wanted=wanted)
    refused = {path: opened.get(path, "no answer") for path in wanted if opened.get(path) != "ok"}
    path, error = next(iter(refused.items()), ("", ""))
    reason, step = FORBIDDEN if error == "EPERM" else OPEN_ERRORS.get(error, (error, "ls -l {path}"))
    return judged(
        id,
        not refused,
        seen=opened,
        wanted=wanted,
        why=f"{row['container']} cannot open {', '.join(refused)} ({error}): {reason}. {row['name']} runs on the CPU "
        "without a word.",
        next=f"docker exec {row['container']} ls -ln {path}; {step.format(path=path)}",
        needs=(*_needs(row, "devices", "groups", "process_groups", "nodes"), "driver.kfd.gpus"),
    )
