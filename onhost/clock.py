"""Time on the target: for people in UTC, for deadlines by a clock that nobody sets."""

from __future__ import annotations

import time

from . import paths


def now() -> str:
    """This moment, UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def uptime() -> float:
    """Seconds since boot, time asleep included; goes on evenly when somebody sets the clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Another one after each boot of the kernel."""
    return paths.under("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
