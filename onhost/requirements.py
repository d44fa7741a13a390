"""Whether what is installed in a virtual environment fulfils a list of requirements. Pure, without pip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Callable

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;@]*)\s*$")
_CLAUSE = re.compile(r"^(==|!=|>=|<=|~=|>|<)\s*([0-9][A-Za-z0-9.+!]*)$")

Release = tuple[int, ...]


def unmet(requirements: list[str], installed: Mapping[str, str]) -> list[str]:
    """Those that ``installed`` (version by normalised name) does not fulfil, or that only pip can judge."""
    return [requirement for requirement in requirements if not _is_met(requirement, installed)]


def normalised(name: str) -> str:
    """A distribution's name as packaging tools compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_met(requirement: str, installed: Mapping[str, str]) -> bool:
    match = _REQUIREMENT.match(requirement)
    if not match:
        return False
    version = installed.get(normalised(match[1]))
    clauses = [clause.strip() for clause in match[2].split(",") if clause.strip()]
    return version is not None and all(_fits(version, clause) for clause in clauses)


def _fits(version: str, clause: str) -> bool:
    match = _CLAUSE.match(clause)
    if not match:
        return False
    operator, wanted = match[1], match[2]
    if operator in ("==", "!="):
        same = version == wanted if "+" in wanted else _padded(version) == _padded(wanted)
        return same == (operator == "==")
    if operator == "~=":
        family = _release(wanted)[:-1]
        return _padded(version) >= _padded(wanted) and _release(version)[: len(family)] == family
    return _ORDER[operator](_padded(version), _padded(wanted))


_ORDER: dict[str, Callable[[Release, Release], bool]] = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}


def _release(version: str) -> Release:
    """The numbers of a version; a build label after ``+`` and a pre-release mark do not count."""
    numbers = re.match(r"\d+(?:\.\d+)*", version.partition("+")[0])
    return tuple(int(part) for part in numbers[0].split(".")) if numbers else ()


def _padded(version: str) -> Release:
    return (_release(version) + (0,) * 6)[:6]
