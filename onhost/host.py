"""One look at the host, shared by all items of a pass: each source is read at most once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Callable

from . import dpkg, paths
from .siblings import Engine, EngineError


class Host:
    """Packages, accounts, units and the engine, as they were when first asked for."""

    def __init__(self, engine: Engine | None = None, units: Iterable[str] = ()) -> None:
        self.engine = engine or Engine(str(paths.under("/var/run/docker.sock")))
        self._wanted_units = sorted(set(units))

    @cached_property
    def packages(self) -> dict[str, str]:
        """Version by name of what is installed."""
        return dpkg.installed()

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        return _table("/etc/passwd")

    @cached_property
    def _groups(self) -> dict[str, list[str]]:
        return _table("/etc/group")

    @cached_property
    def _units(self) -> dict[str, dict[str, str]]:
        return unit_states(self._wanted_units)

    def user_name(self, uid: int) -> str:
        """The name of an account, or its number."""
        return _name_of(self._users, uid)

    def group_name(self, gid: int) -> str:
        """The name of a group, or its number."""
        return _name_of(self._groups, gid)

    def account(self, name: str) -> dict[str, str]:
        """``{"uid", "gid", "home", "shell"}`` of a user; empty where there is none."""
        fields = self._users.get(name)
        return {"uid": fields[2], "gid": fields[3], "home": fields[5], "shell": fields[6]} if fields else {}

    def is_member(self, user: str, group: str) -> bool:
        """Whether ``user`` is in ``group``, as a further group or as the first."""
        fields = self._groups.get(group)
        if not fields:
            return False
        first = (self._users.get(user) or ["", "", ""])[2]
        return user in fields[3].split(",") or first == fields[2]

    def unit(self, name: str) -> dict[str, str]:
        """``{"enabled", "active"}`` of a systemd unit; empty when there is none."""
        full = unit_name(name)
        if full not in self._wanted_units:
            return unit_states([full]).get(full, {})
        return self._units.get(full, {})

    def nft_table(self, family: str, name: str) -> str:
        """The rules of a table of nftables, counters left out; empty where there is none, or no nftables."""
        argv = ["nft", "--stateless", "list", "table", family, name]
        # Its folder may not be on the path of whoever asks.
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        try:
            shown = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=environment)
        except FileNotFoundError:
            return ""
        return shown.stdout if shown.returncode == 0 else ""

    def ask_engine(self, question: Callable[[Any], dict[str, Any] | None]) -> dict[str, Any]:
        """The engine's answer; empty when the thing is absent, ``{"error"}`` when the engine does not answer.

        A host where no engine is installed has no containers either: that is an answer.
        """
        try:
            return question(self.engine) or {}
        except EngineError as error:
            if error.status == 0 and not paths.under("/usr/bin/dockerd").exists():
                return {}
            return {"error": error.message}


def unit_name(name: str) -> str:
    """A unit's full name: ``docker`` means ``docker.service``."""
    return name if "." in name else f"{name}.service"


def unit_states(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """``{"enabled", "active"}`` by full name for those that exist, with one call of systemctl."""
    wanted = [unit_name(name) for name in names]
    if not wanted:
        return {}
    properties = "--property=Id,LoadState,UnitFileState,ActiveState"
    # A host without systemd has no units; that is an answer, not a fault.
    try:
        shown = subprocess.run(
            ["systemctl", "show", properties, "--", *wanted],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except FileNotFoundError:
        return {}
    return parse_units(wanted, shown.stdout)


def parse_units(names: list[str], text: str) -> dict[str, dict[str, str]]:
    """The paragraphs of ``systemctl show``, which come in the order of the names asked for."""
    found = {}
    for name, paragraph in zip(names, text.strip().split("\n\n")):
        fields = dict(line.partition("=")[::2] for line in paragraph.splitlines())
        if fields.get("LoadState") not in (None, "not-found"):
            found[name] = {
                "enabled": fields.get("UnitFileState", ""),
                "active": fields.get("ActiveState", ""),
            }
    return found


def _table(path: str) -> dict[str, list[str]]:
    try:
        lines = paths.under(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {fields[0]: fields for fields in (line.split(":") for line in lines) if len(fields) >= 4}


def _name_of(table: dict[str, list[str]], number: int) -> str:
    return next((name for name, fields in table.items() if fields[2] == str(number)), str(number))
