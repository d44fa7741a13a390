"""Which device nodes programs need, the numeric groups that open them, and who becomes a member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.planner.model import Context, Decision, Outcome

KFD = "/dev/kfd"
#: Groups that own the GPU's nodes on every supported system.
GROUPS = ("render", "video")


def decide(ctx: Context) -> Outcome:
    """The part of the role ``gpu_access``; ``part["nodes"]`` maps each device to ``{"group", "gid"}``."""
    users, found = _users(ctx)
    nodes = {path: _owner(ctx, path) for path in devices(ctx)}
    groups = sorted({*GROUPS, *(node["group"] for node in nodes.values())}) if nodes else []
    members = [{"user": user, "group": group} for user in users for group in groups] if nodes else []
    part: dict[str, Any] = {"members": members, "devices": list(nodes), "nodes": nodes}
    if not nodes:
        return Outcome(part, [Decision("access", "none", "there is no GPU to open", "access.no-gpu")], found)
    reason = f"{', '.join(nodes)} belong to these groups; nobody else gets at them"
    choice = f"{', '.join(users) or 'nobody'} in {', '.join(groups)}"
    return Outcome(part, [Decision("access", choice, reason, "access.groups")], found)


def devices(ctx: Context) -> list[str]:
    """The compute interface and the render node of each used GPU, and no others."""
    if not ctx.used:
        return []
    # A driver that is not loaded yet has no node: the first free minor is what it will get (128 is the first of all).
    taken = {gpu.render_node for gpu in ctx.gpus if gpu.render_node}
    free = (path for minor in range(128, 256) if (path := f"/dev/dri/renderD{minor}") not in taken)
    return [KFD, *(gpu.render_node or next(free) for gpu in ctx.used)]


def _owner(ctx: Context, path: str) -> dict[str, Any]:
    """Group and number of a node. One that belongs to root is mistaken: render is whose it is by udev's rules."""
    render: Mapping[str, Any] = ctx.mapping("groups").get("render") or {}
    node = next((node for node in ctx.rows("devices") if node["path"] == path), None)
    if node is not None and node.get("gid"):
        return {"group": node["group"] or str(node["gid"]), "gid": node["gid"]}
    return {"group": "render", "gid": render.get("gid")}


def _users(ctx: Context) -> tuple[list[str], list[Any]]:
    """Who is to use the GPU: the site's list, else the user that logs in, unless that is root."""
    asked = list(ctx.wishes["gpu_access_users"])
    known = ctx.mapping("users")
    login = ctx.snapshot.get("login_user")
    users = asked or [name for name in [login] if name and name != "root"]
    missing = [name for name in users if known and name not in known]
    found = [ctx.finding("GH-INPUT-UNKNOWN-USER", f"gpu_access_users names {name}") for name in missing if name in asked]
    return [name for name in users if name not in missing], found
