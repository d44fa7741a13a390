"""Lab hosts for the tests: made before, gone afterwards, whatever happens between."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.lab.planted import Planted

ROOT = Path(__file__).resolve().parents[2]
SITE = "lab"


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        """Everything it said, in single blanks: where lines break does not matter."""
        return " ".join((self.out + self.err).split())


def gpuhost(*words: str, timeout: int = 1500, **environment: str) -> Done:
    """Run ``./gpuhost`` as a user would."""
    start = time.monotonic()
    done = subprocess.run(
        [str(ROOT / "gpuhost"), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


@dataclass(frozen=True)
class LabHost:
    """One lab host, worked on from outside: what a person with a root shell would do."""

    name: str

    def run(self, script: str, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", "exec", self.name, "bash", "-c", script], capture_output=True, text=True, timeout=300
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {script!r} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def docker(self, *words: str) -> None:
        """Work on the container that the host is."""
        subprocess.run(["docker", *words, self.name], check=True, capture_output=True, timeout=120)


def verify(host: LabHost, only: Sequence[str] = ()) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code of `verify`, and the host's results by id; of these areas alone where some are named."""
    asked = ("--only", ",".join(only)) if only else ()
    done = gpuhost("verify", "--site", SITE, "--host", host.name, *asked, "--json")
    rows = done.document["hosts"][host.name]["results"]
    return done.code, {row["id"]: row for row in rows}


def ready(host: LabHost, *services: str) -> None:
    """The containers of these services are healthy again."""
    for name in services:
        healthy = f"docker inspect -f '{{{{.State.Health.Status}}}}' gpuhost-{name} | grep -qx healthy"
        last = f"docker logs --tail 20 gpuhost-{name} >&2"
        host.run(f"for i in $(seq 120); do {healthy} && exit; sleep 1; done; {last}; exit 1")


def red(results: dict[str, dict[str, Any]]) -> set[str]:
    """The checks that failed."""
    return {id for id, row in results.items() if row["status"] == "fail"}


def make(*specs: Any) -> list[LabHost]:
    """These hosts, fresh: one that was there before is made anew."""
    from control.lab import site

    site.remove_hosts([one.name for one in specs])
    site.up(list(specs), say=lambda line: None)
    return [LabHost(one.name) for one in specs]


def remove(*hosts: LabHost) -> None:
    """These hosts are gone."""
    from control.lab import site

    site.remove_hosts([one.name for one in hosts])


def host_variables(host: LabHost, text: str, name: str = "test") -> Path:
    """A file of the lab's site with variables for one host; the caller removes it, or leaves it to the lab's end.

    In the folder of the host's name: where there is one, Ansible reads no file beside it.
    """
    path = ROOT / "inventory" / SITE / "host_vars" / host.name / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\n{text}\n")
    return path


@dataclass(frozen=True)
class Fleet:
    """Two hosts that one ``up`` set up while the third was stopped, and what they were like before."""

    debian12: LabHost
    debian13: LabHost
    stopped: LabHost
    first_up: Done
    before: dict[str, tuple[dict[str, Any], dict[str, str]]]
    planted: Planted  # on debian13

    @property
    def working(self) -> tuple[LabHost, LabHost]:
        return self.debian12, self.debian13


@pytest.fixture(scope="session", autouse=True)
def lab() -> Iterator[None]:
    """The lab is new at the start of the tests, and nothing of it is left after them."""
    from control.lab import engine, site

    engine.ensure()
    site.down()
    yield
    if not os.environ.get("GPUHOST_KEEP_LAB"):
        site.down(stop_engine=True)


@pytest.fixture(scope="session")
def fleet(lab: None) -> Fleet:
    """The main job, done once for all tests that look at its result."""
    from control.lab.spec import HostSpec
    from tests.lab import planted, state

    debian12, debian13, third = make(HostSpec(1, 12), HostSpec(2, 13), HostSpec(3, 12))
    before = {one.name: (state.files(one), state.packages(one)) for one in (debian12, debian13)}
    third.docker("stop")
    names = ",".join(one.name for one in (debian12, debian13, third))
    # One of them has both model servers.
    host_variables(debian12, "services_enabled: [anythingllm, jupyter, llamacpp, ollama]", "services")
    canaries = planted.plant(debian13)
    with planted.watched(canaries.seen):
        # As loud as it can be: what is not in this log is in none.
        first_up = gpuhost("up", "--site", SITE, "--host", names, "--json", ANSIBLE_VERBOSITY="5")
    return Fleet(debian12, debian13, third, first_up, before, canaries)
