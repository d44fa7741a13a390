"""Lab hosts for the tests: made before, gone afterwards, whatever happens between."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


def gpuhost(*words: str, timeout: int = 1500) -> Done:
    """Run ``./gpuhost`` as a user would."""
    start = time.monotonic()
    done = subprocess.run(
        [str(ROOT / "gpuhost"), *words], cwd=ROOT, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
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


def make(*specs: Any) -> list[LabHost]:
    """These hosts, fresh: one that was there before is made anew."""
    from control.lab import site

    site.remove_hosts([one.name for one in specs])
    site.up(list(specs), say=lambda line: None)
    return [LabHost(one.name) for one in specs]


@pytest.fixture(scope="session", autouse=True)
def lab() -> Iterator[None]:
    """The lab's mirror runs during the tests, and nothing of the lab runs after them."""
    from control.lab import site

    site.down()
    yield
    if not os.environ.get("GPUHOST_KEEP_LAB"):
        site.down(stop_engine=True)


@pytest.fixture(scope="session")
def debian12(lab: None) -> LabHost:
    """A Debian 12 host that ``up`` has set up once."""
    from control.lab.spec import HostSpec

    (host,) = make(HostSpec(1, 12))
    done = gpuhost("up", "--site", SITE, "--host", host.name)
    assert done.code == 0, done.out + done.err
    return host


@pytest.fixture(scope="session")
def debian13(lab: None) -> LabHost:
    """A Debian 13 host that ``up`` has set up once."""
    from control.lab.spec import HostSpec

    (host,) = make(HostSpec(2, 13))
    done = gpuhost("up", "--site", SITE, "--host", host.name)
    assert done.code == 0, done.out + done.err
    return host
