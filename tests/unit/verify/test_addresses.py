"""By which names others may reach a host."""

from __future__ import annotations

from pathlib import Path

from tests.unit.verify.builder import Builder
from tests.unit.verify.parts import DEBIAN12
from verify.probes import addresses
from verify.probes.host import Host

ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask
wg0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF
eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF
"""


def test_what_stays_and_leads_outside_is_a_name_and_nothing_else(tmp_path: Path) -> None:
    host = Builder(tmp_path, DEBIAN12).host
    assert addresses.look_addresses(host) == {
        "hostname": "gpu01",
        "ipv6": True,
        "addresses": [
            {"interface": "enp5s0", "address": "192.0.2.7"},
            {"interface": "enp5s0", "address": "2001:db8::7"},
        ],
    }


def test_a_host_without_ipv6_has_the_others(tmp_path: Path) -> None:
    made = Builder(tmp_path, DEBIAN12)
    (tmp_path / "proc/net/if_inet6").unlink()
    found = addresses.look_addresses(made.host)
    assert [one["address"] for one in found["addresses"]] == ["192.0.2.7"]
    assert found["ipv6"] is False


def test_routes_are_read_as_the_kernel_prints_them_the_narrowest_first() -> None:
    assert [(name, str(network)) for name, network in addresses.direct_routes(ROUTES)] == [
        ("eth1", "192.168.1.0/24"),
        ("wg0", "10.0.0.0/8"),
    ]


def test_this_machine_s_own_files_are_understood() -> None:
    found = addresses.look_addresses(Host())
    assert found["hostname"]
    assert all(one["interface"] != "lo" for one in found["addresses"])
