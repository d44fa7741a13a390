"""The suite of `tests/host` on hosts that ``up`` has set up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.lab.conftest import ROOT, SITE, Fleet

pytestmark = pytest.mark.lab


def test_hosts_are_from_outside_what_they_are_from_inside(fleet: Fleet) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "lab", "tests/host"],
        cwd=ROOT,
        env={**os.environ, "GPUHOST_SITE": SITE, "GPUHOST_HOST": ",".join(host.name for host in fleet.working)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:]
