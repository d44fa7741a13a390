"""A second machine on the lab's network: a network namespace of its own, in which this machine's programs run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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

#: Sends the first packet of a connection to 127.0.0.1 on an interface; ends with 0 where it is answered.
_KNOCK = """
import random, socket, struct, sys, time
interface, there, source, port = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), sys.argv[3], int(sys.argv[4])
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
line.bind((interface, 0))
def sum16(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
mine = random.randrange(20000, 60000)  # an earlier knock may still be answered
ends = socket.inet_aton(source) + socket.inet_aton("127.0.0.1")
def ip(check):
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, socket.IPPROTO_TCP, check) + ends
def tcp(check):
    return struct.pack("!HHIIBBHHH", mine, port, 1, 0, 5 << 4, 0x02, 1024, check, 0)
pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
packet = ip(sum16(ip(0))) + tcp(sum16(pseudo + tcp(0)))
line.send(there + line.getsockname()[4] + b"\\x08\\x00" + packet)
until = time.monotonic() + 4
while (left := until - time.monotonic()) > 0:
    line.settimeout(left)
    try:
        frame = line.recv(2048)
    except TimeoutError:
        break
    if frame[26:30] + frame[36:38] == ends[4:] + struct.pack("!H", mine) and frame[47] & 0x12 == 0x12:
        sys.exit(0)
sys.exit("nobody answered")
"""


@dataclass(frozen=True)
class Wire:
    """A cable between the second machine and a host, of its own: the bridges of the lab's engine look at nothing there."""

    outsider: Outsider
    interface: str
    ours: str
    theirs: str
    mac: str

    def reaches(self, address: str, port: int) -> bool:
        """Whether a connection to an address behind the host comes about."""
        return self.outsider.reaches(address, port, (f"{address}/32", "via", self.theirs))

    def reaches_loopback(self, port: int) -> bool:
        """Whether a connection to 127.0.0.1 that comes over the cable is answered by the host."""
        words = (sys.executable, "-c", _KNOCK, self.interface, self.mac, self.ours, str(port))
        return self.outsider.run(*words, check=False).returncode == 0


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

    @contextmanager
    def wired(self, container: Container) -> Iterator[Wire]:
        """Both are joined by a cable for as long as the block lasts."""
        container.reload()
        there = str(container.attrs["State"]["Pid"])
        link = [
            "ip",
            "link",
            "add",
            "wire0",
            "netns",
            str(self.pid),
            "type",
            "veth",
            "peer",
            "name",
            "wire1",
            "netns",
            there,
        ]
        subprocess.run(link, check=True, timeout=20)
        try:
            for pid, end, address in ((self.pid, "wire0", "192.0.2.1"), (there, "wire1", "192.0.2.2")):
                inside = ("nsenter", "--target", str(pid), "--net", "--", "ip")
                subprocess.run([*inside, "addr", "add", f"{address}/30", "dev", end], check=True, timeout=20)
                subprocess.run([*inside, "link", "set", end, "up"], check=True, timeout=20)
            shown = subprocess.run([*inside, "-json", "link", "show", "wire1"], check=True, timeout=20, capture_output=True)
            yield Wire(self, "wire0", "192.0.2.1", "192.0.2.2", json.loads(shown.stdout)[0]["address"])
        finally:
            self.run("ip", "link", "del", "wire0")

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
