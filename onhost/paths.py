"""Every path of gpuhost on a target, written once.

``GPUHOST_ROOT`` puts all of them below another folder, for tests.
"""

from __future__ import annotations

import os
from pathlib import Path

from .siblings import places


def root() -> Path:
    """The folder that stands for ``/``."""
    return Path(os.environ.get("GPUHOST_ROOT", "/"))


def under(path: str) -> Path:
    """An absolute path of the target, below :func:`root`."""
    return root() / path.lstrip("/")


def etc() -> Path:
    """What the site decided: expected values and secrets."""
    return under(places.ETC)


def secrets() -> Path:
    """One folder per service, one file (0600) per secret."""
    return under(places.SECRETS)


def state() -> Path:
    """Everything that gpuhost remembers on this host."""
    return under(places.STATE)


def seals() -> Path:
    """One JSON file per sealed role."""
    return state() / "seals"


def baseline() -> Path:
    """One JSON file per role: what of its footprint was there before gpuhost."""
    return state() / "baseline"


def steps() -> Path:
    """One folder per long step."""
    return state() / "steps"


def step(name: str) -> Path:
    """The folder of one long step."""
    return steps() / name


def backup() -> Path:
    """One folder per cleaning: files of the host as they were before. Never removed by gpuhost."""
    return state() / "backup"


def downloads() -> Path:
    """Archives on their way to the folder of a program; gone when they have arrived."""
    return state() / "downloads"


def stamp_key() -> Path:
    """What containers' stamps of their secrets are made with."""
    return under(places.STAMP_KEY)


def lease() -> Path:
    """Which controller works on this host."""
    return state() / "lease.json"


def driver() -> Path:
    """Packages and trial builds of a driver that is being exchanged; gone when that is done."""
    return state() / "driver"


def kernels() -> Path:
    """For each kernel, whether the driver could be built."""
    return state() / "kernels.json"


def reboots() -> Path:
    """How often gpuhost rebooted this host for one and the same reason."""
    return state() / "reboots.json"


def enrolments() -> Path:
    """How often the key that modules are signed with was handed in for enrolment."""
    return state() / "mok.json"


def models() -> Path:
    """Which models gpuhost fetched or made."""
    return state() / "models.json"


def runtime() -> Path:
    """What is gone after a boot: keys with which hosts of a site know each other."""
    return under("/run/gpuhost")


def library() -> Path:
    """The code that long steps run."""
    return state() / "lib"


def homes() -> list[Path]:
    """The folders that are gpuhost's alone."""
    return [etc(), state(), under(places.OPT), under(places.DATA)]
