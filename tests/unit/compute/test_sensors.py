"""Links and sensors of a card, from small trees in the shape of sysfs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from tests.unit.monitor import trees
from verify.compute import sensors
from verify.probes import links
from verify.probes.host import Host

CARD = "0000:03:00.0"
#: Root port, the card's switch (its upper and lower port), the GPU: a Navi card in a slot.
NAVI = ("0000:00:01.0", "0000:01:00.0", "0000:02:00.0", CARD)
WIDE, NARROW = ("16.0 GT/s PCIe", "16"), ("8.0 GT/s PCIe", "4")


def tree(tmp_path: Path, chain: tuple[str, ...], **links: Any) -> Host:
    """A bus in which each device has (current speed, current width, most speed, most width)."""
    folder, bus = tmp_path / "sys/devices/pci0000:00", tmp_path / "sys/bus/pci/devices"
    bus.mkdir(parents=True)
    for device in chain:
        folder = folder / device
        folder.mkdir(parents=True)
        (bus / device).symlink_to(Path("../../../devices") / folder.relative_to(tmp_path / "sys/devices"))
        known = links.get(device[5:7], (*WIDE, *WIDE))
        names = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
        for name, value in zip(names, known, strict=True):
            if value is not None:
                (folder / name).write_text(f"{value}\n")
    return Host(str(tmp_path))


def test_the_narrowest_link_on_the_way_counts(tmp_path: Path) -> None:
    slot = (*NARROW, "16.0 GT/s PCIe", "16")
    port = (*NARROW, "8.0 GT/s PCIe", "4")
    found = sensors.link(CARD, tree(tmp_path, NAVI, **{"00": port, "01": slot}))
    assert found == {
        "gt_s": 8.0,
        "lanes": 4,
        "could_gt_s": 8.0,
        "could_lanes": 4,
        "card_lanes": 16,
        "gb_s": 3.94,
        "at": "0000:01:00.0",
    }


def test_a_card_without_a_switch_has_one_link(tmp_path: Path) -> None:
    found = sensors.link(
        CARD, tree(tmp_path, ("0000:00:01.0", CARD), **{"03": ("16.0 GT/s PCIe", "8", "32.0 GT/s PCIe", "16")})
    )
    assert found is not None
    assert (found["lanes"], found["could_lanes"], found["could_gt_s"], found["at"]) == (8, 16, 16.0, CARD)


@pytest.mark.parametrize(
    "known",
    [
        (None, None, None, None),
        ("Unknown", "0", "Unknown", "0"),
        ("16.0 GT/s PCIe", None, *WIDE),
        ("2.5 GT/s PCIe", "63", *WIDE),
    ],
)
def test_a_link_that_sysfs_does_not_show_is_not_known(known: tuple[Any, ...], tmp_path: Path) -> None:
    host = tree(tmp_path, ("0000:00:01.0", CARD), **{"00": known, "03": known})
    assert sensors.link(CARD, host) is None


def test_what_is_on_no_bus_has_no_link_and_no_sensors(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    assert sensors.link(None, host) is None
    assert sensors.link(CARD, host) is None
    assert sensors.read(None, host) == {}
    assert sensors.read(CARD, host) == {}


@pytest.mark.parametrize(
    ("gt_s", "lanes", "gb_s"),
    [(2.5, 16, 4.0), (5.0, 16, 8.0), (8.0, 16, 15.75), (16.0, 16, 31.51), (32.0, 16, 63.02), (64.0, 16, 121.0)],
)
def test_what_a_link_carries(gt_s: float, lanes: int, gb_s: float) -> None:
    assert links.carries(gt_s, lanes) == pytest.approx(gb_s, abs=0.01)


def test_every_link_on_the_way_is_known_the_card_s_own_first(tmp_path: Path) -> None:
    host = tree(tmp_path, NAVI, **{"01": (*NARROW, *WIDE)})
    assert [(one["at"], one["lanes"], one["could_lanes"]) for one in links.links(CARD, host)] == [
        (CARD, 16, 16),
        (NAVI[1], 4, 16),
    ]
    assert links.way(CARD, host) == list(NAVI)
    assert links.links(None, host) == []


#: (1.3, bits) -> what holds the clocks down; the bits stand at byte 112.
THROTTLED = [
    (0, []),
    (1, ["power"]),
    (1 << 15 | 1 << 16, ["power", "current"]),
    (1 << 36 | 1 << 31, ["current", "temperature"]),
    (1 << 55 | 1 << 56, ["temperature", "firmware"]),
    (2**64 - 1, []),
]


@pytest.mark.parametrize(("bits", "names"), THROTTLED)
def test_what_holds_the_clocks_down_is_named(bits: int, names: list[str], tmp_path: Path) -> None:
    host = tree(tmp_path, ("0000:00:01.0", CARD))
    table = trees.metrics(1, 3, 120, {})[:112] + struct.pack("<Q", bits)
    (tmp_path / "sys/bus/pci/devices" / CARD / "gpu_metrics").write_bytes(table)
    assert sensors.throttled(CARD, host) == names


@pytest.mark.parametrize("table", [b"", trees.metrics(1, 2, 120, {}), trees.metrics(2, 3, 120, {}), b"\0" * 119])
def test_a_table_that_does_not_tell_names_nothing(table: bytes, tmp_path: Path) -> None:
    host = tree(tmp_path, ("0000:00:01.0", CARD))
    (tmp_path / "sys/bus/pci/devices" / CARD / "gpu_metrics").write_bytes(table)
    assert sensors.throttled(CARD, host) == []
    assert sensors.throttled(None, host) == []


def test_errors_that_nobody_repaired_are_counted(tmp_path: Path) -> None:
    host = tree(tmp_path, ("0000:00:01.0", CARD))
    card = tmp_path / "sys/bus/pci/devices" / CARD
    assert sensors.errors(CARD, host) == {}
    (card / "ras").mkdir()
    (card / "ras/umc_err_count").write_text("ue: 2\nce: 7\n")
    (card / "aer_dev_fatal").write_text("TOTAL_ERR_FATAL 1\n")
    (card / "aer_dev_nonfatal").write_text("TOTAL_ERR_NONFATAL 4\n")
    (card / "aer_dev_correctable").write_text("TOTAL_ERR_COR 9\n")
    assert sensors.errors(CARD, host) == {"memory": 2, "bus": 5}
    assert sensors.errors(None, host) == {}


def test_clock_power_and_temperatures_are_read(tmp_path: Path) -> None:
    host = tree(tmp_path, ("0000:00:01.0", CARD))
    hwmon = tmp_path / "sys/devices/pci0000:00/0000:00:01.0" / CARD / "hwmon/hwmon2"
    hwmon.mkdir(parents=True)
    files = {
        "freq1_input": "2410000000",
        "freq1_label": "sclk",
        "temp1_input": "61000",
        "temp1_label": "edge",
        "temp2_input": "81000",
        "temp2_label": "junction",
        "power1_average": "98000000",
    }
    for name, text in files.items():
        (hwmon / name).write_text(f"{text}\n")
    seen = sensors.read(CARD, host)
    assert seen == {"core_mhz": 2410, "power_w": 98.0, "edge_c": 61.0, "junction_c": 81.0}
