"""Filters of the role ``services``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Ansible loads plugins by path: the repository is not on sys.path unless we put it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from onhost import containers


def hosts(units: Sequence[Mapping[str, Any]], network: Mapping[str, Any]) -> dict[str, str]:
    """What containers call services of the host itself, with the address of the host in their network.

    :param network: the engine's inspection of it.
    """
    if not units:
        return {}
    gateway = str(network["IPAM"]["Config"][0]["Gateway"])
    return {name: gateway for unit in units for name in unit["aliases"]}


class FilterModule:
    """Names the functions for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"services_previous": containers.previous, "services_hosts": hosts}
