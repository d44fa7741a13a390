"""Starts the workers of one part, a process for each device, and ends the one that hangs. Standard library, no torch.

What comes of a device: ``{"device": {…} or None, "measured": {name: {…}}, "seconds": {name: s}, "at": the measure it was in
or None, "ended": "" or why it did not finish, "hung": bool, "done": bool}``.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import levels

HOME = Path(__file__).resolve().parents[2]

Outcome = dict[str, Any]


def run_part(part: levels.Part, devices: Sequence[str], seconds: float | None = None) -> dict[str, Outcome]:
    """The outcome of a part by device; ``seconds`` is what each is sized to take, where not the part's own."""
    took = part.seconds if seconds is None else seconds
    with tempfile.TemporaryDirectory() as folder:

        def one(rank: int) -> Outcome:
            environment = {**_threads(len(devices)), **(_rank(rank, devices, folder) if part.ranks else {})}
            limit = part.limit + took - part.seconds
            return run_worker([part.name, devices[rank], f"{took:g}"], limit, environment=environment)

        with ThreadPoolExecutor(max_workers=len(devices) if part.together else 1) as pool:
            return dict(zip(devices, pool.map(one, range(len(devices)))))


def _threads(workers: int) -> dict[str, str]:
    """Workers that run at once share the processors, on which references are computed."""
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // workers))} if workers > 1 else {}


def _rank(rank: int, devices: Sequence[str], folder: str) -> dict[str, str]:
    """How a worker finds the others; see :mod:`.peers`."""
    return {"GPUHOST_RANK": str(rank), "GPUHOST_RANKS": ",".join(devices), "GPUHOST_RENDEZVOUS": f"{folder}/rendezvous"}


def find_devices() -> list[str]:
    """Every GPU that this interpreter's torch sees, else the processors."""
    asked = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=levels.START_SECONDS, check=False
    )
    count = int(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout.split() else 0
    return [f"cuda:{index}" for index in range(count)] or ["cpu"]


def run_worker(
    words: Sequence[str],
    limit: float,
    *,
    start: float = levels.START_SECONDS,
    environment: Mapping[str, str] | None = None,
    module: str = "verify.compute.worker",
) -> Outcome:
    """One worker to its end, or to ``limit`` seconds after its device answered; ``start`` is what that may take."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd=HOME,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
    )
    lines: queue.Queue[str | None] = queue.Queue()
    last: list[str] = []
    readers = [
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=_keep_last, args=(process.stderr, last), daemon=True),
    ]
    for reader in readers:
        reader.start()
    outcome = collect(lines, limit, start)
    if outcome["hung"]:
        _kill(process)
    else:
        outcome["ended"] = outcome["ended"] or _ending(process, readers[1], last)
    return outcome


def _read(stream: Iterable[str] | None, lines: queue.Queue[str | None]) -> None:
    for line in stream or ():
        lines.put(line)
    lines.put(None)


def _keep_last(stream: Iterable[str] | None, last: list[str]) -> None:
    for line in stream or ():
        if line.strip():
            last[:] = [line.strip()[:300]]


def collect(lines: queue.Queue[str | None], limit: float, start: float) -> Outcome:
    """What a worker says, until it is done, ends or is too late."""
    outcome: Outcome = {"device": None, "measured": {}, "seconds": {}, "at": None, "ended": "", "hung": False, "done": False}
    deadline, allowed = time.monotonic() + start, start
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return {**outcome, "hung": True, "ended": f"no end after {allowed:g} s"}
        if line is None:
            return outcome
        said = _parsed(line)
        if "device" in said:
            outcome["device"] = said["device"]
            deadline, allowed = time.monotonic() + limit, limit
        note(outcome, said)


def note(outcome: Outcome, said: dict[str, Any]) -> None:
    """One line of a worker, taken down."""
    if "began" in said:
        outcome["at"] = said["began"]
    elif "measured" in said:
        outcome["at"] = None
        outcome["measured"][said["measured"]] = said["seen"]
        outcome["seconds"][said["measured"]] = said["seconds"]
    elif "failed" in said:
        outcome["ended"] = said["failed"]
    elif "done" in said:
        outcome["done"] = True


def _parsed(line: str) -> dict[str, Any]:
    """A line that is no JSON object is a library's remark."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _ending(process: subprocess.Popen[str], reader: threading.Thread, last: list[str]) -> str:
    """ "" for a worker that ended well; else how it ended, in its own last words."""
    try:
        code = process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        _kill(process)
        return "it did not end after its last measure"
    reader.join(timeout=2)
    if code == 0:
        return ""
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    return f"{how}: {last[0]}" if last else how


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        process.kill()
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        # A process that waits inside a driver cannot be killed; leave it, the verdict is the same.
        return
