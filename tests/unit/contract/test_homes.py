"""Each fact has one home: packages, images and ports stand in the truth table and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from control import roles
from control.paths import ROOT
from tests.unit.contract import repository
from verify import places

#: The lab builds what stands in for the table's images, and needs packages of its own for that.
LAB = ROOT / "control" / "lab"
YAML = [path for path in repository.product_files(".yml") if path.relative_to(ROOT).parts[0] in ("roles", "playbooks")]
PYTHON = [
    path for path in repository.product_files(".py") if path.is_relative_to(ROOT / "control") and LAB not in path.parents
]


def table(name: str) -> Any:
    return repository.load(ROOT / "support" / f"{name}.yml")


@cache
def packages() -> set[str]:
    """Every apt package in the truth table, but for those whose name is a word of the field like others."""
    return set(_values_of("names", [table(name) for name in ("systems", "rocm", "drivers", "torch")])) - {"dkms", "rocm"}


def _values_of(key: str, document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key and isinstance(value, list):
                yield from value
            else:
                yield from _values_of(key, value)
    elif isinstance(document, list):
        for value in document:
            yield from _values_of(key, value)


@cache
def images() -> set[str]:
    """Every image name in the truth table that has a publisher; `python` alone is a word like others."""
    return {row["image"] for row in table("images")["images"] if "/" in row["image"]}


@cache
def ports() -> set[int]:
    return {row["port"] for row in table("services")["services"]}


@cache
def constants(path: Path) -> tuple[Any, ...]:
    """The values that a file holds. Comments and docstrings are no values."""
    if path.suffix == ".yml":
        return tuple(repository.scalars(repository.load(path)))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                statement.value.value = None
    return tuple(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))


every_file = pytest.mark.parametrize("path", [*YAML, *PYTHON], ids=repository.name)


def test_the_table_has_what_is_looked_for() -> None:
    assert {"docker.io", "rocminfo"} <= packages()
    assert {"ollama/ollama", "mintplexlabs/anythingllm"} <= images()
    assert {11434, 3001, 8888} <= ports()


@every_file
def test_no_role_or_decision_names_a_package(path: Path) -> None:
    assert sorted(packages() & {value for value in constants(path) if isinstance(value, str)}) == []


@every_file
def test_no_role_or_decision_names_an_image(path: Path) -> None:
    text = "\n".join(value for value in constants(path) if isinstance(value, str))
    assert sorted(name for name in images() if re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w/])", text)) == []


@every_file
def test_no_role_or_decision_names_a_port(path: Path) -> None:
    values = constants(path)
    numbers = {value for value in values if isinstance(value, int)}
    texts = {int(match) for value in values if isinstance(value, str) for match in re.findall(r"\b\d{4,5}\b", value)}
    assert sorted(ports() & (numbers | texts)) == []


def test_where_gpuhosts_own_things_are_is_typed_once() -> None:
    own = {value for name, value in vars(places).items() if name.isupper()}
    typed = [
        (repository.name(path), value)
        for path in repository.product_files(".py")
        for value in constants(path)
        if value in own
    ]
    # The others are made of these.
    assert {name for name, _ in typed} == {"verify/places.py"}
    assert roles.defaults("services")["services_data_root"] == places.DATA


def test_a_planted_fact_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "main.yml"
    planted.write_text('- ansible.builtin.apt: {name: ["docker.io"]}\n- x: "ollama/ollama:rocm"\n- port: 11434\n')
    for check in (
        test_no_role_or_decision_names_a_package,
        test_no_role_or_decision_names_an_image,
        test_no_role_or_decision_names_a_port,
    ):
        with pytest.raises(AssertionError):
            check(planted)
