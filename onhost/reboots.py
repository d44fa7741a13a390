"""gpuhost's own reboots of a host, counted, so that none follows another for one and the same reason for ever."""

from __future__ import annotations

from typing import Any

from . import files, paths
from .clock import boot_id, now
from .finding import FindingError

#: So often may a host be rebooted for the same reason before a person has to look: what one reboot did not mend, none will.
LIMIT = 1


def read() -> dict[str, Any]:
    """``{count, boot_id, reason, at, counts: {reason: count}}``.

    Empty where there was none since the driver last came up as planned.
    """
    document = files.read_json(paths.reboots())
    return document if isinstance(document, dict) else {}


def begin(reasons: list[str]) -> int:
    """The reboot that is about to happen is noted; which one it is, for the reason that had most of them, from 1.

    :raises FindingError: ``GH-REBOOT-LOOP`` when there were :data:`LIMIT` of them for any of the reasons since the host was
        last as planned, whatever else was a reason then: they did not help.
    """
    known = read()
    counts, same_boot = _counts(known), known.get("boot_id") == boot_id()
    if not same_boot:
        _refuse([reason for reason in reasons if counts.get(reason, 0) >= LIMIT], counts)
    for reason in reasons:
        # The same boot: the reboot that was noted never came about, and is not a second one.
        counts[reason] = max(counts.get(reason, 0), 1) if same_boot else counts.get(reason, 0) + 1
    count = max(counts[reason] for reason in reasons)
    noted = {"count": count, "boot_id": boot_id(), "reason": "; ".join(reasons), "at": now(), "counts": counts}
    files.write_json(paths.reboots(), noted, mode=0o644)
    return count


def end(reasons: list[str]) -> None:
    """Nothing is left that a reboot was for, and earlier ones count no more.

    :raises FindingError: what is left: ``GH-REBOOT-LOOP`` after a reboot, ``GH-REBOOT-NEEDED`` where there was none.
    """
    if reasons:
        counts = _counts(read())
        _refuse(reasons if counts else [], counts)
        raise FindingError("GH-REBOOT-NEEDED", "; ".join(reasons))
    forget()


def forget() -> bool:
    """The host is as planned: earlier reboots count no more; whether there were any."""
    known = paths.reboots().exists()
    paths.reboots().unlink(missing_ok=True)
    return known


def _counts(known: dict[str, Any]) -> dict[str, int]:
    """How many reboots there were for each single reason."""
    # Notes of an earlier gpuhost know all reasons of a reboot as one.
    one_by_one = known.get("counts") or dict.fromkeys(str(known.get("reason") or "").split("; "), known.get("count") or 0)
    return {reason: int(count) for reason, count in one_by_one.items() if reason}


def _refuse(left: list[str], counts: dict[str, int]) -> None:
    if left:
        count = max(counts.values())
        raise FindingError("GH-REBOOT-LOOP", f"after {count} reboot{'s' if count > 1 else ''} still: {'; '.join(left)}")
