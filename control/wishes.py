"""Checks what a site wrote against the roles' argument specs. Ansible itself accepts misspelt names in silence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from control import roles

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "list": (list, tuple),
    "dict": (dict,),
}


@dataclass(frozen=True)
class Problem:
    """One mistake in a site's variables. ``kind`` is ``unknown`` or ``type``."""

    kind: str
    variable: str
    where: str
    seen: str
    near: str = ""


def problems(values: Mapping[str, Any], where: str) -> list[Problem]:
    """Every mistake in ``values`` (name -> value as written or rendered), in the order of the names."""
    found = []
    for name in sorted(values):
        option = roles.variables().get(name)
        if option is None:
            if problem := _unknown(name, where):
                found.append(problem)
        elif wrong := type_error(values[name], option):
            found.append(Problem("type", name, where, wrong))
    return found


def type_error(value: Any, option: Mapping[str, Any]) -> str:
    """What is wrong with ``value`` under an argument spec's option, or an empty string."""
    if is_template(value):
        return ""
    wanted = option.get("type", "str")
    if (isinstance(value, bool) and wanted != "bool") or not isinstance(value, _PYTHON_TYPES[wanted]):
        shown = "(not shown)" if option.get("no_log") else repr(value)
        return f"is {_kind(value)} {shown}, must be {wanted}"
    choices = option.get("choices")
    elements: list[Any] = [*cast(Iterable[Any], value)] if wanted == "list" else [value]
    for one in elements:
        if choices and not is_template(one) and one not in choices:
            return f"is {one!r}, must be one of {', '.join(map(str, choices))}"
        if wanted == "list" and (wrong := type_error(one, {"type": option.get("elements", "str")})):
            return f"has an element that {wrong}"
    return ""


def is_template(value: Any) -> bool:
    """Whether the value is only known once Ansible has rendered it."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def nearest(name: str, names: Iterable[str]) -> str:
    """The known name most like ``name``, or an empty string."""
    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def _unknown(name: str, where: str) -> Problem | None:
    """A name that looks meant for gpuhost but belongs to no role; a site's own helper variables are let be."""
    if name.startswith(("ansible_", "_")):
        return None
    near = nearest(name, roles.variables())
    if near or roles.owner(name):
        return Problem("unknown", name, where, f"{name} is no variable of any role", near)
    return None


def _kind(value: Any) -> str:
    return {"str": "the text", "bool": "the switch", "int": "the number", "NoneType": "empty:"}.get(
        type(value).__name__, f"a {type(value).__name__}"
    )
