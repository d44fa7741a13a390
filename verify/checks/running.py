"""Where a service runs: in its container, or on the host itself as a unit of systemd; and how each is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..engine import EngineError
from . import inside
from .context import Context, run

SECONDS = 15
#: In the folder of a program: what the lab's says of itself.
STAND_IN_FILE = "STAND-IN"


def is_unit(row: dict[str, Any]) -> bool:
    """Whether a service of ``expected.json`` runs on the host itself."""
    return bool(row.get("unit"))


def running(row: dict[str, Any]) -> str:
    """The id of the result that says whether it runs at all."""
    return f"{'units' if is_unit(row) else 'containers'}.{row['name']}.running"


def causes(row: dict[str, Any]) -> tuple[str, ...]:
    """The checks that explain why a service does not reach the GPU."""
    if not is_unit(row):
        return inside.causes(row["name"])
    return tuple(f"units.{row['name']}.{name}" for name in ("running", "program", "groups", "override"))


def logs(row: dict[str, Any]) -> str:
    """The command that shows a service's own words."""
    return f"journalctl -n 50 -u {row['unit']}" if is_unit(row) else f"docker logs --tail 50 {row['container']}"


def restart(row: dict[str, Any]) -> str:
    """The command that starts it anew."""
    return f"sudo systemctl restart {row['unit']}" if is_unit(row) else f"docker restart {row['container']}"


def known_as(row: dict[str, Any]) -> list[str]:
    """Names by which containers reach a service: its own, the one that one on the host answers to, and its container's.

    Ollama on the host refuses who calls it by the first (its server/routes.go, allowedHost).
    """
    internal = f"{row['name']}.internal"
    return [internal] if is_unit(row) else [row["name"], internal, row["container"]]


def log(row: dict[str, Any], ctx: Context, lines: int) -> str:
    """The end of its log.

    :raises EngineError: where it cannot be read.
    """
    if not is_unit(row):
        return ctx.engine.logs(row["container"], lines)
    argv = ["journalctl", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={row['unit']}"]
    done = run(argv, SECONDS)
    if done.rc != 0:
        raise EngineError(0, done.last_line or done.error)
    return done.out


def stand_in(row: dict[str, Any], ctx: Context) -> str | None:
    """What a stand-in of the lab says of itself; None for the real thing."""
    if not is_unit(row):
        return ctx.stand_in(row["container"])
    try:
        return (ctx.root / str(row["folder"]).lstrip("/") / STAND_IN_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def is_bridge(listener: Mapping[str, Any], services: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a socket is the one by which containers reach a service on the host.

    systemd holds it at one address, that of their network, and lets in that network alone.
    """
    held = str(listener.get("process") or "").startswith("systemd") and listener["address"] not in ("0.0.0.0", "::")
    return held and any(row.get("unit") and row.get("port") == listener["port"] for row in services)
