"""Long steps on a host, followed from here to their end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from control import actions

#: Seconds that one call waits on the host for news, so that following a step costs few round trips.
PATIENCE = 3

#: Runs the module ``gpuhost_step`` on the host with these arguments.
Ask = Callable[[dict[str, Any]], dict[str, Any]]


def follow(host: str, arguments: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """How the step ended: the module's last answer, with ``changed`` where there was something to do.

    Meanwhile the run folder has its progress. The work itself belongs to a unit on the host, not to this connection.
    """
    asked = {**arguments, "wait": PATIENCE}
    while True:
        answer = ask(asked)
        if answer.get("progress"):
            actions.record("progress", host, answer["progress"])
        if answer.get("failed") or answer.get("state") != "running":
            break
        # Only the first call may start the unit: what is followed afterwards is that one.
        asked["follow"] = True
    actions.record("progress", host, {})
    return {**answer, "changed": bool(answer.get("changed") or asked.get("follow"))}
