"""The inventories of this repository use names that some role knows, and the common one has no hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control import roles, wishes
from control.paths import COMMON_INVENTORY, INVENTORY_DIR
from tests.unit.contract import repository

#: The inventories in this repository; a site's own are not tracked.
FILES = [path for path in repository.files() if path.is_relative_to(INVENTORY_DIR) and path.suffix == ".yml"]


def variables(path: Path) -> dict[str, Any]:
    """What a file sets, for hosts or for groups."""
    document = repository.load(path) or {}
    return (
        document
        if path.parent.parent.name in ("group_vars", "host_vars")
        or path.parent.name
        in (
            "group_vars",
            "host_vars",
        )
        else _of_groups(document)
    )


def _of_groups(groups: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for group in groups.values():
        found |= (group or {}).get("vars") or {}
        for host in ((group or {}).get("hosts") or {}).values():
            found |= host or {}
        found |= _of_groups((group or {}).get("children") or {})
    return found


def test_there_is_something_to_check() -> None:
    assert {path.relative_to(INVENTORY_DIR).parts[0] for path in FILES} == {"common", "example", "local"}
    assert any(name in roles.variables() for path in FILES for name in variables(path))


@pytest.mark.parametrize("path", FILES, ids=repository.name)
def test_an_inventory_sets_what_some_role_knows(path: Path) -> None:
    assert wishes.problems(variables(path), repository.name(path)) == []
    unknown = [name for name in variables(path) if name not in roles.variables() and not name.startswith("ansible_")]
    assert unknown == []


def test_the_common_inventory_has_groups_without_hosts() -> None:
    groups = repository.load(COMMON_INVENTORY / "hosts.yml")
    assert "gpuhost" in groups
    assert [name for name, group in groups.items() if (group or {}).get("hosts")] == []
