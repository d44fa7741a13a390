"""A recorded host: the snapshot in a file, checked for its shape before anything is planned with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from control.findings import make
from control.inventory import BadInputError

SCHEMA = Path(__file__).resolve().parents[2] / "verify" / "schema" / "snapshot-1.json"

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def snapshot(path: Path) -> dict[str, Any]:
    """The snapshot in a file: alone, in a run folder's record of a host, or in what ``info --json`` prints of one host.

    :raises BadInputError: ``GH-INPUT-FILE`` for a file that does not read, or that holds no snapshot of this schema.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _bad(path, str(error)) from error
    if isinstance(document, dict) and isinstance(hosts := document.get("examined"), dict) and len(hosts) == 1:
        document = next(iter(hosts.values()))
    if isinstance(document, dict):
        document = document.get("snapshot", document)
    if not isinstance(document, dict) or not {"schema", "os"} <= set(document):
        raise _bad(path, "is no snapshot of one host")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # Any section may be an error in its place, also one whose own rule has none.
    unread: dict[str, Any] = {
        name: {} for name, value in document.items() if isinstance(value, dict) and isinstance(value.get("error"), str)
    }
    rule = {**schema, "properties": {**schema["properties"], **unread}}
    if wrong := next(_wrong(document, rule, schema["$defs"], ""), None):
        raise _bad(path, f"is no snapshot of schema {schema['properties']['schema']['const']}: {wrong}")
    return document


def _bad(path: Path, words: str) -> BadInputError:
    return BadInputError([make("GH-INPUT-FILE", "", f"{path}: {words}", variable="--snapshot")])


def _wrong(value: Any, rule: Mapping[str, Any], shared: Mapping[str, Any], place: str) -> Iterator[str]:
    """What of ``value`` has not the shape that a JSON schema asks for: types, constants, and keys that have to be there.

    What a value may be beyond that (``enum``, ``pattern``) no decision stumbles over, and other keys are of no account.
    """
    if "$ref" in rule:
        rule = shared[rule["$ref"].rpartition("/")[2]]
    if "anyOf" in rule:
        tries = [list(_wrong(value, one, shared, place)) for one in rule["anyOf"]]
        yield from [] if [] in tries else tries[-1]
    if "const" in rule and value != rule["const"]:
        yield f"{place or 'it'} is {_short(value)} instead of {rule['const']}"
    types = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type") or []
    if types and not any(_is(value, name) for name in types):
        yield f"{place or 'it'} is {_short(value)} instead of {' or '.join(types)}"
    elif isinstance(value, dict):
        yield from _wrong_keys(value, rule, shared, place)
    elif isinstance(value, list) and "items" in rule:
        for index, one in enumerate(value):
            yield from _wrong(one, rule["items"], shared, f"{place}[{index}]")


def _wrong_keys(value: dict[str, Any], rule: Mapping[str, Any], shared: Mapping[str, Any], place: str) -> Iterator[str]:
    others = rule.get("additionalProperties")
    for name in rule.get("required", []):
        if name not in value:
            yield f"{place or 'it'} has no {name}"
    for name, one in value.items():
        found = rule.get("properties", {}).get(name, others)
        if isinstance(found, dict):
            yield from _wrong(one, found, shared, f"{place}.{name}".lstrip("."))


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _short(value: Any) -> str:
    """A value in a few words: a container by its kind."""
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else json.dumps(value)[:40]
