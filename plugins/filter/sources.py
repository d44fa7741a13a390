"""Filters of the role ``sources``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from onhost import openpgp


def armoured_key(path: str) -> str:
    """The text form of the OpenPGP key in the file ``path`` of the control node."""
    return openpgp.armoured(Path(path).expanduser().read_bytes())


class FilterModule:
    """Names the functions for Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"sources_armoured_key": armoured_key}
