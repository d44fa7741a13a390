"""Long steps, seen from a connection: started, joined, followed. The work itself is in their units."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from . import files, library, paths, units
from .clock import now
from .kinds import KINDS
from .step_records import installed_by, last_result, order

Spec = dict[str, Any]

RUNNING, DONE, NOT_NEEDED, FAILED = "running", "done", "not_needed", "failed"
# Only the answer to a question (check mode): there is something to do, and nothing was begun.
NEEDED = "needed"

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}$")
_GLANCE_SECONDS = 0.2


def advance(step: str, kind: str, spec: Spec, follow: bool = False, wait: float = 0, check: bool = False) -> dict[str, Any]:
    """Where the step stands: ``{changed, state, progress, result}``.

    The first call joins the step's unit where it is at work, else starts it where there is something to do.
    Later calls (``follow``) say how that went, and start nothing that failed a second time.

    :param wait: seconds to wait for the end before ``running`` is the answer.
    :param check: only tell whether there is something to do.
    :raises FindingError: when the unit cannot be started.
    """
    if not _NAME.match(step):
        raise ValueError(f"{step!r} cannot be the name of a unit; letters, digits and - can")
    deadline = time.monotonic() + wait
    while True:
        if units.is_active(step):
            if check:
                return _answer(step, RUNNING, True)
            follow = True
            if time.monotonic() >= deadline:
                return _answer(step, RUNNING, True)
            time.sleep(_GLANCE_SECONDS)
            continue
        ended = _ended(step, kind, spec, follow, check)
        if ended:
            return ended
        _start(step, kind, spec)
        follow = True


def _ended(step: str, kind: str, spec: Spec, follow: bool, check: bool) -> dict[str, Any] | None:
    """The answer where no unit is at work; ``None`` where one has to be started."""
    result = last_result(step) if follow else None
    if follow and result is None:
        return _failed(step, "GH-STEP-FAILED", "the step's process ended without a result (killed, or a crash)")
    if result and result["rc"]:
        return _answer(step, FAILED, True, result)
    if not KINDS[kind].needed(spec):
        state = DONE if follow else NOT_NEEDED
        return _answer(step, state, follow, {**(result or _NOTHING), **KINDS[kind].facts(spec)})
    if check:
        return _answer(step, NEEDED, True)
    if result and order(step).get("spec") == spec:
        return _failed(step, "GH-STEP-FAILED", f"the step ended well, yet what it was for is not there ({kind})")
    return None


_NOTHING: dict[str, Any] = {"rc": 0, "error_id": None, "error": None, "detail": None}


def _start(step: str, kind: str, spec: Spec) -> None:
    folder = paths.step(step)
    files.make_folder(folder)
    library.install()
    with files.locked(folder / ".start"):
        if units.is_active(step):
            return
        (folder / "progress.json").unlink(missing_ok=True)
        ordered = {"attempt": uuid.uuid4().hex, "kind": kind, "spec": spec, "ordered": now()}
        files.write_json(folder / "spec.json", ordered)
        units.start(step)


def _answer(step: str, state: str, changed: bool, result: dict[str, Any] | None = None) -> dict[str, Any]:
    progress = files.read_json(paths.step(step) / "progress.json") if state == RUNNING else None
    full = {**(result or _NOTHING), "installed": installed_by(step)}
    return {"changed": changed, "state": state, "progress": progress or {}, "result": full}


def _failed(step: str, id: str, seen: str) -> dict[str, Any]:
    log = paths.step(step) / "output.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    result = {"rc": 1, "error_id": id, "error": seen, "detail": "\n".join(lines[-15:])}
    return _answer(step, FAILED, True, result)
