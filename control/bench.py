"""How long whole commands take on hosts that are set up already, side by side in one run.

What is compared: ``up`` (one round trip where nothing is due), ``up`` with every role run again, and the same
playbook started by ``ansible-playbook`` with Ansible's own defaults instead of this repository's settings; and the checks
of one host, all in one look, beside the same assertions made one by one by testinfra over ssh.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.paths import COMMON_INVENTORY, INVENTORY_DIR, PLAYBOOKS_DIR, ROOT

#: What can be compared by itself.
KINDS = UP, CHECKS = ("up", "checks")

#: Ansible's own defaults (ansible-core 2.19, `ansible-config list`) where `ansible.cfg` here says otherwise.
#: Environment variables win over that file, which must stay in force for the plugin paths.
ANSIBLE_DEFAULTS = {
    "ANSIBLE_FORKS": "5",
    "ANSIBLE_PIPELINING": "False",
    "ANSIBLE_GATHERING": "implicit",
    "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=60s",
    "ANSIBLE_SSH_RETRIES": "0",
}


@dataclass(frozen=True)
class Subject:
    """A command to time. ``environment`` is added to this process's; ``checks`` is how many assertions it makes."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    checks: int = 0


@dataclass(frozen=True)
class Timing:
    """Seconds of wall-clock time of one subject's runs, in the order in which they ran."""

    name: str
    command: tuple[str, ...]
    seconds: tuple[float, ...]
    checks: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class CommandFailedError(Exception):
    """A timed command did not exit with 0: its time means nothing."""


def subjects(site: str) -> list[Subject]:
    """What is timed on the hosts of ``site``; ratios are against the first."""
    gpuhost = str(ROOT / "gpuhost")
    plain = (
        str(ROOT / ".venv" / "bin" / "ansible-playbook"),
        *("-i", str(COMMON_INVENTORY), "-i", str(INVENTORY_DIR / site)),
        str(PLAYBOOKS_DIR / "site.yml"),
    )
    full = ("-e", json.dumps({"preflight_full": True}))
    return [
        Subject("up", (gpuhost, "up", "--site", site)),
        Subject("up --full", (gpuhost, "up", "--site", site, "--full")),
        Subject("ansible-playbook, Ansible's defaults", plain, ANSIBLE_DEFAULTS),
        Subject("ansible-playbook, Ansible's defaults, every role", (*plain, *full), ANSIBLE_DEFAULTS),
    ]


def measure(timed: Sequence[Subject], runs: int, run: Callable[[Subject], float] | None = None) -> list[Timing]:
    """Time each subject ``runs`` times after one warm-up each; subjects take turns within a round.

    :param run: runs a subject once and gives its seconds; without it, :func:`run_once`
    :raises CommandFailedError: at the first command that fails
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}, must be 1 or more")
    once = run or run_once
    for subject in timed:
        once(subject)
    rounds = [[once(subject) for subject in timed] for _ in range(runs)]
    return [
        Timing(subject.name, subject.command, tuple(each[index] for each in rounds), subject.checks)
        for index, subject in enumerate(timed)
    ]


def run_once(subject: Subject) -> float:
    """Seconds that the command took.

    :raises CommandFailedError: it did not exit with 0
    """
    started = time.perf_counter()
    done = subprocess.run(
        subject.command, cwd=ROOT, env={**os.environ, **subject.environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise CommandFailedError(f"`{' '.join(subject.command)}` exited with {done.returncode}:\n{last}")
    return seconds


def summary(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    """Per subject: name, command, seconds, median, min, max, and its median's ratio to the first's."""
    first = timings[0].median
    return [
        {
            "name": timing.name,
            "command": list(timing.command),
            "seconds": [round(each, 3) for each in timing.seconds],
            "median_s": round(timing.median, 3),
            "min_s": round(min(timing.seconds), 3),
            "max_s": round(max(timing.seconds), 3),
            "ratio": round(timing.median / first, 2),
            **({"checks": timing.checks} if timing.checks else {}),
        }
        for timing in timings
    ]


def as_json(compared: Mapping[str, Sequence[Timing]]) -> str:
    """``{"schema": 1, "runs", "subjects": [...]}`` with the rows of :func:`summary`, each with its ``compared``."""
    rows = [{"compared": kind, **row} for kind, timings in compared.items() for row in summary(timings)]
    runs = max(len(timing.seconds) for timings in compared.values() for timing in timings)
    return json.dumps({"schema": 1, "runs": runs, "subjects": rows}, indent=2)


def as_table(timings: Sequence[Timing]) -> str:
    """The summary as aligned text."""
    rows = summary(timings)
    width = max(len(row["name"]) for row in rows)
    head = f"{'command':{width}}   median        min - max    ratio   ({len(timings[0].seconds)} runs each)"
    return "\n".join([head, *(f"{row['name']:{width}} {_figures(row)}" for row in rows)])


def _figures(row: dict[str, Any]) -> str:
    checks = f"   {row['checks']} checks" if "checks" in row else ""
    return f"{row['median_s']:7.2f} s {row['min_s']:7.2f} - {row['max_s']:5.2f} s {row['ratio']:7.2f}{checks}"
