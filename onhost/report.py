"""What a long step tells while it works: its progress file and its log."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

from . import files
from .process import redact

#: The progress file is written at most this often, in seconds.
PACE = 0.25
#: How fast something comes is told of so many seconds: less jumps, more is news of yesterday.
RATE_SECONDS = 15.0


class Report:
    """Progress and log of one run of a step, in the step's folder."""

    def __init__(self, folder: Path, step: str) -> None:
        self.folder = folder
        self.step = step
        self._since = time.time()
        self._last = 0.0
        self._phase = ""
        self._recent: deque[str] = deque(maxlen=200)
        self._seen: deque[tuple[float, float]] = deque()
        files.make_folder(folder)
        self._log = (folder / "output.log").open("w", encoding="utf-8", errors="replace", buffering=1)

    def say(
        self,
        phase: str,
        text: str,
        done: float | None = None,
        total: float | None = None,
        unit: str = "items",
    ) -> None:
        """The progress file says this, unless another state of the same phase was just written.

        ``done`` of ``total`` are in ``unit`` (``bytes`` or ``items``); ``None`` where they are not known. The file also has
        the ``rate`` at which they come, each second, or ``None`` as long as that cannot be told.
        """
        now = time.monotonic()
        if phase != self._phase:
            self._seen.clear()
        elif now - self._last < PACE:
            return
        self._phase, self._last = phase, now
        document: dict[str, Any] = {"step": self.step, "phase": phase, "text": redact(text), "unit": unit}
        document.update({"done": done, "total": total, "rate": self._rate(now, done), "since": self._since})
        files.write_json(self.folder / "progress.json", document, mode=0o644, durable=False)

    def _rate(self, now: float, done: float | None) -> float | None:
        """How much came each second of late."""
        if done is None:
            return None
        while self._seen and (now - self._seen[0][0] > RATE_SECONDS or self._seen[0][1] > done):
            self._seen.popleft()
        self._seen.append((now, done))
        passed = now - self._seen[0][0]
        return (done - self._seen[0][1]) / passed if passed >= 1 else None

    def log(self, line: str) -> None:
        """One line in the log, without passwords in addresses."""
        clean = redact(line)
        self._recent.append(clean)
        self._log.write(clean + "\n")

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(list(self._recent)[-lines:])

    def note(self, **fields: Any) -> None:
        """One line in the step's history."""
        files.append_json(self.folder / "runs.jsonl", fields)
