"""Reads and checks the files of the truth table. Use :func:`control.support.load`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version
from pydantic import BaseModel, ValidationError

from control import rows, supportchecks
from control.support import SupportError, Table
from control.supportchecks import PLACEHOLDER as PLACEHOLDER

SCHEMA = 1


def _gfx_number(gfx: str) -> int:
    return int(gfx.removeprefix("gfx"), 16)


#: file -> list in it -> (class of a row, what identifies a row, what the rows are sorted by)
FILES: dict[str, dict[str, tuple[type[rows.Row], str, Callable[[Any], Any]]]] = {
    "gpus": {
        "gpus": (rows.Gpu, "device", lambda r: r.device),
        "targets": (rows.Target, "gfx", lambda r: _gfx_number(r.gfx)),
    },
    "rates": {"rates": (rows.Rate, "id", lambda r: r.id)},
    "systems": {
        "systems": (rows.System, "id", lambda r: (r.os, Version(r.version))),
        "elsewhere": (rows.Elsewhere, "id", lambda r: (r.id.split("-")[0], Version(r.id.split("-")[-1]))),
    },
    "repositories": {
        "keys": (rows.Key, "id", lambda r: r.id),
        "repositories": (rows.Repository, "id", lambda r: r.id),
    },
    "drivers": {
        "drivers": (rows.Driver, "id", lambda r: Version(r.version or "0")),
        "kernel_fixes": (rows.KernelFix, "id", lambda r: r.id),
    },
    "rocm": {
        "rocm": (rows.Rocm, "id", lambda r: (r.stream, r.systems[0] if r.stream == "distro" else "", Version(r.version)))
    },
    "torch": {"torch": (rows.Torch, "id", lambda r: (r.build, r.system or "", Version(r.version), Version(r.rocm or "0")))},
    "images": {"images": (rows.Image, "id", lambda r: (r.image, r.tag or ""))},
    "programs": {"programs": (rows.Program, "id", lambda r: r.id)},
    "services": {"services": (rows.Service, "id", lambda r: r.id)},
    "models": {
        "models": (rows.Model, "id", lambda r: r.id),
        "quantisations": (rows.Quantisation, "id", lambda r: r.id),
    },
}


def read(directory: Path) -> Table:
    """Every file, checked one by one and then against each other. Raises SupportError with all problems."""
    problems: list[str] = []
    lists: dict[str, list[Any]] = {}
    sources: dict[str, dict[str, rows.Source]] = {}
    for name in FILES:
        _read_file(directory / f"{name}.yml", name, lists, sources, problems)
    if not problems:
        problems += supportchecks.across(lists)
    if problems:
        raise SupportError(problems)
    catalogue = lists.pop("services")
    return Table(catalogue=catalogue, sources=sources, **lists)


def _read_file(path: Path, name: str, lists: dict, sources: dict, problems: list[str]) -> None:
    where = f"support/{path.name}"
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        problems.append(f"{where}: {error}")
        return
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        problems.append(f"{where}: must be a mapping with schema: {SCHEMA}")
        return
    for key in sorted(set(document) - {"schema", "sources", *FILES[name]}):
        problems.append(f"{where}: unknown key {key!r}")
    sources[name] = {
        key: row
        for key, value in (document.get("sources") or {}).items()
        if (row := _model(rows.Source, value, f"{where} source {key!r}", problems))
    }
    for list_name, (model, key, order) in FILES[name].items():
        raw = document.get(list_name) or []
        found = [_model(model, value, _label(where, list_name, i, value, key), problems) for i, value in enumerate(raw)]
        lists[list_name] = [row for row in found if row is not None]
        problems += _duplicates(lists[list_name], key, f"{where} {list_name}")
        problems += _unsorted(lists[list_name], key, order, f"{where} {list_name}")
        problems += [
            f"{where} {list_name} {getattr(row, key)!r}: source {row.source!r} is not among the file's sources"
            for row in lists[list_name]
            if row.source not in (document.get("sources") or {})
        ]
        problems += [
            f"{where} {list_name} {row.gfx!r}: inbox_source {row.inbox_source!r} is not among the file's sources"
            for row in lists[list_name]
            if isinstance(row, rows.Target) and row.inbox_since and row.inbox_source not in (document.get("sources") or {})
        ]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the C loader has no type stub
    """YAML as data, in which a key may not be given twice."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"key given twice: {', '.join(twice)}", node.start_mark)
    return {loader.construct_object(key): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _label(where: str, list_name: str, index: int, value: Any, key: str) -> str:
    name = value.get(key) if isinstance(value, dict) else None
    return f"{where} {list_name}[{index}] {name!r}" if name else f"{where} {list_name}[{index}]"


def _model(model: type[BaseModel], value: Any, label: str, problems: list[str]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"])
            problems.append(f"{label}: {key or 'row'}: {_sentence(one)}")
        return None


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "missing"
    return f"{error['msg']} (seen: {error['input']!r})"


def _duplicates(table: Sequence[Any], key: str, where: str) -> Iterable[str]:
    values = [getattr(row, key) for row in table]
    return [
        f"{where}: {value!r} is there {values.count(value)} times"
        for value in sorted(set(values))
        if values.count(value) > 1
    ]


def _unsorted(table: Sequence[Any], key: str, order: Callable[[Any], Any], where: str) -> Iterable[str]:
    problems = [
        f"{where}: {getattr(after, key)!r} must stand before {getattr(before, key)!r}"
        for before, after in pairwise(table)
        if order(after) < order(before)
    ]
    for row in table:
        if isinstance(row, rows.KernelFix) and row.fixed != sorted(row.fixed, key=Version):
            problems.append(f"{where} {row.id!r}: versions in `fixed` are not sorted")
    return problems
