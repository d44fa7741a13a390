"""The state of gpuhost's services. The container engine is asked beside the rest: one that hangs holds up nothing."""

from __future__ import annotations

import re
import threading
from typing import Any

from ..engine import EngineError
from .containers import SOCKET
from .host import Host

#: Labels of a service's container: which service it is, and that its image is the lab's.
SERVICE, STAND_IN = "org.gpuhost.service", "org.gpuhost.stand-in"
#: Seconds between two questions.
EVERY_S = 2.0
HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)")


class ServiceStates:
    """What the engine said last; asks in a thread of its own once started."""

    def __init__(self, host: Host) -> None:
        self.host = host
        #: `[{service, container, state, health, stand_in}]`, `{"error"}`, or None where there is no engine.
        self.services: Any = None
        self.names: dict[str, str] = {}
        self._stopped = threading.Event()

    def look(self) -> None:
        """Ask the engine now."""
        if not self.host.exists(SOCKET):
            self.services, self.names = None, {}
            return
        try:
            listed = self.host.engine().get("/containers/json?all=1")
        except EngineError as problem:
            self.services, self.names = {"error": str(problem)}, {}
            return
        self.names = {row["Id"]: name_of(row) for row in listed}
        self.services = states(listed)

    def start(self) -> None:
        """Ask again and again until :meth:`stop`."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            self.look()


def states(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The services among the containers that the engine lists, by name."""
    own = [row for row in listed if SERVICE in (row.get("Labels") or {})]
    return sorted((state(row) for row in own), key=lambda row: str(row["service"]))


def state(row: dict[str, Any]) -> dict[str, Any]:
    """`health` is None where the container has no health check, or does not run."""
    health = HEALTH.search(row.get("Status") or "")
    return {
        "service": row["Labels"][SERVICE],
        "container": name_of(row),
        "state": row.get("State"),
        "health": health.group(1) if health else None,
        "stand_in": STAND_IN in row["Labels"],
    }


def name_of(row: dict[str, Any]) -> str:
    return str((row.get("Names") or [row["Id"][:12]])[0]).lstrip("/")
