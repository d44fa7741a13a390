"""A service that runs on the host itself: its units are exchanged with a way back, as a container is."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from . import files, lease, paths
from .containers import Containers
from .finding import FindingError
from .removers import remove_empty

#: Where the units of this host itself are.
UNITS = "/etc/systemd/system"
#: So often may a unit begin anew before it counts as one that does not come up.
STARTS = 5
_ASK_SECONDS = 5


class HostService:
    """``name``: the unit that is the service. ``texts``: it and those beside it, by file name, as they are to be.

    :param health: ``{url, json}`` or ``{url, contains}``: what it answers when it works.
    """

    def __init__(self, name: str, texts: Mapping[str, str], health: Mapping[str, Any]) -> None:
        self.name = name
        self.texts = texts
        self.health = health
        self._kept = paths.state() / "units" / f"{name}.json"

    def settle(
        self, patience: float, check: bool = False, containers: Containers | None = None, container: str = ""
    ) -> bool:
        """The units are as they are to be, start at boot, run and answer; whether something changed.

        What was there before comes back where the service does not answer within ``patience`` seconds, also when the
        exchange was interrupted: nothing is given up before the new one has answered.

        :param container: one of ``containers`` whose place the service takes.
        :raises FindingError: ``GH-SERVICE-UNHEALTHY`` with the last lines of the unit's log.
        """
        if containers is None or check:
            return self._exchange(patience, check)
        stood = containers.set_aside(container)
        try:
            changed = self._exchange(patience, check)
        except FindingError:
            containers.restore(container)
            raise
        return containers.drop(container) or stood or changed

    def _exchange(self, patience: float, check: bool) -> bool:
        before = files.read_json(self._kept)
        same = all(self._text(name) == text for name, text in self.texts.items())
        if same and before is None and self._up() and self.answers():
            return False
        if check:
            return True
        if before is None:
            before = {name: self._text(name) for name in self.texts}
            files.write_json(self._kept, before)
        self._put(dict(self.texts))
        if self._comes_to_answer(patience):
            self._forget()
            return True
        said = self.explain()
        back = self._go_back(before)
        self._forget()
        fate = "the one before it runs again" if back else "there was none before it"
        raise FindingError("GH-SERVICE-UNHEALTHY", f"{self.name}: {fate}\n{said}")

    def _forget(self) -> None:
        """What was there before is no longer kept, nor a folder for it."""
        self._kept.unlink()
        remove_empty(self._kept.parent)

    def is_there(self) -> bool:
        """Whether the host has its unit, in whatever state."""
        return self._text(self.name) is not None

    def stop(self) -> bool:
        """It does not run, and is not started at boot; whether it did. Its files stay."""
        if not self.is_there():
            return False
        running = self._state("ActiveState") in ("active", "activating")
        _systemctl("disable", "--now", *self.texts)
        return running

    def start(self) -> bool:
        """It runs again, as its files say; false where there are none."""
        there = {name: text for name in self.texts if (text := self._text(name)) is not None}
        if there:
            _systemctl("enable", "--now", *(name for name, text in there.items() if "[Install]" in text))
        return bool(there)

    def answers(self) -> bool:
        """Whether it says what it says when it works."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(self.health["url"], timeout=_ASK_SECONDS) as answer:
                said = answer.read(1 << 20).decode("utf-8", "replace")
        except (OSError, ValueError):
            return False
        if self.health.get("json") is None:
            return str(self.health["contains"]) in said
        try:
            found = json.loads(said)
        except ValueError:
            return False
        return isinstance(found, dict) and all(found.get(key) == value for key, value in self.health["json"].items())

    def explain(self, lines: int = 12) -> str:
        """Why it does not work, in the words of its state and its log."""
        state = f"{self.name} is {self._state('ActiveState')}, {self._state('SubState')}, result {self._state('Result')}"
        log = _run("journalctl", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={self.name}").strip()
        return f"{state}\n{log}".strip()

    def _put(self, texts: Mapping[str, str | None]) -> None:
        """These files are there (None: is not), and what is there runs."""
        lease.touch()
        gone = [name for name, text in texts.items() if text is None]
        if gone:
            _systemctl("disable", "--now", *gone)
        for name, text in texts.items():
            path = paths.under(f"{UNITS}/{name}")
            if text is None:
                path.unlink(missing_ok=True)
            else:
                files.write(path, text.encode(), mode=0o644)
        _systemctl("daemon-reload")
        there = [name for name, text in texts.items() if text is not None]
        if there:
            _systemctl("reset-failed", *there)
            _systemctl("enable", *(name for name in there if "[Install]" in (texts[name] or "")))
            _systemctl("restart", *there)

    def _go_back(self, before: Mapping[str, str | None]) -> bool:
        self._put(before)
        return before.get(self.name) is not None

    def _comes_to_answer(self, patience: float) -> bool:
        lease.touch()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.answers():
                return True
            if self._state("ActiveState") == "failed" or int(self._state("NRestarts") or 0) >= STARTS:
                return False
            time.sleep(0.5)
        return False

    def _up(self) -> bool:
        """The service and what stands beside it run, and start at boot; what is started on demand may rest."""
        standing = [name for name, text in self.texts.items() if "[Install]" in text]
        return all(
            (self._state("ActiveState", name), self._state("UnitFileState", name)) == ("active", "enabled")
            for name in standing
        )

    def _state(self, field: str, unit: str = "") -> str:
        return _run("systemctl", "show", f"--property={field}", "--value", unit or self.name).strip()

    def _text(self, name: str) -> str | None:
        try:
            return paths.under(f"{UNITS}/{name}").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def set_aside(containers: Containers, name: str, units: Sequence[str]) -> bool:
    """Nothing stands for a service: its container is stopped and kept, and so is its unit; whether something did.

    :param units: the service's own unit and those beside it; empty where it never runs on the host itself.
    """
    stopped = HostService(units[0], dict.fromkeys(units, ""), {}).stop() if units else False
    return containers.set_aside(name) or stopped


def bring_back(containers: Containers, name: str, units: Sequence[str]) -> bool:
    """What was set aside for a service runs again, its container or else its unit; whether there was one."""
    if containers.restore(name):
        return True
    unit = HostService(units[0], dict.fromkeys(units, ""), {}) if units else None
    if unit is None or not unit.is_there():
        return False
    # Both want one port.
    containers.remove(name)
    return unit.start()


def _systemctl(*words: str) -> None:
    _run("systemctl", *words)


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False).stdout
