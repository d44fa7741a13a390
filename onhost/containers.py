"""Containers that can go back: the one before stays aside until the new one has proven itself."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from . import lease, paths
from .finding import FindingError
from .siblings import Engine, EngineError, engine

_SUFFIX = "-previous"
STOP_SECONDS = 30


class Containers:
    """The containers of one engine, by name. A new one may take its time: each turn of an exchange is a heartbeat."""

    def __init__(self, client: Engine | None = None) -> None:
        # Stopping takes as long as the service needs to end.
        self.engine = client or Engine(str(paths.under(engine.SOCKET)), timeout=STOP_SECONDS + 30)

    def is_unsettled(self, name: str) -> bool:
        """Whether the one before ``name`` is still aside."""
        return self.engine.container(previous(name)) is not None

    def settle(self, name: str, patience: float) -> bool:
        """Nothing is set aside: a replacement that was interrupted is finished; whether there was one.

        The newer container stays if it works, for which it has ``patience`` seconds where it is still starting. Otherwise
        the one before runs again: the newer was never proven.
        """
        if not self.is_unsettled(name):
            return False
        return self.drop(name) if self._comes_to_work(name, patience) else self.restore(name)

    def set_aside(self, name: str) -> bool:
        """No container has ``name``; the one that had is stopped and kept under another. Nothing may be set aside yet."""
        lease.touch()
        if self.engine.container(name) is None:
            return False
        self._post(f"/containers/{quote(name)}/stop?t={STOP_SECONDS}")
        self._post(f"/containers/{quote(name)}/rename?name={quote(previous(name))}")
        return True

    def restore(self, name: str) -> bool:
        """The container that was set aside runs again under its name; false when none was set aside."""
        lease.touch()
        if not self.is_unsettled(name):
            return False
        if self.engine.container(name) is not None:
            self._delete(name)
        self._post(f"/containers/{quote(previous(name))}/rename?name={quote(name)}")
        self._post(f"/containers/{quote(name)}/start")
        return True

    def drop(self, name: str) -> bool:
        """Nothing is set aside any more for ``name``; whether there was something."""
        lease.touch()
        if not self.is_unsettled(name):
            return False
        self._delete(previous(name))
        return True

    def remove(self, name: str) -> None:
        """No container has ``name``."""
        if self.engine.container(name) is not None:
            self._delete(name)

    def explain_failure(self, name: str, lines: int = 8) -> str:
        """Why the container does not work, in the words of its state, its health check and its log."""
        found = self.engine.container(name)
        if found is None:
            return ""
        state: dict[str, Any] = found.get("State") or {}
        checks = (state.get("Health") or {}).get("Log") or []
        said = str(checks[-1].get("Output") or "").strip() if checks else ""
        parts = [f"{name} is {state.get('Status')}, exit code {state.get('ExitCode')}"]
        parts += [f"health check: {said[-300:]}"] if said else []
        try:
            log = self.engine.logs(name, tail=lines).strip()
        except EngineError as error:
            log = f"no log: {error.message}"
        return "\n".join(part for part in [*parts, log] if part)

    def _comes_to_work(self, name: str, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while (found := self.engine.container(name)) is not None and not works(found):
            if _health(found) != "starting" or time.monotonic() >= deadline:
                return False
            time.sleep(0.5)
        return found is not None

    def _delete(self, name: str) -> None:
        """The container is gone; its volumes stay, whoever made them."""
        try:
            self.engine.delete(f"/containers/{quote(name)}?force=1")
        except EngineError as error:
            # 409: a removal of it is under way already; wait for its end.
            if error.status not in (404, 409):
                raise
            self._wait_until_gone(name)

    def _wait_until_gone(self, name: str, seconds: float = STOP_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while self.engine.container(name) is not None:
            if time.monotonic() > deadline:
                raise FindingError("GH-CONTAINER-UNHEALTHY", f"the engine does not get rid of {name}")
            time.sleep(0.5)

    def _post(self, path: str) -> None:
        self.engine.post(path)


def previous(name: str) -> str:
    """What the container ``name`` is called while the one that takes its place proves itself."""
    return f"{name}{_SUFFIX}"


def works(inspect: dict[str, Any]) -> bool:
    """Whether a container runs and, where it has a health check, is healthy."""
    return bool((inspect.get("State") or {}).get("Running")) and _health(inspect) in ("healthy", "none")


def _health(inspect: dict[str, Any]) -> str:
    return str(((inspect.get("State") or {}).get("Health") or {}).get("Status", "healthy"))
