"""Filters of the role ``services``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from onhost import containers


class FilterModule:
    """Names the functions for Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"services_previous": containers.previous}
