"""What the action plugins share: rendering with Ansible's own templar, and the run folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control import given_secrets as given
from control import roles
from control.paths import ROLES_DIR

RUN_DIR_VARIABLE = "GPUHOST_RUN_DIR"


def run_dir() -> Path | None:
    """The folder of this run, or None where plain Ansible was started."""
    value = os.environ.get(RUN_DIR_VARIABLE)
    return Path(value) if value else None


def record(folder: str, host: str, document: Mapping[str, Any]) -> None:
    """``<run folder>/<folder>/<host>.json`` holds ``document``; nothing happens without a run folder."""
    base = run_dir()
    if base is None:
        return
    target = base / folder / f"{host}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    # The display reads while we write: it must see the old file or the new one, never a half.
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as draft:
        json.dump(document, draft, default=str)
    Path(draft.name).replace(target)


def wishes(templar: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Every public variable of every role, rendered for the host of ``task_vars``. Of secrets only that they are given."""
    known = roles.variables()
    values = _values(task_vars)
    rendered = _render(templar, {**task_vars, **values}, {name: values[name] for name in known if name != given.VARIABLE})
    return {**_plain(rendered), given.VARIABLE: given.shape(given_secrets(templar, task_vars))}


def given_secrets(templar: Any, task_vars: Mapping[str, Any]) -> Any:
    """What the site gives as secrets of services. Who asks hands it to a module of the host and to nobody else."""
    values = _values(task_vars)
    return _plain(_render(templar, {**task_vars, **values}, values[given.VARIABLE]))


def _values(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Every public variable as it is written: the roles' own value, or the site's."""
    values = {name: value for role in (roles.PREFLIGHT, *roles.ROLES) for name, value in _defaults(role).items()}
    values.update({name: task_vars[name] for name in roles.variables() if name in task_vars})
    return values


def footprint(templar: Any, task_vars: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    """The role's ``meta/footprint.yml`` for one host: a flat list of items.

    An entry with ``each`` stands for one item per element of that list; its other fields see ``item``.
    """
    variables = {**_defaults(role), **task_vars, **_trusted_yaml(role, "vars/main.yml")}
    items: list[dict[str, Any]] = []
    for entry in _trusted_yaml(role, "meta/footprint.yml"):
        fields = {key: value for key, value in entry.items() if key != "each"}
        if "each" not in entry:
            items.append(_plain(_render(templar, variables, fields)))
            continue
        for element in _render(templar, variables, entry["each"]):
            items.append(_plain(_render(templar, {**variables, "item": element}, fields)))
    return items


def _defaults(role: str) -> dict[str, Any]:
    return _trusted_yaml(role, "defaults/main.yml") or {}


def _trusted_yaml(role: str, path: str) -> Any:
    # Our own files hold templates by design; Ansible renders only text that somebody vouched for.
    from ansible.parsing.dataloader import DataLoader

    return DataLoader().load_from_file(str(ROLES_DIR / role / path), trusted_as_template=True)


def _render(templar: Any, variables: Mapping[str, Any], value: Any) -> Any:
    return templar.copy_with_new_env(available_variables=variables).template(value)


def _plain(value: Any) -> Any:
    """Ansible's tagged values as plain Python, so that digests and JSON see only the data."""
    return json.loads(json.dumps(value, default=str))
