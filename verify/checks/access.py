"""Who may open the GPU's device nodes: by the group database, and by a process that really tries."""

from __future__ import annotations

import grp
import json
import os
import pwd
import sys
from pathlib import Path
from typing import Any

from ..result import Result, compare, judged, unverifiable
from .context import Context, run

SYSTEM_PYTHON = "/usr/bin/python3"

# Runs as the user: names of the groups it has, and how opening each device ends.
_TRY = """
import errno, json, os, sys
opened = {}
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        opened[path] = "ok"
    except OSError as error:
        opened[path] = errno.errorcode.get(error.errno, str(error.errno))
print(json.dumps({"groups": sorted({os.getegid(), *os.getgroups()}), "opened": opened}))
"""

# Each answer of open(2) to a GPU's node has a cause of its own; sources: facts of public threads, see
# docs/checks.md.
OPEN_ERRORS = {
    "EACCES": ("the file's owner, group and mode do not let this user in", "gpuhost up"),
    "EPERM": (
        "the device cgroup of the container around this host forbids it",
        "Allow the device in the container's settings.",
    ),
    "ENXIO": ("there is no driver behind the node", "sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu"),
    "ENODEV": ("there is no driver behind the node", "sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu"),
    "EINVAL": (
        "the driver has the node but no usable GPU behind it; this is no permission problem",
        "sudo dmesg | grep -iE 'amdgpu|kfd'",
    ),
    "ENOENT": ("the node is not there", "sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu"),
    "EBUSY": ("another process holds the device alone", "sudo fuser -v {path}"),
}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Groups of each user by the database, a try as that user, and the nodes as the snapshot has them."""
    wanted = expected.get("access") or {}
    paths = [row["path"] for row in wanted.get("devices") or []]
    users, devices = ctx.snapshot.get("users"), ctx.snapshot.get("devices")
    return {
        "simulated": ctx.simulated,
        "users": users if isinstance(users, dict) else {},
        "devices": {row["path"]: row for row in devices if "path" in row} if isinstance(devices, list) else {},
        "tries": {row["name"]: try_as(row["name"], paths) for row in wanted.get("users") or []},
    }


def try_as(name: str, paths: list[str]) -> dict[str, Any]:
    """What a process started anew as ``name`` has and can open: ``{"groups": [names], "opened": {path:
    errno}}``.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return {"error": "no such user"}
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        groups = os.getgrouplist(name, user.pw_gid)
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}
    elif os.geteuid() != user.pw_uid:
        return {"error": "only root can start a process as another user", "needs_root": True}
    # The interpreter that runs this may lie in a folder that the user cannot enter.
    python = SYSTEM_PYTHON if Path(SYSTEM_PYTHON).exists() else sys.executable
    done = run([python, "-c", _TRY, *paths], 10, cwd="/", **identity)
    if done.rc != 0:
        return {"error": done.last_line or f"exit status {done.rc}"}
    said: dict[str, Any] = json.loads(done.out)
    said["groups"] = [_group_name(gid) for gid in said["groups"]]
    return said


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """Each device node, then for each user its groups, the groups of a process of its own, and each device it
    opens.
    """
    wanted = expected.get("access") or {}
    devices = wanted.get("devices") or []
    results = [result for row in devices for result in _device(row, seen)]
    for user in wanted.get("users") or []:
        results += _user(user, seen)
        results += [_opens(user["name"], row, seen) for row in devices]
    return results


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _device(row: dict[str, Any], seen: dict[str, Any]) -> list[Result]:
    path, subject = row["path"], f"access.{_short(row['path'])}"
    node = seen["devices"].get(path)
    present = (f"{subject}.present",)
    is_device = bool(node) and node["type"] == "char"
    group, mode = (node or {}).get("group"), (node or {}).get("mode") or ""
    return [
        judged(
            f"{subject}.present",
            is_device,
            seen="a device node" if is_device else "something else" if node else "absent",
            wanted="a device node",
            why=f"{path} is {'no device node' if node else 'not there'}: "
            "without it no program reaches the GPU. The driver makes it when it finds a GPU.",
            next="sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu",
        ),
        compare(
            f"{subject}.group",
            seen=group,
            wanted=row["group"],
            why=f"{path} belongs to group {group}, not {row['group']}: members of {row['group']} cannot "
            "open it, "
            "and programs fall back to the CPU without a word.",
            next=f"sudo chgrp {row['group']} {path}; `gpuhost up` also restores the udev rule that sets it at boot.",
            needs=present,
        ),
        judged(
            f"{subject}.mode",
            _mode_fits(mode, bool(row.get("world"))),
            seen=mode or None,
            wanted="0666, as the host's own rule has it" if row.get("world") else "0660",
            why=f"{path} has mode {mode or 'unknown'}: " + _mode_trouble(mode, bool(row.get("world"))),
            next=f"sudo chmod {'0666' if row.get('world') else '0660'} {path}; `gpuhost up` also restores the udev rule "
            "that sets it at boot.",
            needs=present,
        ),
    ]


def _mode_fits(mode: str, world: bool) -> bool:
    """Its group may use it and nobody else; or everybody may, where the plan found a rule of the host that says so."""
    if len(mode) != 4:
        return False
    bits = int(mode, 8)
    return bits & 0o006 == 0o006 if world else bits & 0o060 == 0o060 and not bits & 0o006


def _mode_trouble(mode: str, world: bool) -> str:
    if world:
        return "the host's own rule opens it to everybody, and now those who are not in its group have no GPU."
    if mode and int(mode, 8) & 0o006:
        return "every local process reaches the driver's kernel interface, not only members of its group."
    return "its group cannot read and write it, so membership gives nothing."


def _user(user: dict[str, Any], seen: dict[str, Any]) -> list[Result]:
    name, wanted = user["name"], sorted(user["groups"])
    in_database = sorted(set(wanted) & set((seen["users"].get(name) or {}).get("groups") or []))
    missing = sorted(set(wanted) - set(in_database))
    member = compare(
        f"access.{name}.member",
        seen=in_database,
        wanted=wanted,
        why=f"{name} is not in {' and '.join(missing)}: programs that {name} starts cannot open the GPU."
        if name in seen["users"]
        else f"There is no user {name} on this host.",
        next=f"sudo usermod --append --groups {','.join(missing)} {name}, then log in again.",
    )
    return [member, _process_groups(name, wanted, seen["tries"].get(name) or {}, member.id)]


def _process_groups(name: str, wanted: list[str], tried: dict[str, Any], member: str) -> Result:
    id = f"access.{name}.process_groups"
    if tried.get("needs_root"):
        return unverifiable(id, str(tried["error"]), wanted=wanted, next="Run it with sudo.")
    has = sorted(set(wanted) & set(tried.get("groups") or []))
    return compare(
        id,
        seen=has if "groups" in tried else tried.get("error"),
        wanted=wanted,
        why=f"A process started as {name} does not have {', '.join(sorted(set(wanted) - set(has)))}, "
        "whatever the group database says.",
        next=f"getent group {' '.join(wanted)}; id {name}",
        needs=(member,),
    )


def _opens(name: str, row: dict[str, Any], seen: dict[str, Any]) -> Result:
    path, device = row["path"], f"access.{_short(row['path'])}"
    id, tried = f"access.{name}.opens.{_short(path)}", seen["tries"].get(name) or {}
    answer = (tried.get("opened") or {}).get(path)
    if seen["simulated"]:
        return unverifiable(id, "simulated: there is no driver behind the node", seen=answer, wanted="ok")
    if tried.get("needs_root"):
        return unverifiable(id, str(tried["error"]), wanted="ok", next="Run it with sudo.")
    reason, step = OPEN_ERRORS.get(str(answer), (str(tried.get("error") or answer), f"ls -l {path}"))
    return compare(
        id,
        seen=answer if answer is not None else tried.get("error"),
        wanted="ok",
        why=f"{name} cannot open {path} ({answer}): {reason}.",
        next=step.format(path=path),
        needs=(f"{device}.present", f"{device}.group", f"{device}.mode", f"access.{name}.process_groups"),
    )
