"""How a host, or its plan, is made otherwise than healthy: what the cases of these tests are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], None]
#: Area, what changes, the id that fails, words of its `why`, words of its `next`.
Row = tuple[str, Change, str, str, str]
#: Area, what changes, the id that cannot be verified, words of its `why`.
Unknown = tuple[str, Change, str, str]

GONE = object()
#: Where each is in the plan.
ANYTHINGLLM, JUPYTER, LLAMACPP, OLLAMA = range(4)


def as_usual(found: dict[str, Any]) -> None:
    """Nothing is otherwise."""


def put(*steps: Any) -> Change:
    """What the steps lead to is the last of them; `GONE` takes it away."""
    *path, last, value = steps

    def change(found: Any) -> None:
        for step in path:
            found = found[step]
        if value is GONE:
            del found[last]
        else:
            found[last] = value

    return change


def both(*changes: Change) -> Change:
    """All of these, one after the other."""

    def change(found: dict[str, Any]) -> None:
        for one in changes:
            one(found)

    return change


def on(area: str, name: str, *changes: Change, planned: Change = as_usual) -> tuple[str, str, Change, Change]:
    return area, name, both(*changes), planned


NO_GPUS = put("gpus", [])
