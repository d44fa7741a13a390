"""Hosts and plans that the rows of the sentences do not have: what is judged otherwise, without being a fault of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], None]


def as_usual(found: dict[str, Any]) -> None:
    """Nothing is otherwise."""


#: Area, name, what is seen otherwise, what is planned otherwise.
CASES: list[tuple[str, str, Change, Change]] = []
