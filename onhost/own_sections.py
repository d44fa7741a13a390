"""What gpuhost itself remembers on a host, as sections of its snapshot."""

from __future__ import annotations

from typing import Any, Callable

from . import lease, seals, step_records

Look = Callable[[], Any]

_LOOKS: dict[str, Look] = {"seals": seals.status, "lease": lease.read, "steps": step_records.status}


def snapshot(take: Callable[[dict[str, Any], dict[str, Look]], dict[str, Any]], want: dict[str, Any]) -> dict[str, Any]:
    """What ``take(want, extra)`` gives, with our sections; ``needs_root`` names those too that root alone may read."""
    closed: set[str] = set()
    taken = take(want, {name: _noting(name, look, closed) for name, look in _LOOKS.items()})
    taken["needs_root"] = sorted({*taken["needs_root"], *closed})
    return taken


def _noting(name: str, look: Look, closed: set[str]) -> Look:
    def noted() -> Any:
        try:
            found = look()
        except PermissionError:
            closed.add(name)
            raise
        if name == "seals" and any(seal.get("needs_root") for seal in found.values()):
            closed.add(name)
        return found

    return noted
