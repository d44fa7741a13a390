"""Seals: proof on the host that a role converged. The baseline: what was there before it first ran."""

from __future__ import annotations

import base64
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import files, paths
from .clock import now
from .footprint import ABSENT, Item, difference, explain, fingerprint_of, item_id
from .host import Host, unit_name

SCHEMA = 1

# A configuration file that was there before us is kept whole, so that `remove` can put it back.
KEPT_BYTES = 256 * 1024

_UNREADABLE: dict[str, Any] = {"input": "", "sealed_at": "", "items": {}, "stand_ins": [], "error": "unreadable seal"}


def begin(role: str, items: list[Item], host: Host | None = None) -> bool:
    """The baseline names every item, as it was before gpuhost touched it; whether anything was added.

    An item is noted once: not again when an interrupted run starts over, and not when it is already ours.
    """
    noted = baseline(role)
    known = {*noted, *(entry["id"] for entry in (read(role) or {}).get("items", []))}
    host = host or Host(units=_units(items))
    new = {item_id(item): _as_found(item, host) for item in items if item_id(item) not in known}
    if new:
        document = {"schema": SCHEMA, "role": role, "items": {**noted, **new}}
        files.write_json(_baseline_path(role), document)
    return bool(new)


def seal(
    role: str,
    input: str,
    items: list[Item],
    run: str = "",
    installed_packages: list[str] | None = None,
    stand_ins: list[Any] | None = None,
    host: Host | None = None,
) -> bool:
    """The role is sealed with what its items are now; whether that differs from the seal before.

    Packages that earlier runs of the role installed stay named: they are still ours.

    :raises OSError: when an item cannot be read; the seal before stays.
    """
    before = read(role) or {}
    host = host or Host(units=_units(items))
    entries = [_sealed(item, explain(item, host)) for item in items]
    packages = sorted({*before.get("installed_packages", []), *(installed_packages or [])})
    document = {
        "schema": SCHEMA,
        "role": role,
        "input": input,
        "items": entries,
        "installed_packages": packages,
        "stand_ins": stand_ins or [],
    }
    if all(before.get(key) == value for key, value in document.items()):
        return False
    document.update({"sealed_at": now(), "run": run})
    files.write_json(_seal_path(role), document)
    return True


def status(host: Host | None = None) -> dict[str, dict[str, Any]]:
    """Every seal with each item's state now: ``{role: {input, sealed_at, items: {id: …}, stand_ins}}``.

    An item is ``{kind, sealed, now, ok, difference}``. A seal that cannot be read has an empty ``input`` and
    an ``error``, so that its role runs again; ``needs_root`` where only root may read it.
    """
    documents = {role: _document(role) for role in roles()}
    readable = {role: document for role, document in documents.items() if _is_seal(document)}
    items = [entry for document in readable.values() for entry in document["items"]]
    host = host or Host(units=_units(items))
    return {
        role: _compared(document, host) if role in readable else {**_UNREADABLE, **(document or {})}
        for role, document in documents.items()
    }


def read(role: str) -> dict[str, Any] | None:
    """The seal of a role, or ``None``."""
    document = files.read_json(_seal_path(role))
    return document if _is_seal(document) else None


def baseline(role: str) -> dict[str, dict[str, Any]]:
    """``{item_id: {item, present, values, content?}}`` as it was before gpuhost."""
    document = files.read_json(_baseline_path(role)) or {}
    items: dict[str, dict[str, Any]] = document.get("items", {})
    return items


def roles() -> list[str]:
    """Roles that have a seal here."""
    return sorted(path.stem for path in paths.seals().glob("*.json"))


def hand_over(role: str, package: str) -> None:
    """The role's seal names the package among those that are ours."""
    document = read(role)
    if document:
        document["installed_packages"] = sorted({*document["installed_packages"], package})
        files.write_json(_seal_path(role), document)


def drop(role: str, items: Collection[str], packages: Collection[str]) -> None:
    """Neither seal nor baseline of the role names these items, nor the seal these packages as ours."""
    notes = {key: note for key, note in baseline(role).items() if key not in items}
    files.write_json(_baseline_path(role), {"schema": SCHEMA, "role": role, "items": notes})
    if document := read(role):
        document["items"] = [entry for entry in document["items"] if entry["id"] not in items]
        document["installed_packages"] = [name for name in document["installed_packages"] if name not in packages]
        files.write_json(_seal_path(role), document)


def forget(role: str, keep: Collection[str] = ()) -> bool:
    """The role has no seal, and a baseline of the items ``keep`` alone; whether there was more."""
    notes = {key: note for key, note in baseline(role).items() if key in keep}
    known = [path for path in (_seal_path(role), _baseline_path(role)) if path.exists()]
    for path in known:
        path.unlink()
    if notes:
        files.write_json(_baseline_path(role), {"schema": SCHEMA, "role": role, "items": notes})
    return bool(known)


def _as_found(item: Item, host: Host) -> dict[str, Any]:
    values = explain(item, host)
    note: dict[str, Any] = {"item": item, "present": bool(values), "values": values}
    path = paths.under(item["path"]) if item["kind"] == "file" else None
    if path and values.get("type") == "file" and path.stat().st_size <= KEPT_BYTES:
        note["content"] = base64.b64encode(path.read_bytes()).decode()
    return note


def _sealed(item: Item, values: dict[str, Any]) -> dict[str, Any]:
    if "error" in values:
        raise OSError(f"{item_id(item)} cannot be looked at: {values['error']}")
    return {**item, "id": item_id(item), "fingerprint": fingerprint_of(item, values), "values": values}


def _compared(document: dict[str, Any], host: Host) -> dict[str, Any]:
    items = {entry["id"]: _item_status(entry, host) for entry in document["items"]}
    return {
        "input": document["input"],
        "sealed_at": document["sealed_at"],
        "items": items,
        "stand_ins": document.get("stand_ins", []),
    }


def _item_status(entry: dict[str, Any], host: Host) -> dict[str, Any]:
    if entry["kind"] == "glob":
        # Not fingerprinted, and walking it at each look would cost more than everything else together.
        return {"kind": "glob", "sealed": ABSENT, "now": ABSENT, "ok": True, "difference": ""}
    try:
        values = explain(entry, host)
    except OSError as error:
        values = {"error": str(error)}
    current = fingerprint_of(entry, values) if "version" in values or entry["kind"] != "package" else ABSENT
    told = values.get("error") or difference(entry["values"], values)
    ok = current == entry["fingerprint"]
    return {
        "kind": entry["kind"],
        "sealed": entry["fingerprint"],
        "now": current,
        "ok": ok,
        "difference": "" if ok else told,
    }


def _document(role: str) -> Any:
    try:
        document = files.read_json(_seal_path(role))
    except PermissionError:
        return {"error": "only root may read this seal", "needs_root": True}
    return document if _is_seal(document) else None


def _is_seal(document: Any) -> bool:
    return isinstance(document, dict) and document.get("schema") == SCHEMA and "sealed_at" in document


def _units(items: list[Item]) -> list[str]:
    return [unit_name(item["name"]) for item in items if item.get("kind") == "unit"]


def _seal_path(role: str) -> Path:
    return paths.seals() / f"{role}.json"


def _baseline_path(role: str) -> Path:
    return paths.baseline() / f"{role}.json"
