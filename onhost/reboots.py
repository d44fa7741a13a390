"""gpuhost's own reboots of a host, counted, so that none follows another for one and the same reason for ever."""

from __future__ import annotations

from typing import Any

from . import files, paths
from .clock import boot_id, now
from .finding import FindingError

#: So often may a host be rebooted for the same reason before a person has to look: what one reboot did not mend, none will.
LIMIT = 1


def read() -> dict[str, Any]:
    """``{count, boot_id, reason, at}``; empty where there was none since the driver last came up as planned."""
    document = files.read_json(paths.reboots())
    return document if isinstance(document, dict) else {}


def begin(reasons: list[str]) -> int:
    """The reboot that is about to happen is noted; which one for these reasons it is, from 1.

    :raises FindingError: ``GH-REBOOT-LOOP`` when there were :data:`LIMIT` of them, and none helped.
    """
    reason = "; ".join(reasons)
    known = read()
    count = int(known.get("count") or 0) if known.get("reason") == reason else 0
    if count >= LIMIT and known.get("boot_id") != boot_id():
        raise FindingError("GH-REBOOT-LOOP", f"after {count} reboot{'s' if count > 1 else ''} still: {reason}")
    # The same boot: the reboot that was noted never came about, and is not a second one.
    count = max(count, 1) if known.get("boot_id") == boot_id() and count else count + 1
    files.write_json(paths.reboots(), {"count": count, "boot_id": boot_id(), "reason": reason, "at": now()}, mode=0o644)
    return count


def forget() -> bool:
    """The host is as planned: earlier reboots count no more; whether there were any."""
    known = paths.reboots().exists()
    paths.reboots().unlink(missing_ok=True)
    return known
