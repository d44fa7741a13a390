"""What a check says: pass, fail, or unverifiable with the reason. The third never counts as the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

PASS, FAIL, UNVERIFIABLE = "pass", "fail", "unverifiable"

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """One answer of one check.

    :param id: ``area.subject.property``; the area is the name of the check that gave it.
    :param seen: what the host showed; :param wanted: what the plan asks for. Both are plain JSON values.
    :param why: for a failure what was seen and why it matters; for an unverifiable result the reason.
    :param next: what to do, as a command where there is one.
    :param needs: ids without which this one says nothing, see :func:`settle`.
    """

    id: str
    status: str
    seen: Any = None
    wanted: Any = None
    why: str = ""
    next: str = ""
    needs: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The six keys of the published schema."""
        return {key: getattr(self, key) for key in ("id", "status", "seen", "wanted", "why", "next")}


def judged(id: str, ok: bool, *, seen: Any, wanted: Any, why: str, next: str, needs: tuple[str, ...] = ()) -> Result:
    """A pass, or a failure with its sentence: ``why`` and ``next`` are kept only where they are needed."""
    if ok:
        return Result(id, PASS, seen, wanted, needs=needs)
    return Result(id, FAIL, seen, wanted, why, next, needs)


def compare(id: str, *, seen: Any, wanted: Any, why: str, next: str, needs: tuple[str, ...] = ()) -> Result:
    """A pass when what was seen is exactly what was wanted."""
    return judged(id, seen == wanted, seen=seen, wanted=wanted, why=why, next=next, needs=needs)


def passed(id: str, *, seen: Any, wanted: Any) -> Result:
    """A pass."""
    return Result(id, PASS, seen, wanted)


def failed(id: str, *, seen: Any, wanted: Any, why: str, next: str, needs: tuple[str, ...] = ()) -> Result:
    """A failure."""
    return Result(id, FAIL, seen, wanted, why, next, needs)


def unverifiable(id: str, why: str, *, seen: Any = None, wanted: Any = None, next: str = "") -> Result:
    """Neither pass nor failure: this host cannot show it, for the reason in ``why``."""
    return Result(id, UNVERIFIABLE, seen, wanted, why, next)


def settle(results: Iterable[Result]) -> list[Result]:
    """The results with one cause shown once: a failure that follows from another becomes unverifiable.

    A failure stays one when everything it needs held. When something it needs failed, or was itself only a
    consequence, it says nothing about its own subject, and its reason names the first cause. A pass stays a
    pass.
    """
    settled = list(results)
    by_id = {result.id: result for result in settled}

    def cause(result: Result, below: frozenset[str]) -> Result | None:
        for need in result.needs:
            needed = by_id.get(need)
            if needed is None or need in below or needed.status != FAIL:
                continue
            return cause(needed, below | {need}) or needed
        return None

    def settle_one(result: Result) -> Result:
        root = cause(result, frozenset({result.id})) if result.status == FAIL else None
        if root is None:
            return result
        why = f"follows from {root.id}: {root.why}"
        return replace(result, status=UNVERIFIABLE, why=why, next=root.next)

    return [settle_one(result) for result in settled]


def document(
    host: str,
    simulated: bool,
    taken_at: str,
    duration_s: float,
    results: Iterable[Result],
    level: str = "quick",
    facts: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """The results as ``verify/schema/results-1.json`` describes them."""
    return {
        "schema": SCHEMA,
        "host": host,
        "simulated": simulated,
        "taken_at": taken_at,
        "duration_s": round(duration_s, 3),
        "level": level,
        "facts": dict(facts or {}),
        **({"only": list(only)} if only else {}),
        "results": [result.as_dict() for result in results],
    }
