"""Secrets that a site gives (``services_secrets``): what is wrong with one is told without it, and nothing else of it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: The variable that holds them: service -> name -> value.
VARIABLE = "services_secrets"
#: The variable of a run that makes new ones: service -> names.
RENEWED = "gpuhost_renewed"
#: What a file of one secret may hold: what is printed, and no blank.
_PRINTED = re.compile(r"[!-~]+")
#: What no program cuts or takes for something else where it reads a file of settings.
_PLAIN = re.compile(r"[A-Za-z0-9_.:@%+,=/-]+")
#: Longer ones are long enough for everybody: how long they are is nobody's business.
_COUNTED = 32


def shape(values: Any) -> Any:
    """The variable without its values: in the place of each stands ``{characters, plain}``, or what is wrong with it.

    ``characters``: how many, where there are fewer than 32; ``plain``: fit for a file of settings. What is no mapping at all
    is a text without a word of it.
    """
    if not isinstance(values, Mapping):
        return "…"
    return {
        str(service): {str(name): _problem(value) or _traits(value) for name, value in named.items()}
        if isinstance(named, Mapping)
        else {"": "is no mapping of names to values"}
        for service, named in values.items()
    }


def usable(values: Any) -> dict[str, dict[str, str]]:
    """The values that can be used; what is wrong with the others is preflight's to tell."""
    if not isinstance(values, Mapping):
        return {}
    return {
        str(service): {str(name): str(value) for name, value in named.items() if not _problem(value)}
        for service, named in values.items()
        if isinstance(named, Mapping)
    }


def _problem(value: Any) -> str:
    if not isinstance(value, str):
        return "is empty" if value is None else "is no text; put it in quotes"
    if not value:
        return "is empty"
    return "" if _PRINTED.fullmatch(value) else "holds a blank, a line break or a letter outside of ASCII"


def _traits(value: str) -> dict[str, Any]:
    return {"characters": min(len(value), _COUNTED), "plain": _PLAIN.fullmatch(value) is not None}


def of_containers(containers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the plan says of the secrets of its containers, for those that have any."""
    found = [{key: one[key] for key in ("service", "secrets", "env_file")} for one in containers]
    return [one for one in found if one["secrets"] or (one["env_file"] or {}).get("secrets")]
