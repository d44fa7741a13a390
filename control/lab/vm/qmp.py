"""QEMU's machine protocol: one JSON object per line over a socket in the machine's folder."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from control.lab.errors import LabError
from control.lab.vm import sockets

_ANSWER_S = 60.0


class Monitor:
    """A conversation with one QEMU, as a context manager. QEMU has one at a time.

    :param folder: the machine's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Monitor:
        try:
            self._socket = sockets.connect(self._folder, sockets.MONITOR, _ANSWER_S)
        except OSError as problem:
            raise self._lost(problem) from problem
        self._lines = self._socket.makefile("rw", encoding="utf-8")
        self._read()
        self.execute("qmp_capabilities")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # QEMU has gone while a line was waiting for it
            self._lines.close()
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """What QEMU answers. Underscores in names of arguments become the hyphens that QEMU has.

        :raises LabError: with QEMU's own words where it refuses, or where it ends without a word.
        """
        said = {"execute": command, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}
        try:
            self._lines.write(f"{json.dumps(said)}\n")
            self._lines.flush()
            answer = self._read()
            while "event" in answer:
                answer = self._read()
        except OSError as problem:
            raise self._lost(problem) from problem
        if "error" in answer:
            raise LabError(
                f"{self._folder.name}: QEMU refused {command}: {answer['error']['desc']}",
                "the machine cannot be steered without it",
                "./gpuhost lab.down; ./gpuhost lab.up --vm",
            )
        return answer["return"]

    def migrate(self, command: str, uri: str, limit_s: float) -> None:
        """A migration, out (``migrate``) or in (``migrate-incoming``), is complete."""
        self.execute(command, uri=uri)
        deadline = time.monotonic() + limit_s
        while True:
            seen = self.execute("query-migrate")
            if seen.get("status") == "completed":
                return
            if seen.get("status") == "failed" or time.monotonic() > deadline:
                why = seen.get("error-desc", "no reason given")
                raise LabError(
                    f"{self._folder.name}: {command} ended as {seen.get('status')}: {why}",
                    "a machine's memory is saved and loaded that way",
                    f"see {self._folder / 'qemu.log'}",
                )
            time.sleep(0.05)

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("QEMU closed its socket")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _lost(self, problem: OSError) -> LabError:
        return LabError(
            f"{self._folder.name}: QEMU does not answer: {problem}",
            "the machine cannot be steered without it",
            f"see {self._folder / 'qemu.log'}; ./gpuhost lab.up --vm starts it again",
        )
