"""Listening TCP ports, from /proc/net, and who listens."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .host import Host

#: A unit of gpuhost's own that a process is in.
UNIT = re.compile(r"/system\.slice/(gpuhost-[^/\s]+\.service)")
LISTEN = "0A"  # TCP_LISTEN. Source: include/net/tcp_states.h


def look_ports(host: Host) -> list[dict[str, Any]]:
    """One row per listening address and port, sorted by port. Process and pid of others need root."""
    rows = [row for path in ("/proc/net/tcp", "/proc/net/tcp6") for row in listening(host.word(path) or "")]
    if not rows:
        host.text("/proc/net/tcp")  # no table at all is an error, not "nothing listens"
    owners = owners_of(host, {inode for _, _, inode in rows})
    if not host.is_root() and any(inode not in owners for _, _, inode in rows):
        host.needs_root.add("ports.process")
    found = []
    for address, port, inode in sorted(set(rows), key=lambda row: (row[1], row[0])):
        pid = owners.get(inode)
        name = host.word(f"/proc/{pid}/comm") if pid else None
        row = {"address": address, "port": port, "proto": "tcp", "process": name, "pid": pid, "container": None}
        inside = UNIT.search(host.word(f"/proc/{pid}/cgroup") or "") if pid else None
        found.append({**row, "unit": inside[1]} if inside else row)
    return found


def listening(text: str) -> list[tuple[str, int, str]]:
    """Address, port and socket inode of each listening line of /proc/net/tcp or tcp6."""
    rows = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == LISTEN:
            address, _, port = words[1].partition(":")
            rows.append((readable(address), int(port, 16), words[9]))
    return rows


def readable(address: str) -> str:
    """The address that the kernel prints as 32-bit words in host (little-endian) order."""
    raw = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
    return str(ipaddress.ip_address(raw))


def owners_of(host: Host, inodes: set[str]) -> dict[str, int]:
    """Process id per socket inode, as far as this user may look."""
    owners: dict[str, int] = {}
    for pid in (name for name in host.names("/proc") if name.isdigit()):
        try:
            handles = host.names(f"/proc/{pid}/fd")
        except PermissionError:
            continue
        for handle in handles:
            found = re.fullmatch(r"socket:\[(\d+)\]", host.link(f"/proc/{pid}/fd/{handle}") or "")
            if found and found.group(1) in inodes:
                owners.setdefault(found.group(1), int(pid))
        if len(owners) == len(inodes):
            break
    return owners


def name_containers(ports: Any, containers: Any) -> None:
    """Fill in which container publishes a port, where both sections could be read."""
    if not isinstance(ports, list) or not isinstance(containers, list):
        return
    published = {p["host_port"]: c["name"] for c in containers for p in c["ports"] if p["host_port"]}
    for row in ports:
        if row["process"] in (None, "docker-proxy", "dockerd"):
            row["container"] = published.get(row["port"])
