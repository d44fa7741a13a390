"""A second machine on the lab's network: a network namespace of its own, in which this machine's programs run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import docker
from docker.models.containers import Container

from control.lab import mirror, names

NAME = f"{names.PREFIX}outsider"

#: Prints the ports that take a connection, of all 65,535.
_SCAN = """
import errno, json, select, socket, sys
address, chunk = sys.argv[1], 2048
family = socket.AF_INET6 if ":" in address else socket.AF_INET
found = []
for first in range(1, 65536, chunk):
    waiting, poll = {}, select.poll()
    for port in range(first, min(first + chunk, 65536)):
        line = socket.socket(family, socket.SOCK_STREAM)
        line.setblocking(False)
        said = line.connect_ex((address, port))
        if said == 0:
            found.append(port)
        elif said == errno.EINPROGRESS:
            poll.register(line, select.POLLOUT)
            waiting[line.fileno()] = (port, line)
            continue
        line.close()
    while waiting:
        ready = poll.poll(5000)
        if not ready:  # nobody answers for these, not even with a refusal
            first = min(port for port, _ in waiting.values())
            sys.exit(f"{len(waiting)} ports of {address} are silent, {first} is the first")
        for number, _ in ready:
            port, line = waiting.pop(number)
            poll.unregister(number)
            if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.append(port)
            line.close()
print(json.dumps(sorted(found)))
"""


class Outsider:
    """Removed by the lab with everything else of its."""

    def __init__(self, client: docker.DockerClient) -> None:
        there = mirror.find(client)
        assert there is not None, "the lab has no mirror"
        self.container: Container = client.containers.run(
            there.image, ["sleep", "infinity"], name=NAME, network=names.NETWORK, detach=True,
            entrypoint=[], cap_add=["NET_ADMIN"], labels=names.labels(**names.home()),
        )  # fmt: skip
        self.container.reload()
        self.pid = self.container.attrs["State"]["Pid"]

    def remove(self) -> None:
        self.container.remove(force=True)

    def run(self, *words: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """A program of this machine, in the other's network."""
        command = ["nsenter", "--target", str(self.pid), "--net", "--", *words]
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=seconds)

    def open_ports(self, address: str) -> list[int]:
        """Every TCP port of an address that takes a connection."""
        done = self.run(sys.executable, "-c", _SCAN, address, check=False, seconds=600)
        assert done.returncode == 0, done.stderr
        found: list[int] = json.loads(done.stdout)
        return found

    def curl(self, *words: str) -> str:
        """HTTP status of a request, ``000`` where there was no answer."""
        quiet = ("--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}")
        return self.run("curl", *quiet, *words, check=False).stdout.strip()

    def reaches(self, address: str, port: int, route: Sequence[str] = ()) -> bool:
        """Whether a connection to an address comes about by this route, which goes again."""
        ask = f"import socket; socket.create_connection(({address!r}, {port}), timeout=4).close()"
        if route:
            self.run("ip", "route", "replace", *route)
        try:
            return self.run(sys.executable, "-c", ask, check=False).returncode == 0
        finally:
            if route:
                self.run("ip", "route", "del", *route)


def addresses(container: Container) -> dict[str, Any]:
    """IPv4 and IPv6 of a lab host."""
    container.reload()
    end = container.attrs["NetworkSettings"]["Networks"][names.NETWORK]
    return {"ipv4": end["IPAddress"], "ipv6": end["GlobalIPv6Address"]}
