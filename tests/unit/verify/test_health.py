"""How cards are, from small trees in the shape of sysfs, and what the kernel's log says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.monitor import trees
from verify.parsers import gpu_log
from verify.probes import health
from verify.probes.host import SIMULATED_FILE, Host

CARD = "0000:03:00.0"
DEVICE = f"/sys/devices/pci0000:00/0000:00:01.1/{CARD}"
PORT = "/sys/bus/pci/devices/0000:00:01.1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A busy Radeon RX 6600 behind a port of the processor, on a machine that runs for an hour."""
    trees.add_card(tmp_path, "rx6600-busy", CARD)
    trees.write(tmp_path, "/proc/uptime", "3600.12 7000.00\n")
    trees.write(tmp_path, "/proc/sys/kernel/osrelease", "6.12.48\n")
    trees.link(tmp_path, PORT, "../../../devices/pci0000:00/0000:00:01.1")
    for folder in (DEVICE, f"{PORT}"):
        for name, value in (("speed", "16.0 GT/s PCIe"), ("width", "8")):
            trees.write(tmp_path, f"{folder}/current_link_{name}", f"{value}\n")
            trees.write(tmp_path, f"{folder}/max_link_{name}", f"{value}\n")
    trees.write(tmp_path, f"{DEVICE}/power_dpm_force_performance_level", "auto\n")
    return tmp_path


def only_card(root: Path) -> dict[str, Any]:
    [found] = health.look_health(Host(str(root)))["cards"]
    return dict(found)


def test_a_card_is_seen_as_it_is(root: Path) -> None:
    seen = only_card(root)
    assert (seen["pci"], seen["simulated"], seen["asleep"], seen["load_percent"]) == (CARD, False, False, 97)
    assert seen["temperatures"]["junction"] == 81.0
    assert seen["temperature_limits"]["junction"] == 110.0
    assert seen["performance_level"] == "auto"
    assert seen["way"] == ["0000:00:01.1", CARD]
    assert [(one["lanes"], one["could_lanes"], one["at"]) for one in seen["links"]] == [(8, 8, CARD)]
    assert health.look_health(Host(str(root)))["uptime_s"] == 3600.12


def test_a_card_for_games_counts_nothing(root: Path) -> None:
    seen = only_card(root)
    assert (seen["memory_errors"], seen["bad_pages"], seen["bus_errors"]) == (None, None, None)


def test_what_the_memory_s_code_counts_is_by_block(root: Path) -> None:
    trees.write(root, f"{DEVICE}/ras/umc_err_count", "ue: 1\nce: 40\nde: 0\n")
    trees.write(root, f"{DEVICE}/ras/gfx_err_count", "ue: 0\nce: 0\n")
    trees.write(root, f"{DEVICE}/ras/features", "feature mask: 0x1\n")
    trees.write(root, f"{DEVICE}/ras/gpu_vram_bad_pages", "0x00000001 : 0x00001000 : R\n0x00000002 : 0x00001000 : P\n")
    seen = only_card(root)
    assert seen["memory_errors"] == {"gfx": {"ue": 0, "ce": 0}, "umc": {"ue": 1, "ce": 40}}
    assert seen["bad_pages"] == 2


def test_a_count_that_a_sleeping_card_made_up_is_none(root: Path) -> None:
    trees.write(root, f"{DEVICE}/ras/umc_err_count", "ue: 2097120\nce: 1048560\n")
    assert only_card(root)["memory_errors"] is None


def test_errors_of_all_links_on_the_way_are_added_up(root: Path) -> None:
    for folder, count in ((DEVICE, 3), (PORT, 4)):
        trees.write(root, f"{folder}/aer_dev_correctable", f"RxErr {count}\nBadTLP 0\nTOTAL_ERR_COR {count}\n")
        trees.write(root, f"{folder}/aer_dev_fatal", "Undefined 0\nTOTAL_ERR_FATAL 0\n")
    trees.write(root, f"{DEVICE}/aer_dev_nonfatal", "CmpltTO 1\nTOTAL_ERR_NONFATAL 1\n")
    assert only_card(root)["bus_errors"] == {"fatal": 0, "nonfatal": 1, "correctable": 7}


def test_a_card_that_sleeps_is_not_woken(root: Path) -> None:
    trees.write(root, f"{DEVICE}/power/runtime_status", "suspended\n")
    trees.write(root, f"{DEVICE}/ras/umc_err_count", "ue: 1\nce: 0\n")
    trees.write(root, f"{DEVICE}/ras/gpu_vram_bad_pages", "0x00000001 : 0x00001000 : R\n")
    seen = only_card(root)
    unread = ("temperatures", "performance_level", "memory_errors", "bad_pages")
    assert seen["asleep"] is True
    assert {seen[name] for name in unread} == {None}


def test_a_simulated_card_says_so(root: Path) -> None:
    trees.write(root, SIMULATED_FILE, '{"sysroot": "/sim"}')
    trees.add_card(root / "sim", "rx580", "0000:09:00.0")
    assert [(card["pci"], card["simulated"]) for card in health.look_health(Host(str(root)))["cards"]] == [
        ("0000:09:00.0", True)
    ]


def records(*lines: str, first: int = 0, apart: float = 10.0) -> str:
    """As /dev/kmsg gives them, one after the other."""
    return "".join(
        f"6,{first + n},{int((first + n) * apart * 1e6)},-;{line}\n SUBSYSTEM=pci\n" for n, line in enumerate(lines)
    )


def test_the_log_is_read_since_boot(root: Path) -> None:
    line = "amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 timeout, signaled seq=57638, emitted seq=57641"
    trees.write(root, "/dev/kmsg", records("Linux version 6.12.48", line))
    assert health.look_health(Host(str(root)))["log"] == {
        "since_s": 0.0,
        "events": [{"kind": "hang", "pci": [CARD], "count": 1, "first_s": 10.0, "last_s": 10.0, "text": line}],
    }


def test_the_log_of_the_machine_below_a_container_is_not_this_host_s(root: Path) -> None:
    trees.write(root, "/.dockerenv", "")
    assert "this host is a container" in health.look_health(Host(str(root)))["log"]["error"]


class Closed(Host):
    """A host whose log only root may read, or that has none."""

    error: OSError = PermissionError(13, "Permission denied")

    def kernel_log(self, since_cleared: bool = False) -> str:
        raise self.error


def test_a_log_that_cannot_be_read_says_why(root: Path) -> None:
    host = Closed(str(root))
    assert health.look_health(host)["log"] == {"error": "only root may read the kernel's log"}
    host.error = FileNotFoundError(2, "No such file or directory")
    assert health.look_health(host)["log"] == {"error": "/dev/kmsg: No such file or directory"}


def test_of_a_log_that_was_cleared_the_rest_is_read(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    asked: list[bool] = []

    def kernel_log(self: Host, since_cleared: bool = False) -> str:
        asked.append(since_cleared)
        return ""

    monkeypatch.setattr(Host, "kernel_log", kernel_log)
    assert health.look_health(Host(str(root)))["log"] == {"since_s": 0.0, "events": []}
    assert asked == [True]


#: In the forms of drivers of many years; the devices are made up.
TROUBLES = [
    ("hang", "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx timeout, signaled seq=3, emitted seq=5"),
    ("hang", "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.0.0 timeout, but soft recovered"),
    ("hang", "amdgpu 0000:28:00.0: ring gfx_0.0.0 timeout, signaled seq=57638, emitted seq=57641"),
    ("hang", "amdgpu 0000:28:00.0: Ring gfx_0.0.0 reset failed"),
    ("hang", "amdgpu: qcm fence wait loop timeout expired"),
    ("hang", "amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption"),
    ("hang", "amdgpu 0000:c5:00.0: amdgpu: MES failed to respond to msg=REMOVE_QUEUE"),
    ("hang", "amdgpu 0000:c5:00.0: amdgpu: MES(0) failed to respond to msg=SUSPEND"),
    ("hang", "[drm:mes_v11_0_submit_pkt_and_poll_completion [amdgpu]] *ERROR* MES failed to response msg=14"),
    ("hang", "amdgpu 0000:c5:00.0: amdgpu: MES might be in unrecoverable state, issue a GPU reset"),
    ("hang", "amdgpu 0000:c5:00.0: amdgpu: MES ring buffer is full."),
    ("reset", "amdgpu 0000:28:00.0: GPU reset begin!. Source:  1"),
    ("reset", "amdgpu 0000:0d:00.0: amdgpu: GPU reset begin!"),
    ("reset", "amdgpu 0000:0d:00.0: GPU reset(1) succeeded!"),
    ("reset", "amdgpu 0000:0d:00.0: amdgpu: GPU reset(2) failed"),
    ("reset", "amdgpu 0000:0d:00.0: amdgpu: GPU reset end with ret = -62"),
    ("reset", "amdgpu 0000:0d:00.0: amdgpu: GPU Recovery Failed: -19"),
    ("fault", "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:32 vmid:0 pasid:0)"),
    (
        "fault",
        "amdgpu 0000:03:00.0: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process x pid 7 )",
    ),
    ("fault", "amdgpu 0000:03:00.0: [mmhub1] retry page fault (src_id:0 ring:0 vmid:5 pasid:32772)"),
    ("fault", "amdgpu 0000:03:00.0: amdgpu: GPU fault detected: 147 0x0c604c02 for process x pid 9"),
    ("memory", "amdgpu 0000:c1:00.0: amdgpu: 2 uncorrectable hardware errors detected in umc block"),
    ("memory", "amdgpu 0000:c1:00.0: amdgpu: socket: 0, die: 1, 1 new uncorrectable hardware errors detected in gfx block"),
    ("memory", "amdgpu 0000:83:00.0: uncorrectable hardware error(ERREVENT_ATHUB_INTERRUPT) detected!"),
    ("heat", "amdgpu 0000:03:00.0: amdgpu: ERROR: GPU over temperature range(SW CTF) detected!"),
    ("heat", "amdgpu: [powerplay] GPU over temperature range detected on PCIe 3:0.0!"),
    ("heat", "amdgpu 0000:03:00.0: amdgpu: ERROR: GPU HW Critical Temperature Fault(aka CTF) detected!"),
    ("heat", "amdgpu 0000:03:00.0: amdgpu: ERROR: System is going to shutdown due to GPU HW CTF!"),
    ("bus", "amdgpu 0000:03:00.0: amdgpu: device lost from bus!"),
    ("bus", "amdgpu 0000:03:00.0: amdgpu: SMU: I'm not done with your previous command: response:0xFFFFFFFF"),
    ("bus", "pcieport 0000:00:01.1: AER: Uncorrectable (Fatal) error message received from 0000:03:00.0"),
    ("bus", "pcieport 0000:00:01.1: AER: Multiple Uncorrected (Non-Fatal) error received: 0000:03:00.0"),
    ("bus", "amdgpu 0000:03:00.0: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Receiver ID)"),
    ("start", "amdgpu 0000:03:00.0: amdgpu: Fatal error during GPU init"),
    ("start", "[drm:amdgpu_device_ip_init [amdgpu]] *ERROR* hw_init of IP block <psp> failed -22"),
]


@pytest.mark.parametrize(("kind", "line"), TROUBLES)
def test_a_trouble_is_known_by_the_driver_s_words(kind: str, line: str) -> None:
    [event] = gpu_log.parse(records(line))["events"]
    assert (event["kind"], event["text"]) == (kind, line)
    assert event["pci"] == gpu_log.PCI.findall(line)


HARMLESS = [
    "amdgpu 0000:03:00.0: amdgpu: 3 correctable hardware errors detected in umc block, no user action is needed.",
    "amdgpu 0000:c1:00.0: amdgpu: socket: 4, die: 0 1 correctable hardware errors detected in total in gfx block",
    "amdgpu 0000:0b:00.0: amdgpu: 1048560 uncorrectable hardware errors detected in umc block",
    "amdgpu 0000:0b:00.0: amdgpu: 3145680 uncorrectable hardware errors detected in umc block",
    "amdgpu 0000:0d:00.0: ring jpeg_dec uses VM inv eng 8 on hub 8",
    "[drm] Initialized amdgpu 3.57.0 20150101 for 0000:03:00.0 on minor 0",
    "amdgpu 0000:03:00.0: amdgpu: GPU mode1 reset",
    "amdgpu 0000:03:00.0: amdgpu: BACO reset",
    "amdgpu 0000:03:00.0: amdgpu: MEM ECC is active.",
    "pcieport 0000:00:01.1: AER: Corrected error received: 0000:03:00.0",
    "amdgpu 0000:03:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
    "nvidia 0000:09:00.0: ring gfx timeout",
    "plasmashell[2196]: GPU reset begin!",
    "nvme nvme0: I/O 0 QID 2 timeout, aborting",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_normal_or_of_others_is_no_trouble(line: str) -> None:
    assert gpu_log.parse(records(line))["events"] == []


def test_many_lines_are_one_event() -> None:
    line = "amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 timeout, signaled seq={}"
    text = records(*(line.format(n) for n in range(3)), "amdgpu 0000:83:00.0: amdgpu: ring gfx_0.0.0 timeout")
    first, second = gpu_log.parse(text)["events"]
    assert (first["count"], first["first_s"], first["last_s"], first["text"]) == (3, 0.0, 20.0, line.format(0))
    assert (second["count"], second["pci"]) == (1, ["0000:83:00.0"])


def test_where_the_oldest_lines_are_lost_the_log_begins_later() -> None:
    assert gpu_log.parse(records("x", "y", first=7))["since_s"] == 70.0
    assert gpu_log.parse(records("x", "y", apart=3.0))["since_s"] == 0.0
    assert gpu_log.parse("no record\n") == {"since_s": 0.0, "events": []}
