"""Transient systemd units named ``gpuhost-<step>``: started, asked about, and nothing kept beside systemd."""

from __future__ import annotations

import subprocess

from . import paths
from .finding import FindingError

PREFIX = "gpuhost-"

_ALIVE = {"active", "activating", "deactivating", "reloading"}


def name(step: str) -> str:
    """The unit of a step."""
    return f"{PREFIX}{step}.service"


def active() -> list[str]:
    """Steps whose unit is at work now.

    A step's unit is transient: a service that somebody installed under such a name, which may well be active for ever,
    is none.
    """
    shown = _systemctl("show", "--property=Id,ActiveState,Transient", f"{PREFIX}*.service")
    described = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.split("\n\n")]
    ours = [one for one in described if one.get("Transient") == "yes" and one["ActiveState"] in _ALIVE]
    return [one["Id"][len(PREFIX) : -len(".service")] for one in ours]


def is_active(step: str) -> bool:
    """Whether the unit of ``step`` is at work."""
    return _systemctl("show", "--property=ActiveState", "--value", name(step)).strip() in _ALIVE


def start(step: str) -> bool:
    """The unit of ``step`` runs; false when it already did (its name is the lock: one starter wins).

    ``--collect`` lets systemd forget a failed unit too, so that nothing has to be reset before the next
    start; what happened stands in the step's files.

    :raises FindingError: ``GH-STEP-FAILED`` when systemd does not take it.
    """
    log = paths.step(step) / "output.log"
    argv = [
        "systemd-run",
        "--quiet",
        "--collect",
        # Returns once the runner is executed: from then on the unit is active or has ended, never in between.
        "--service-type=exec",
        f"--unit={name(step)}",
        f"--description=gpuhost: {step}",
        f"--property=WorkingDirectory={paths.library()}",
        f"--property=StandardOutput=append:{log}",
        f"--property=StandardError=append:{log}",
        # A build that runs out of memory fails with its own message instead of taking the reporter along.
        "--property=OOMPolicy=continue",
        # The site's proxies, where it has any.
        "--property=EnvironmentFile=-/etc/environment",
        "--setenv=PYTHONDONTWRITEBYTECODE=1",
        "--setenv=PYTHONUNBUFFERED=1",
        "--setenv=LC_ALL=C.UTF-8",
        "--setenv=HOME=/root",
        f"--setenv=GPUHOST_ROOT={paths.root()}",
        "/usr/bin/python3",
        "-m",
        "onhost.runner",
        step,
    ]
    try:
        made = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        raise FindingError("GH-STEP-FAILED", "this host has no systemd-run; gpuhost needs systemd") from error
    if made.returncode == 0:
        return True
    if "already" in made.stderr:
        return False
    raise FindingError("GH-STEP-FAILED", f"systemd-run: {made.stderr.strip() or made.returncode}")


def _systemctl(*arguments: str) -> str:
    try:
        asked = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return ""
    return asked.stdout
