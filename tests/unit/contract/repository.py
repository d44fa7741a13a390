"""The repository's own files, read for the contract tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from control import quality, roles
from control.paths import ROOT

EVERY_ROLE = (roles.PREFLIGHT, *roles.ROLES)
#: What ends in a product's hands: everything but the tests and recorded samples.
PRODUCT = ("control", "docker", "inventory", "onhost", "playbooks", "plugins", "roles", "support", "verify")


@cache
def files() -> tuple[Path, ...]:
    """Every file of the repository, as `.gitignore` bounds it."""
    return tuple(quality.own_files())


def product_files(*endings: str) -> list[Path]:
    """Files of the product with one of ``endings`` (all of them if none is given)."""
    own = [path for path in files() if path.relative_to(ROOT).parts[0] in PRODUCT]
    return [path for path in own if not endings or path.name.endswith(endings)]


def name(path: Path) -> str:
    """The path as it is written in messages and test ids."""
    return str(path.relative_to(ROOT))


def load(path: Path) -> Any:
    """A YAML file. Ansible's own tags are read as plain text."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


class _Loader(yaml.CSafeLoader):
    pass


for _tag in ("!vault", "!unsafe"):
    _Loader.add_constructor(_tag, lambda loader, node: str(node.value))


def task_files(role: str) -> list[Path]:
    """The role's task files and handlers."""
    folder = ROOT / "roles" / role
    return sorted([*(folder / "tasks").rglob("*.yml"), *(folder / "handlers").rglob("*.yml")])


def tasks_of(path: Path) -> Iterator[dict[str, Any]]:
    """Every task in a file, those inside of blocks too. The blocks themselves come as well."""
    yield from _flat(load(path) or [])


def _flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _flat(task.get(part) or [])


def scalars(document: Any) -> Iterator[Any]:
    """Every single value in a YAML document; keys are left out."""
    if isinstance(document, dict):
        for value in document.values():
            yield from scalars(value)
    elif isinstance(document, list):
        for value in document:
            yield from scalars(value)
    else:
        yield document
