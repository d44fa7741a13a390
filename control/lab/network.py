"""The lab's network: a bridge that leads nowhere else, so that hosts are without internet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

import docker
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from control.lab import names
from control.lab.errors import LabError

#: Where a free /24 is looked for: seldom used in homes, offices and by Docker itself.
CANDIDATES = [IPv4Network(f"10.213.{n}.0/24") for n in range(77, 97)]
_MIRROR_AT = 2
_HOSTS_FROM = 10


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first candidate that overlaps nothing. Raises LabError where none is free."""
    used = list(taken)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(one) for one in used):
            return candidate
    raise LabError(
        f"no free network between {CANDIDATES[0]} and {CANDIDATES[-1]}",
        "the lab's hosts need addresses that nothing else on this machine uses",
        "free one of them: `ip route` and `docker network ls` show who has it",
    )


def mirror_address(subnet: IPv4Network) -> IPv4Address:
    return subnet[_MIRROR_AT]


def host_address(subnet: IPv4Network, number: int) -> IPv4Address:
    return subnet[_HOSTS_FROM + number]


def companion(subnet: IPv4Network) -> IPv6Network:
    """The lab's IPv6 network beside a subnet: a private one (RFC 4193) that ends in the subnet's number."""
    return IPv6Network(f"fd67:7075:686f:{subnet.network_address.packed[2]:x}::/64")


def host_address6(subnet: IPv4Network, number: int) -> IPv6Address:
    return companion(subnet)[_HOSTS_FROM + number]


def has_ipv6() -> bool:
    """Whether this machine's kernel speaks IPv6; without it the lab's hosts have IPv4 alone."""
    return Path("/proc/net/if_inet6").exists()


def routes(ip_route: str) -> list[IPv4Network]:
    """Destinations in the output of ``ip -4 route``, without the default route."""
    first = [line.split()[0] for line in ip_route.splitlines() if line.strip()]
    found = []
    for word in first:
        try:
            found.append(IPv4Network(word))
        except ValueError:
            continue  # "default", "unreachable", …
    return found


def ensure(client: docker.DockerClient) -> IPv4Network:
    """The network exists; its subnet is returned."""
    found = find(client)
    if found is None:
        said = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=False).stdout
        subnet = free_subnet([*routes(said), *_docker_subnets(client)])
        pools = [IPAMPool(subnet=str(one), gateway=str(one[1])) for one in (subnet, companion(subnet))]
        client.networks.create(
            names.NETWORK,
            driver="bridge",
            internal=True,
            enable_ipv6=has_ipv6(),
            labels=names.labels(**names.home()),
            ipam=IPAMConfig(pool_configs=pools if has_ipv6() else pools[:1]),
        )
        return subnet
    return subnet_of(found)


def find(client: docker.DockerClient) -> Network | None:
    """The lab's network, or None. Raises LabError where somebody else's has its name."""
    found = client.networks.list(names=[f"^{names.NETWORK}$"])
    if not found:
        return None
    if names.LABEL not in (found[0].attrs.get("Labels") or {}):
        raise LabError(
            f"a Docker network {names.NETWORK} exists that the lab did not make",
            "the lab touches nothing that it did not make",
            f"remove or rename it: docker network rm {names.NETWORK}",
        )
    return found[0]


def subnet_of(network: Network) -> IPv4Network:
    found = [ip_network(one["Subnet"]) for one in network.attrs["IPAM"]["Config"]]
    return next(one for one in found if isinstance(one, IPv4Network))


def _docker_subnets(client: docker.DockerClient) -> list[IPv4Network]:
    configs = [c for n in client.networks.list() for c in (n.attrs["IPAM"]["Config"] or [])]
    found = [ip_network(c["Subnet"], strict=False) for c in configs if c.get("Subnet")]
    return [one for one in found if isinstance(one, IPv4Network)]
