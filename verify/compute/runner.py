"""Starts the workers of one part, a process for each device, and ends the one that hangs. Standard library, no torch.

What comes of a device: ``{"device": {…} or None, "measured": {name: {…}}, "seconds": {name: s}, "at": the measure it was in
or None, "ended": "" or why it did not finish, "hung": bool, "late": bool, "done": bool}``. ``hung``: it was given up;
``late``: the time for all of this was over, and nothing speaks against it.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from . import levels

HOME = Path(__file__).resolve().parents[2]

Outcome = dict[str, Any]


def run_part(
    part: levels.Part, devices: Sequence[str], seconds: float | None = None, within: float = math.inf
) -> dict[str, Outcome]:
    """The outcome of a part by device; ``seconds`` is what each is sized to take, where not the part's own.

    :param within: what all of it may take. Devices that work one after the other share what is left.
    """
    took, over = part.seconds if seconds is None else seconds, time.monotonic() + within
    with tempfile.TemporaryDirectory() as folder:

        def one(rank: int) -> Outcome:
            environment = {**_threads(len(devices)), **(_rank(rank, devices, folder) if part.ranks else {})}
            left = (over - time.monotonic()) / (1 if part.together else len(devices) - rank)
            times = Times(part.limit + took - part.seconds, part.silent, left)
            return run_worker([part.name, devices[rank], f"{took:g}"], times, environment=environment)

        with ThreadPoolExecutor(max_workers=len(devices) if part.together else 1) as pool:
            return dict(zip(devices, pool.map(one, range(len(devices)))))


class Times(NamedTuple):
    """Seconds: from the device's answer to the end, from one line to the next, for everything; and until the answer."""

    limit: float
    silent: float = math.inf
    within: float = math.inf
    start: float = levels.START_SECONDS


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
    times: Times,
    *,
    environment: Mapping[str, str] | None = None,
    module: str = "verify.compute.worker",
) -> Outcome:
    """One worker to its end, or until one of its times is over."""
    outcome: Outcome = {"device": None, "measured": {}, "seconds": {}, "at": None, "ended": "", "done": False}

    def hear(said: dict[str, Any]) -> bool:
        note(outcome, said)
        return outcome["device"] is not None

    end = converse([sys.executable, "-m", module, *words], times, hear, environment)
    return {**outcome, **end._asdict(), "ended": outcome["ended"] or end.ended}


class End(NamedTuple):
    """How a process ended: ``ended`` is empty where it did well, and says why otherwise."""

    ended: str = ""
    hung: bool = False
    late: bool = False


def converse(
    argv: Sequence[str],
    times: Times,
    hear: Callable[[dict[str, Any]], bool],
    environment: Mapping[str, str] | None = None,
) -> End:
    """A process that says a JSON object per line, to its end or until one of its times is over.

    :param hear: is told each of them; true once the process has answered: silence is then counted.
    """
    process = subprocess.Popen(
        list(argv),
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
    end = _listen(lines, times, hear)
    if end.ended:
        _kill(process)
        return end
    return End(_ending(process, readers[1], last))


def _read(stream: Iterable[str] | None, lines: queue.Queue[str | None]) -> None:
    for line in stream or ():
        lines.put(line)
    lines.put(None)


def _keep_last(stream: Iterable[str] | None, last: list[str]) -> None:
    for line in stream or ():
        if line.strip():
            last[:] = [line.strip()[:300]]


def _listen(lines: queue.Queue[str | None], times: Times, hear: Callable[[dict[str, Any]], bool]) -> End:
    """Until nothing more comes, or a time is over."""
    now, answered = time.monotonic(), False
    # Each time that can be over: when, and what is then said.
    over = {"late": (now + times.within, f"not finished after {times.within:.0f} s")}
    over["end"] = (now + times.start, f"no end after {times.start:g} s")
    while True:
        first = min(over, key=lambda name: over[name][0])
        try:
            # A queue cannot wait for ever.
            line = lines.get(timeout=min(max(0.0, over[first][0] - time.monotonic()), threading.TIMEOUT_MAX))
        except queue.Empty:
            return End(over[first][1], hung=first != "late", late=first == "late")
        if line is None:
            return End()
        now, before, answered = time.monotonic(), answered, hear(_parsed(line))
        if answered and not before:
            over["end"] = (now + times.limit, f"no end after {times.limit:g} s")
        if answered:
            over["sign"] = (now + times.silent, f"no sign of life for {times.silent:g} s")


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
    elif "device" in said:
        outcome["device"] = said["device"]
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
