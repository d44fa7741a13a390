"""A controller that is killed loses nothing: the work on the host goes on, and the next run joins it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from control.lab.spec import HostSpec
from tests.lab.conftest import ROOT, SITE, LabHost, gpuhost, host_variables, make, remove

pytestmark = pytest.mark.lab

STEPS = "/var/lib/gpuhost/steps"


@pytest.fixture
def host() -> Iterator[LabHost]:
    """A bare host that is to run Ollama alone: enough for packages and images, and no more."""
    (one,) = make(HostSpec(7, 13))
    path = host_variables(one, "services_enabled: [ollama]\npytorch_build: none")
    yield one
    path.unlink()
    remove(one)


def kill_when(host: LabHost, step: str) -> None:
    """``up`` is killed as soon as the step's unit works on the host."""
    process = subprocess.Popen(
        [str(ROOT / "gpuhost"), "up", "--site", SITE, "--host", host.name],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    at_work = f"systemctl is-active -q gpuhost-{step} && test -s {STEPS}/{step}/progress.json && echo yes"
    while "yes" not in host.run(at_work, check=False):
        assert process.poll() is None, f"up ended with {process.returncode} before {step} began"
        assert time.monotonic() < deadline, f"{step} never began"
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def starts(host: LabHost, step: str) -> int:
    """How often the work of a step was begun."""
    lines = host.run(f"cat {STEPS}/{step}/runs.jsonl").splitlines()
    attempts = [json.loads(line) for line in lines]
    return len({one["attempt"] for one in attempts if one.get("attempt")})


def test_a_killed_controller_is_followed_by_one_that_converges(host: LabHost) -> None:
    kill_when(host, "container-engine")
    kill_when(host, "image-ollama")
    done = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    assert done.code == 0, done.text
    assert starts(host, "container-engine") == 1, host.run(f"cat {STEPS}/container-engine/runs.jsonl")
    history = host.run("cat /var/log/apt/history.log")
    assert history.count("Install: ") >= 1
    assert len([line for line in history.splitlines() if line.startswith("Install:") and " docker.io:" in line]) == 1
    again = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    assert (again.code, again.document["hosts"][host.name]["due"]) == (0, {})
