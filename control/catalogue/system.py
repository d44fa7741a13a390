"""The machine and its operating system."""

from __future__ import annotations

from control.catalogue.entry import Entry, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-OS-UNSUPPORTED",
            "An operating system outside the truth table",
            "package names and kernels are not known to work there",
            "install {near}, the nearest that works; `./gpuhost support` lists all",
        ),
        (
            "GH-INIT",
            "No systemd as init",
            "long steps and the container engine run as systemd units",
            "boot the host with systemd; a plain container is no host (`./gpuhost try` makes one that is)",
        ),
        (
            "GH-DISK-SMALL",
            "Not enough room on a disk",
            "the run would stop half-way with the disk full",
            "free {missing} on {mount} or make it larger; services_data_root can point to another disk",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
        (
            "GH-DISK-FULL",
            "The disk became full",
            "the step stopped; what it had begun is kept and reused",
            "free room on the host (`df -h`, `docker image prune` for unused images) and run again",
        ),
    ),
    *warnings(
        (
            "GH-MEMORY-LOW",
            "Little memory",
            "{why}",
            "use a smaller model (services_models), or add memory",
        ),
    ),
)
