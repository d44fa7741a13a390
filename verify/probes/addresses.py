"""The names by which others may reach this host: its own name, and the addresses of its network interfaces."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .host import Host

#: Interfaces that lead to containers and machines inside of this host, not to a network around it.
INSIDE = re.compile(r"lo|(docker|br-|veth|gpuhost|virbr|vnet|tap|cni|flannel|cali|lxc|lxd|podman).*")
#: Flags of an IPv6 address (include/uapi/linux/if_addr.h): temporary, failed as a duplicate, deprecated, tentative.
PASSING = 0x01 | 0x08 | 0x20 | 0x40
GLOBAL = 0x00


def look_addresses(host: Host) -> dict[str, Any]:
    """``hostname``, ``ipv6`` (whether the kernel speaks it), and ``addresses``: those that stay, of interfaces that lead
    outside; the way to the internet first.
    """
    found = [*_ipv4(host), *_ipv6(host)]
    return {
        "hostname": host.word("/proc/sys/kernel/hostname"),
        "ipv6": host.word("/proc/net/if_inet6") is not None,
        "addresses": [{"interface": name, "address": address} for name, address in found if not INSIDE.fullmatch(name)],
    }


def _ipv4(host: Host) -> list[tuple[str, str]]:
    """The kernel lists addresses without their interface: it is the one with the route to the address's own network."""
    table = host.word("/proc/net/route") or ""
    routes, default = direct_routes(table), default_interfaces(table)
    local = dict.fromkeys(re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", host.word("/proc/net/fib_trie") or ""))
    found = []
    for text in local:
        address = ipaddress.IPv4Address(text)
        name = next((name for name, network in routes if address in network), "lo" if address.is_loopback else "")
        if name:
            found.append((name, text))
    return sorted(found, key=lambda one: default.index(one[0]) if one[0] in default else len(default))


def default_interfaces(text: str) -> list[str]:
    """Those that lead to everywhere else, the preferred one first."""
    rows = [line.split() for line in text.splitlines()[1:]]
    found = [(int(row[6]), row[0]) for row in rows if len(row) > 7 and int(row[1], 16) == int(row[7], 16) == 0]
    return [name for _, name in sorted(found)]


def direct_routes(text: str) -> list[tuple[str, ipaddress.IPv4Network]]:
    """Interface and network of each route without a gateway, the narrowest first."""
    rows = [line.split() for line in text.splitlines()[1:]]
    found = [(row[0], _network(row[1], row[7])) for row in rows if len(row) > 7 and int(row[2], 16) == 0]
    return sorted(found, key=lambda one: -one[1].prefixlen)


def _network(destination: str, mask: str) -> ipaddress.IPv4Network:
    """The kernel prints both as a number in host order: the bytes stand the other way round."""
    address, bits = (str(ipaddress.IPv4Address(bytes.fromhex(word)[::-1])) for word in (destination, mask))
    return ipaddress.IPv4Network(f"{address}/{bits}", strict=False)


def _ipv6(host: Host) -> list[tuple[str, str]]:
    found = []
    for line in (host.word("/proc/net/if_inet6") or "").splitlines():
        words = line.split()
        if len(words) == 6 and int(words[3], 16) == GLOBAL and not int(words[4], 16) & PASSING:
            found.append((words[5], str(ipaddress.IPv6Address(bytes.fromhex(words[0])))))
    return sorted(found)
