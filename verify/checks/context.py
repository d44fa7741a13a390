"""What the probes of the checks look through: commands, HTTP, the engine and the snapshot. Nothing here
raises.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..engine import Engine, EngineError
from .inspection import stand_in

BODY_LIMIT = 1 << 20

_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Ran:
    """How a command ended: ``rc`` is ``None`` when it did not start (``error`` says why) or ran past its
    limit.
    """

    rc: int | None
    out: str = ""
    err: str = ""
    error: str = ""
    timed_out: bool = False

    @property
    def ending(self) -> str:
        """How it ended, where not well, in its own last words; empty for exit status 0."""
        if self.rc == 0:
            return ""
        how = f"signal {signal.Signals(-self.rc).name}" if self.rc is not None and self.rc < 0 else f"exit status {self.rc}"
        said = [line.strip() for line in self.err.splitlines() if line.strip()]
        return self.error or (f"{how}: {said[-1][:300]}" if said else how)

    @property
    def last_line(self) -> str:
        """The line that most likely names the trouble."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1][:300] if lines else self.error


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``status`` is 0 when there was none, and ``error`` says why."""

    status: int = 0
    body: str = ""
    error: str = ""


def run(
    argv: Sequence[str],
    seconds: float,
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    **identity: Any,
) -> Ran:
    """Run a command to its end or to the time limit, when its whole process group is killed.

    :param env: added to this process's environment. :param identity: ``user``, ``group``, ``extra_groups`` of
    Popen.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            cwd=cwd,
            start_new_session=True,
            **identity,
        )
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Ran(None, error=str(error))
    try:
        out, err = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        return _killed(process, seconds)
    return Ran(process.returncode, out, err)


def _killed(process: subprocess.Popen[str], seconds: float) -> Ran:
    os.killpg(process.pid, signal.SIGKILL)
    try:
        out, err = process.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        # A process that waits inside a driver cannot be killed; leave it, the verdict is the same.
        out = err = ""
    return Ran(None, out, err, f"no end after {seconds:g} s", timed_out=True)


def fetch(url: str, headers: Mapping[str, str] | None = None, seconds: float = 10, body: str | None = None) -> Answer:
    """What a GET to ``url`` gives, or with a body a POST; redirects followed, no proxy asked."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, headers=dict(headers or {}))
    try:
        with _no_proxy.open(request, timeout=seconds) as response:
            return Answer(response.status, response.read(BODY_LIMIT).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(BODY_LIMIT).decode("utf-8", "replace"))
    except urllib.error.URLError as error:
        return Answer(error=str(error.reason))
    except (OSError, ValueError) as error:
        return Answer(error=str(error) or type(error).__name__)
    except Exception as error:  # http.client raises several kinds for a service that speaks no HTTP
        return Answer(error=f"{type(error).__name__}: {error}")


@dataclass
class Context:
    """One look at one host. The snapshot and each container are read once and shared by the checks.

    :param host_python: the interpreter of the environment with PyTorch, ``None`` where the plan has none.
    """

    expected: dict[str, Any]
    expected_file: str | None = None
    engine: Engine = field(default_factory=Engine)
    root: Path = Path("/")
    #: When all of it has to be over (:func:`time.monotonic`), and the parts of the GPU work that are still to come.
    until: float = math.inf
    parts: list[str] = field(default_factory=list)
    #: GPUs that hung, as torch names them, and the result that says so: nothing more is tried on them.
    hung: dict[str, str] = field(default_factory=dict)
    _containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> float:
        """Seconds until all of it has to be over; never none at all, so that what is asked still says something."""
        return max(1.0, self.until - time.monotonic())

    @cached_property
    def snapshot(self) -> dict[str, Any]:
        """The snapshot of this host."""
        from ..snapshot import take

        return take(str(self.root))

    @property
    def simulated(self) -> bool:
        """Whether the GPU is simulated, by the plan or by what the host shows."""
        return bool(self.expected.get("simulated") or self.snapshot.get("simulated"))

    @property
    def host_python(self) -> str | None:
        """The interpreter that the plan gives the host's PyTorch."""
        rows = [row for row in self.expected.get("torch") or [] if row.get("where") == "host"]
        return rows[0].get("python") if rows else None

    def container(self, name: str) -> dict[str, Any]:
        """The inspection of a container; ``{}`` when there is none, ``{"error": …}`` when the engine cannot
        say.
        """
        with self._lock:
            if name not in self._containers:
                try:
                    self._containers[name] = self.engine.container(name) or {}
                except EngineError as error:
                    self._containers[name] = {"error": error.message}
            return self._containers[name]

    def stand_in(self, name: str) -> str | None:
        """What a container's stand-in label says, ``None`` for the real thing."""
        return stand_in(self.container(name))
