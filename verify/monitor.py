"""Live figures of this host as JSON lines: GPUs, the processes that use them, and gpuhost's services.

`docs/monitor.md` names the fields, `verify/schema/live-1.json` is their shape. Reads sysfs, /proc and the engine's socket;
changes nothing and starts no process. Ends when nobody reads, or standard input closes.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import sys
import time
from typing import Any

from .probes.gpu_processes import GpuProcesses
from .probes.host import SIMULATED_FILE, Host
from .probes.live import LiveGpu, live_gpus
from .probes.service_states import ServiceStates

SCHEMA = 1
#: Seconds from one line to the next.
INTERVAL_S = 0.5
#: A single look is two, this far apart: loads are differences.
BETWEEN_S = 0.25
#: GPUs come and go (a driver is loaded, a card is handed to a guest): which there are is looked up again this often.
DEVICES_S = 5.0


class Monitor:
    """Looks again and again at one host, and remembers what differences need."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.services = ServiceStates(host)
        self.processes = GpuProcesses(host, time.process_time)
        self.gpus: list[LiveGpu] = []
        self.gpus_error = ""
        self.found = float("-inf")
        self.sequence = 0
        self.cpu: tuple[int, int] | None = None
        self.own: tuple[float, float] | None = None
        self.head = {
            "schema": SCHEMA,
            "host": socket.gethostname(),
            "as_root": host.is_root(),
            "user": host.login_user(),
        }

    def look(self) -> dict[str, Any]:
        """One document. A part that cannot be read is `{"error"}`; the rest still comes."""
        now = self.host.clock()
        self.sequence += 1
        return {
            **self.head,
            "time": self.host.now(),
            "sequence": self.sequence,
            "simulated": self.host.exists(SIMULATED_FILE),
            "cpu_percent": self._cpu(),
            "memory": memory(self.host.word("/proc/meminfo") or ""),
            "gpus": self._gpus(now),
            "services": self.services.services,
            "own_cpu_percent": self._own(now),
        }

    def _gpus(self, now: float) -> Any:
        if now - self.found >= DEVICES_S:
            self.found, self.gpus_error = now, ""
            try:
                self.gpus = live_gpus(self.host)
            except (OSError, ValueError) as problem:
                self.gpus, self.gpus_error = [], str(problem)
        if self.gpus_error:
            return {"error": self.gpus_error}
        processes = [self._named(row) for row in self.processes.look(now)]
        return [{**gpu.look(), "processes": [without_pci(p) for p in processes if p["pci"] == gpu.pci]} for gpu in self.gpus]

    def _named(self, row: dict[str, Any]) -> dict[str, Any]:
        """With the container's name in place of its id."""
        inside = row.pop("container_id")
        return {**row, "container": self.services.names.get(inside, inside[:12]) if inside else None}

    def _cpu(self) -> float | None:
        """Per cent of all processors since the last look."""
        seen, before = cpu_times(self.host.word("/proc/stat") or ""), self.cpu
        self.cpu = seen
        if seen is None or before is None or seen[1] <= before[1]:
            return None
        return round(100 * (seen[0] - before[0]) / (seen[1] - before[1]), 1)

    def _own(self, now: float) -> float | None:
        """Per cent of one processor that this program took since the last look."""
        seen, before = (now, time.process_time()), self.own
        self.own = seen
        return round(100 * (seen[1] - before[1]) / (now - before[0]), 2) if before and now > before[0] else None


def without_pci(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "pci"}


def cpu_times(text: str) -> tuple[int, int] | None:
    """Busy and all ticks of `/proc/stat`; waiting for a disk is not busy (`Documentation/filesystems/proc.rst`, 1.7)."""
    words = text.partition("\n")[0].split()
    if len(words) < 6 or words[0] != "cpu":
        return None
    ticks = [int(word) for word in words[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def memory(text: str) -> dict[str, int | None]:
    """Bytes of `/proc/meminfo`."""
    said = {line.partition(":")[0]: line.split()[1] for line in text.splitlines() if len(line.split()) > 1}
    return {
        name: int(said[key]) * 1024 if key in said else None
        for name, key in (("total_bytes", "MemTotal"), ("available_bytes", "MemAvailable"))
    }


def once(monitor: Monitor) -> dict[str, Any]:
    """One document whose differences are known."""
    monitor.services.look()
    monitor.look()
    time.sleep(BETWEEN_S)
    return monitor.look()


def stream(monitor: Monitor, interval: float) -> None:
    """Lines on standard output, one each `interval` seconds, until nobody reads or standard input closes."""
    monitor.services.look()
    monitor.services.start()
    due = monitor.host.clock()
    while True:
        say(monitor.look())
        # Late is late: what was missed is not made up for.
        due = max(due + interval, monitor.host.clock())
        if wait(due - monitor.host.clock()):
            return


def say(document: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), (json.dumps(document, separators=(",", ":")) + "\n").encode())


def wait(seconds: float) -> bool:
    """Whether standard input closed within this time. What comes over it is read, and means nothing."""
    ready, _, _ = select.select([0], [], [], max(0.0, seconds))
    return bool(ready) and not os.read(0, 4096)


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `python3 -m verify monitor`."""
    parser.add_argument("--once", action="store_true", help="one line, then the end")
    parser.add_argument("--interval", type=float, default=INTERVAL_S, metavar="SECONDS", help=f"default: {INTERVAL_S}")


def run(asked: argparse.Namespace) -> int:
    """Exit status 0: also where the reader went away."""
    monitor = Monitor(Host())
    try:
        if asked.once:
            say(once(monitor))
        else:
            stream(monitor, max(0.1, asked.interval))
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    return 0


def main(argv: list[str]) -> int:
    """As :func:`run`, for the program that came over a connection."""
    parser = argparse.ArgumentParser(prog="monitor", description=__doc__)
    options(parser)
    return run(parser.parse_args(argv))
