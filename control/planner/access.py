"""Which device nodes programs need, what opens them, who becomes a member, and who has to log in again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from control.planner.model import Context, Decision, Gpu, Outcome

if TYPE_CHECKING:
    from control.findings import Finding

KFD = "/dev/kfd"
RENDER = "render"
#: Groups that own the GPU's nodes on every supported system.
GROUPS = (RENDER, "video")
#: The first render minor that the kernel gives out, and the end of their range.
MINORS = range(128, 256)
#: Permission bits of everybody.
WORLD = 0o006


def decide(ctx: Context) -> Outcome:
    """The part of the role ``gpu_access``; ``part["nodes"]``: device -> ``{"group", "gid", "world"}`` (open to all)."""
    users, found = _users(ctx)
    nodes = {path: _owner(ctx, path) for path in devices(ctx, ctx.used)}
    part: dict[str, Any] = {"members": [], "devices": list(nodes), "nodes": nodes, "udev": False}
    if not nodes:
        return Outcome(part, [Decision("access", "none", "there is no GPU to open", "access.no-gpu")], found)
    world = [path for path in nodes if _mode(ctx, path) & WORLD == WORLD]
    found += [ctx.finding("GH-ACCESS-WORLD", f"{path} has mode {_mode(ctx, path):04o}") for path in world]
    part["udev"] = _own_rule(ctx, nodes)
    if ctx.wishes["gpu_access_method"] == "auto" and len(world) == len(nodes):
        part["nodes"] = {path: {**_as_it_is(ctx, path), "world": True} for path in nodes}
        why = "a udev rule of this host opens the nodes to everybody: nobody has to be a member"
        return Outcome(part, [Decision("access", "as it is", why, "access.udev-present")], found)
    part["members"], decision = _members(users, nodes, part["udev"])
    return Outcome(part, [decision], [*found, *_login(ctx, part["members"])])


def _members(users: Sequence[str], nodes: Mapping[str, Any], udev: bool) -> tuple[list[dict[str, str]], Decision]:
    owners = {node["group"] for node in nodes.values()}
    groups = sorted(owners) if udev else sorted({*GROUPS, *owners})
    members = [{"user": user, "group": group} for user in users for group in groups]
    choice = f"{', '.join(users) or 'nobody'} in {', '.join(groups)}"
    if udev:
        reason = f"a rule of gpuhost's own gives {', '.join(nodes)} to {RENDER}, with no rights for others"
        return members, Decision("access", choice, reason, "access.udev")
    reason = f"{', '.join(nodes)} belong to these groups; nobody else gets at them"
    return members, Decision("access", choice, reason, "access.groups")


def _own_rule(ctx: Context, nodes: Mapping[str, Any]) -> bool:
    return bool(ctx.wishes["gpu_access_method"] == "udev" and nodes)


def devices(ctx: Context, gpus: Sequence[Gpu]) -> list[str]:
    """The compute interface and every render node of ``gpus``, and no others; a partitioned card has several."""
    if not gpus:
        return []
    nodes = _render_nodes(ctx)
    return [KFD, *sorted({path for gpu in gpus for path in nodes[gpu.pci]})]


def _render_nodes(ctx: Context) -> dict[str, list[str]]:
    """Render nodes of each used GPU, by PCI address."""
    # A driver that is not loaded yet has no node: the first free minor is what it will get.
    taken = {gpu.render_node for gpu in ctx.gpus if gpu.render_node}
    free = (path for minor in MINORS if (path := f"/dev/dri/renderD{minor}") not in taken)
    found = {}
    for gpu in sorted(ctx.used, key=lambda gpu: gpu.pci):
        parts = [node.render_node for node in gpu.nodes if node.render_node]
        found[gpu.pci] = list(dict.fromkeys(parts)) or [gpu.render_node or next(free)]
    return found


def _node(ctx: Context, path: str) -> Mapping[str, Any]:
    return next((node for node in ctx.rows("devices") if node["path"] == path), {})


def _mode(ctx: Context, path: str) -> int:
    return int(_node(ctx, path).get("mode") or "0", 8)


def _as_it_is(ctx: Context, path: str) -> dict[str, Any]:
    node = _node(ctx, path)
    return {"group": node["group"] or str(node["gid"]), "gid": node["gid"]}


def _owner(ctx: Context, path: str) -> dict[str, Any]:
    """Group and number of a node. One that belongs to root is mistaken: render is whose it is by udev's rules."""
    render: Mapping[str, Any] = ctx.mapping("groups").get(RENDER) or {}
    node = _node(ctx, path)
    if node.get("gid") and ctx.wishes["gpu_access_method"] != "udev":
        return {**_as_it_is(ctx, path), "world": False}
    return {"group": RENDER, "gid": render.get("gid"), "world": False}


def _users(ctx: Context) -> tuple[list[str], list[Finding]]:
    """Who is to use the GPU: the site's list, else the user that logs in, unless that is root."""
    asked = list(ctx.wishes["gpu_access_users"])
    known = ctx.mapping("users")
    login = _login_user(ctx)
    users = asked or [name for name in [login] if name and name != "root"]
    missing = [name for name in users if known and name not in known]
    found = [ctx.finding("GH-INPUT-UNKNOWN-USER", f"gpu_access_users names {name}") for name in missing if name in asked]
    return [name for name in users if name not in missing], found


def _login_user(ctx: Context) -> str | None:
    """The user that logs in; None where it is not known, also where the snapshot has an error in its place."""
    found = ctx.snapshot.get("login_user")
    return found if isinstance(found, str) else None


def _login(ctx: Context, members: Sequence[Mapping[str, str]]) -> list[Finding]:
    """Who gets new groups: a session that is open already keeps the ones it began with."""
    known = ctx.mapping("users")
    new: dict[str, list[str]] = {}
    for member in members:
        if member["group"] not in (known.get(member["user"]) or {}).get("groups", []):
            new.setdefault(member["user"], []).append(member["group"])
    found = [
        ctx.finding("GH-ACCESS-LOGIN", f"{user} becomes a member of {' and '.join(groups)}", user=user)
        for user, groups in new.items()
    ]
    return found + _open_session(ctx, [one for one in members if one["user"] not in new])


def _open_session(ctx: Context, members: Sequence[Mapping[str, str]]) -> list[Finding]:
    """The login user's own session, where the database has the groups and the session that looked has not."""
    login, has = _login_user(ctx), ctx.rows("process_groups")
    if ctx.snapshot.get("as_root") or not login or not has:
        return []
    numbers = {name: group.get("gid") for name, group in ctx.mapping("groups").items()}
    lacking = [one["group"] for one in members if one["user"] == login and numbers.get(one["group"]) not in (None, *has)]
    if not lacking:
        return []
    seen = f"{login} is a member of {' and '.join(lacking)}, and the session that gpuhost uses began before that"
    return [ctx.finding("GH-ACCESS-LOGIN", seen, user=login)]
