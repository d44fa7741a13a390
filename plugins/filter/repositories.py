"""Filters of the roles that bring vendors' repositories to a host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from onhost import repositories


def files(given: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every file that makes these repositories known to apt."""
    return [path for one in given for path in repositories.written(one)]


def lists(given: Iterable[Mapping[str, Any]]) -> list[str]:
    """Patterns of the package lists that apt keeps of them."""
    return [repositories.lists(one) for one in given]


class FilterModule:
    """Names the functions for Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"repository_files": files, "repository_lists": lists}
