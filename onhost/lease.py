"""The lease: which controller works on this host. It keeps a second one out, and never outlives its owner and its units."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from . import files, paths, units
from .clock import boot_id, now, uptime
from .finding import FindingError

#: An owner that was silent for longer, with no unit of ours at work, is taken for dead.
TAKEOVER_SECONDS = 600
#: So long may a service have to become healthy, which is the longest that a live run says nothing: beside it, what stood
#: there is stopped, and what comes is started.
LONGEST_WAIT_SECONDS = TAKEOVER_SECONDS - 120

_IDENTITY = ("machine_id", "pid", "start_time", "run")

Owner = dict[str, Any]


def read() -> dict[str, Any] | None:
    """``{owner, since, heartbeat, boot_id, left, silent_seconds}``, or ``None`` when nobody holds the host.

    ``left``: the owner has ended, and the host is held for the units that it began.
    """
    lease = files.read_json(paths.lease())
    if not isinstance(lease, dict) or "owner" not in lease:
        return None
    return {**lease, "silent_seconds": round(_silence(lease), 1)}


def acquire(
    owner: Owner,
    takeover_seconds: float = TAKEOVER_SECONDS,
    dead_owner: Owner | None = None,
    at_work: Callable[[], list[str]] = units.active,
) -> bool:
    """``owner`` holds the host; whether it did not before.

    :param dead_owner: the holder whose process the caller saw ended: that one, and no later one, gives way to a run of
        the same machine.
    :param at_work: names of our units that are active.
    :raises FindingError: ``GH-LOCKED`` when another live run holds the host.
    """
    with files.locked(_lock()):
        lease = files.read_json(paths.lease()) or {}
        if told := _other(lease, owner, takeover_seconds, dead_owner or {}, at_work):
            raise FindingError("GH-LOCKED", told)
        mine = _same(lease.get("owner") or {}, owner)
        since = lease["since"] if mine else now()
        _store(owner, since)
        return not mine


def other(owner: Owner, at_work: Callable[[], list[str]] = units.active) -> str:
    """Who holds the host, for a message; empty where ``owner`` does, or could."""
    return _other(files.read_json(paths.lease()) or {}, owner, TAKEOVER_SECONDS, {}, at_work)


def touch() -> None:
    """The heartbeat is fresh, whoever holds the host: work done here shows that its run is alive."""
    if not paths.lease().exists():
        return
    with files.locked(_lock()):
        lease = files.read_json(paths.lease()) or {}
        if lease.get("owner") and lease.get("boot_id") == boot_id():
            _store(lease["owner"], lease["since"], left=bool(lease.get("left")))


def release(owner: Owner, at_work: Callable[[], list[str]] = units.active) -> bool:
    """``owner`` does not hold the host; whether it did, and does not now. Another's lease stays.

    Where a unit of ours is at work, the host is held for it, until it has ended.
    """
    with files.locked(_lock()):
        lease = files.read_json(paths.lease()) or {}
        if not _same(lease.get("owner") or {}, owner):
            return False
        if at_work():
            _store(owner, lease["since"], left=True)
            return False
        paths.lease().unlink()
        if [path.name for path in paths.state().iterdir()] == [_lock().name]:
            # The last trace of gpuhost on a host that everything was removed from.
            _lock().unlink()
            paths.state().rmdir()
        return True


def _other(lease: dict[str, Any], owner: Owner, limit: float, dead: Owner, at_work: Callable[[], list[str]]) -> str:
    holder = lease.get("owner") or {}
    if not holder or _same(holder, owner) or _stale(lease, owner, limit, dead, at_work):
        return ""
    return _told(lease, at_work)


def _stale(lease: dict[str, Any], owner: Owner, limit: float, dead: Owner, at_work: Callable[[], list[str]]) -> bool:
    if lease.get("boot_id") != boot_id():
        return True
    if _same(lease["owner"], dead) and dead.get("machine_id") == owner.get("machine_id"):
        return True
    return (lease.get("left") or _silence(lease) > limit) and not at_work()


def _silence(lease: dict[str, Any]) -> float:
    """Seconds since the last heartbeat, by a clock that nobody sets; endless after a reboot."""
    if lease.get("boot_id") != boot_id():
        return float("inf")
    return max(0.0, uptime() - float(lease.get("uptime") or 0.0))


def _store(owner: Owner, since: str, left: bool = False) -> None:
    document = {
        "owner": owner,
        "left": left,
        "since": since,
        "heartbeat": now(),
        "uptime": uptime(),
        "boot_id": boot_id(),
    }
    files.write_json(paths.lease(), document, mode=0o644)


def _told(lease: dict[str, Any], at_work: Callable[[], list[str]]) -> str:
    holder = lease.get("owner") or {}
    heard = f"last heard of {_silence(lease):.0f} s ago"
    state = f"which ended; {', '.join(at_work())} is at work" if lease.get("left") else heard
    return (
        f"{holder.get('user', 'somebody')} on {holder.get('controller', 'an unknown controller')} "
        f"has worked on it since {lease.get('since')} (run {holder.get('run')}, {state})"
    )


def _same(one: Owner, other: Owner) -> bool:
    return bool(one) and all(str(one.get(key)) == str(other.get(key)) for key in _IDENTITY)


def _lock() -> Path:
    return paths.state() / ".lease.lock"
