"""The secrets of services: those that are missing, those that the site gives and the host has otherwise, and new ones.

A service in the plan: ``{service, secrets: [{name, path, length, encrypts, …}], env_file: {path, secrets, …} | None}``.
Values go in and stay: what comes out are names, as ``jupyter/token``, and stamps.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import backups, files, paths, secrets
from .finding import FindingError

Service = Mapping[str, Any]
#: Values that the site gives, by service and name.
Given = Mapping[str, Mapping[str, str]]
#: Names of secrets that are to be new, by service; ``*`` stands for all but those that data is encrypted with.
Renewed = Mapping[str, Sequence[str]]

ROLE = "services"
#: On a container: the stamp of the secrets that it was started with.
LABEL = "org.gpuhost.secrets"


def make(services: Sequence[Service], given: Given, check: bool = False) -> list[str]:
    """Every file is there with every secret in it; what was missing. What was there keeps its value.

    :raises FindingError: ``GH-DATA-OWNER`` for a file that its service could not use, or that others can read.
    """
    made = []
    for service in services:
        name, values = service["service"], given.get(service["service"], {})
        for one in service["secrets"]:
            mode = int(one["mode"], 8)
            value = values.get(one["name"], "")
            if secrets.ensure(
                one["path"], one["length"], uid=one["uid"], gid=one["gid"], mode=mode, check=check, value=value
            ):
                made.append(f"{name}/{one['name']}")
        if file := service["env_file"]:
            added = secrets.ensure_env_file(
                file["path"],
                file["values"],
                file["secrets"],
                uid=file["uid"],
                gid=file["gid"],
                mode=int(file["mode"], 8),
                check=check,
                given=values,
            )
            made += [f"{name}/{key}" for key in added]
    return made


def differing(services: Sequence[Service], given: Given) -> list[str]:
    """Secrets that the site gives and that are another here. Those that are missing do not differ: they will be made."""
    return [f"{service['service']}/{name}" for service in services for name in _changes(service, given, {})]


def locked(services: Sequence[Service], given: Given) -> list[str]:
    """Those of :func:`differing` that data is encrypted with."""
    sealing = {f"{service['service']}/{name}" for service in services for name in _encrypting(service)}
    return [name for name in differing(services, given) if name in sealing]


def change(services: Sequence[Service], given: Given, renewed: Renewed, check: bool = False) -> list[str]:
    """Secrets are as the site gives them, and those of ``renewed`` are new; the ones that changed.

    No service of them may be running. A file with a secret that data is encrypted with is in a backup before.

    :raises FindingError: ``GH-SECRET-ENCRYPTS`` where such a secret would change that ``renewed`` does not name.
    """
    changed = []
    for service in services:
        found = _changes(service, given, renewed)
        named = {one["name"] for one in _rows(service) if _is_renewed(one, service, renewed)}
        if closed := [name for name in found if name in _encrypting(service) and name not in named]:
            raise FindingError("GH-SECRET-ENCRYPTS", f"{service['service']}/{closed[0]} is another here than the site gives")
        if found and not check:
            _write(service, found)
        changed += [f"{service['service']}/{name}" for name in found]
    return changed


def stamps(services: Sequence[Service], check: bool = False) -> dict[str, dict[str, str]]:
    """The label of each service that has secrets: what they are now, in 32 digits that tell nothing of them.

    Another host gives the same secrets another stamp, so that none can be found by trying.

    :param check: nothing is made: without the key that stamps are made with there is none.
    """
    there = {service["service"]: found for service in services if (found := _present(service))}
    if not there or (check and not paths.stamp_key().exists()):
        return {}
    key = _key().encode()
    return {
        name: {LABEL: hmac.new(key, json.dumps(found, sort_keys=True).encode(), "sha256").hexdigest()[:32]}
        for name, found in there.items()
    }


def _key() -> str:
    path = paths.stamp_key()
    if not path.exists():
        files.write(path, secrets.new_value(48).encode())
    return path.read_text(encoding="utf-8")


def _present(service: Service) -> dict[str, str]:
    """The secrets that are on the host, by name."""
    found = {one["name"]: secrets.read(one["path"]) for one in service["secrets"]}
    there = {name: value for name, value in found.items() if value is not None}
    if file := service["env_file"]:
        there.update(secrets.read_env(file["path"], {one["name"] for one in file["secrets"]}))
    return there


def _changes(service: Service, given: Given, renewed: Renewed) -> dict[str, str]:
    """Secrets that are there and get another value, with that value."""
    there, values = _present(service), given.get(service["service"], {})
    wanted = {name: values[name] for name in there if name in values}
    for one in _rows(service):
        if _is_renewed(one, service, renewed) and one["name"] in there:
            wanted.setdefault(one["name"], secrets.new_value(one["length"]))
    return {name: value for name, value in wanted.items() if value != there[name]}


def _is_renewed(row: Mapping[str, Any], service: Service, renewed: Renewed) -> bool:
    names = renewed.get(service["service"], ())
    return row["name"] in names or ("*" in names and not row.get("encrypts"))


def _write(service: Service, values: Mapping[str, str]) -> None:
    rows = {one["name"]: one for one in service["secrets"]}
    file = service["env_file"]
    touched = {rows[name]["path"] if name in rows else file["path"] for name in values if name in _encrypting(service)}
    if touched:
        backups.keep(ROLE, [{"path": path, "kind": "secret", "text": ""} for path in sorted(touched)])
    if inside := {name: value for name, value in values.items() if name not in rows}:
        secrets.replace_in_env(file["path"], inside)
    for name in values:
        if name in rows:
            secrets.replace(rows[name]["path"], values[name])


def _rows(service: Service) -> list[Mapping[str, Any]]:
    return [*service["secrets"], *(service["env_file"] or {}).get("secrets", [])]


def _encrypting(service: Service) -> set[str]:
    return {one["name"] for one in _rows(service) if one.get("encrypts")}
