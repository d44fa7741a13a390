"""Device nodes and who may open them."""

from __future__ import annotations

import os
import stat
from typing import Any

from .host import Host

GROUPS = ("render", "video", "docker")
#: Accounts of people begin here; 65534 is nobody. Source: login.defs(5) UID_MIN of Debian, Ubuntu, Fedora.
FIRST_USER, NOBODY = 1000, 65534


def look_devices(host: Host) -> list[dict[str, Any]]:
    """`/dev/kfd` and what is in `/dev/dri`. `open` is tried for compute and render nodes only.

    A display node (`card0`) is left alone, `open` is None: its first opener becomes DRM master.
    """
    paths = ["/dev/kfd", *(f"/dev/dri/{name}" for name in host.names("/dev/dri"))]
    return [found for found in (device(host, path) for path in paths) if found]


def device(host: Host, path: str) -> dict[str, Any] | None:
    try:
        said = host.stat(path)
    except OSError:
        return None
    if stat.S_ISDIR(said.st_mode):
        return None
    is_char = stat.S_ISCHR(said.st_mode)
    return {
        "path": path,
        "type": "char" if is_char else "other",
        "major": os.major(said.st_rdev) if is_char else None,
        "minor": os.minor(said.st_rdev) if is_char else None,
        "owner": name_of(host, "/etc/passwd", said.st_uid) or host.user_name(said.st_uid),
        "group": name_of(host, "/etc/group", said.st_gid) or host.group_name(said.st_gid),
        "uid": said.st_uid,
        "gid": said.st_gid,
        "mode": f"{stat.S_IMODE(said.st_mode):04o}",
        "acl": host.has_acl(path),
        "open": None if "/card" in path else host.try_open(path),
    }


def rows(host: Host, path: str) -> list[list[str]]:
    """Lines of passwd or group, split; a line cut short is left out."""
    lines = (line.split(":") for line in host.text(path).splitlines())
    return [fields for fields in lines if len(fields) >= 4 and fields[2].isdigit()]


def name_of(host: Host, path: str, number: int) -> str | None:
    return next((fields[0] for fields in rows(host, path) if int(fields[2]) == number), None)


def look_groups(host: Host) -> dict[str, Any]:
    """The groups that open GPU devices and the engine's socket; one that the host lacks is not in the answer."""
    found = {f[0]: {"gid": int(f[2]), "members": members(f)} for f in rows(host, "/etc/group")}
    return {name: found[name] for name in GROUPS if name in found}


def members(fields: list[str]) -> list[str]:
    return sorted(name for name in fields[3].split(",") if name)


def look_users(host: Host) -> dict[str, Any]:
    """root, people's accounts, and who logged in: user id, group id, and names of all groups in the database."""
    groups = rows(host, "/etc/group")
    answer = {}
    for fields in rows(host, "/etc/passwd"):
        name, uid, gid = fields[0], int(fields[2]), int(fields[3]) if fields[3].isdigit() else -1
        if uid == 0 or FIRST_USER <= uid < NOBODY or name == host.login_user():
            own = {g[0] for g in groups if name in members(g) or int(g[2]) == gid}
            answer[name] = {"uid": uid, "gid": gid, "groups": sorted(own)}
    return answer
