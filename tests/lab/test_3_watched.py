"""Three hosts watched at once: twice a second, at next to no cost, and again after one of them was away."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.conftest import ROOT, SITE, Fleet, LabHost

pytestmark = pytest.mark.lab

SECONDS = 20.0

#: Ticks of processor time that the program and everything it was started through (sshd, a shell, sudo) have used so far.
_COST = """
import os
def words(pid):
    try:
        return open(f"/proc/{pid}/cmdline", "rb").read().split(bytes(1))
    except OSError:
        return [b""]
def stat(pid):
    said = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(said[1]), int(said[11]) + int(said[12])
pids = [int(one) for one in os.listdir("/proc") if one.isdigit()]
# The program itself; sudo and the shell that started it have its text in their words too.
own = [pid for pid in pids if b"python" in words(pid)[0] and any(b"stdin.buffer.readline" in one for one in words(pid))]
counted = set()
for pid in own:
    while pid > 1 and b"-D" not in words(pid) and b"[listener]" not in words(pid)[0]:
        counted.add(pid)
        pid = stat(pid)[0]
print(len(own), sum(stat(pid)[1] for pid in counted), os.sysconf("SC_CLK_TCK"))
"""


class Watching:
    """`./gpuhost monitor --json` at work: what it said of each host, and when."""

    def __init__(self, hosts: list[LabHost]) -> None:
        names = ",".join(host.name for host in hosts)
        self.process = subprocess.Popen(
            [str(ROOT / "gpuhost"), "monitor", "--site", SITE, "--host", names, "--json"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: dict[str, list[tuple[float, dict[str, Any]]]] = {host.name: [] for host in hosts}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            document = json.loads(line)
            self.said[document["host"]].append((time.monotonic(), document))

    def wait(self, host: LabHost, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """The next document of a host that has this status."""
        after, end = len(self.said[host.name]), time.monotonic() + seconds
        while time.monotonic() < end:
            found = [document for _, document in self.said[host.name][after:] if document["status"] == status]
            if found:
                return found[0]
            assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
            time.sleep(0.1)
        raise AssertionError(f"{host.name} was not {status} within {seconds} s: {self.said[host.name][-1:]}")

    def between(self, host: LabHost, begin: float, end: float) -> list[dict[str, Any]]:
        return [document for at, document in self.said[host.name] if begin <= at < end]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def hosts(fleet: Fleet) -> Iterator[list[LabHost]]:
    """Two that are set up, and a bare one: nothing is needed on a host but its Python."""
    fleet.stopped.docker("start")
    yield [fleet.debian12, fleet.debian13, fleet.stopped]
    fleet.stopped.docker("stop")


@pytest.fixture(scope="module")
def watching(hosts: list[LabHost]) -> Iterator[Watching]:
    found = Watching(hosts)
    for host in hosts:
        found.wait(host, "live")
    yield found
    found.stop()


def cost(host: LabHost) -> tuple[int, float]:
    """How many of our programs run there, and the processor seconds that they and their sessions have used."""
    count, ticks, hertz = host.run(f"python3 - <<'EOF'\n{_COST}\nEOF").split()
    return int(count), int(ticks) / int(hertz)


def test_each_host_is_seen_twice_a_second_for_less_than_a_twentieth_of_a_core(
    watching: Watching, hosts: list[LabHost]
) -> None:
    begin, before = time.monotonic(), [cost(host) for host in hosts]
    time.sleep(SECONDS)
    after, end = [cost(host) for host in hosts], time.monotonic()
    took = end - begin
    for host, (programs, used), (_, now) in zip(hosts, before, after, strict=True):
        assert programs == 1, host.name
        samples = watching.between(host, begin, end)
        assert len(samples) >= 1.8 * took, f"{host.name}: {len(samples)} looks in {took:.1f} s"
        assert (now - used) / took < 0.05, f"{host.name}: {100 * (now - used) / took:.1f} % of a core"
        assert {one["status"] for one in samples} == {"live"}
        print(f"{host.name}: {len(samples) / took:.2f} looks a second, {100 * (now - used) / took:.2f} % of a core")


def test_what_is_seen_is_the_host(watching: Watching, hosts: list[LabHost], fleet: Fleet) -> None:
    sample = watching.wait(fleet.debian13, "live")["sample"]
    assert sample["as_root"]
    assert sample["simulated"]
    assert [gpu["device_id"] for gpu in sample["gpus"]] == ["73ff"]
    assert {one["service"] for one in sample["services"]} >= {"ollama", "anythingllm", "jupyter"}
    bare = watching.wait(fleet.stopped, "live")["sample"]
    assert bare["services"] in ([], None) or "error" in bare["services"]


def test_a_host_that_goes_away_comes_back_and_the_others_do_not_notice(
    watching: Watching, hosts: list[LabHost], fleet: Fleet
) -> None:
    begin = time.monotonic()
    fleet.stopped.docker("stop")
    away = watching.wait(fleet.stopped, "away")
    assert away["sample"] is None
    assert away["findings"][0]["id"] == "GH-HOST-UNREACHABLE"
    fleet.stopped.docker("start")
    back = watching.wait(fleet.stopped, "live", seconds=90)
    assert back["findings"] == []
    took = time.monotonic() - begin
    for host in (fleet.debian12, fleet.debian13):
        samples = watching.between(host, begin, begin + took)
        assert {one["status"] for one in samples} == {"live"}
        assert len(samples) >= 1.5 * took
    # Silent and still connected: a machine that froze.
    fleet.stopped.docker("pause")
    frozen = watching.wait(fleet.stopped, "away")
    fleet.stopped.docker("unpause")
    assert frozen["findings"]
    watching.wait(fleet.stopped, "live", seconds=90)
    assert cost(fleet.stopped)[0] == 1, "what a lost connection left there has ended"
