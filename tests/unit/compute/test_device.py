"""What a device says of itself, and how its work is timed; torch.cuda is a few fakes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verify.compute import device
from verify.compute.device import Cpu, Gpu, available_memory, open_device


class Event:
    """Counts what was started between two of its kind: a millisecond each."""

    done = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at = -1

    def record(self) -> None:
        self.at = Event.done

    def synchronize(self) -> None:
        assert self.at >= 0

    def elapsed_time(self, other: Event) -> float:
        return float(other.at - self.at)


def torch(count: int = 1, available: bool = True, **properties: Any) -> Any:
    """A torch with GPUs of these properties."""
    known = {"name": "AMD Radeon RX 6600", "total_memory": 8 << 30, "gcnArchName": "gfx1032:xnack-", **properties}
    shown = SimpleNamespace(**{name: value for name, value in known.items() if value is not None})
    cuda = SimpleNamespace(
        is_available=lambda: available,
        device_count=lambda: count,
        set_device=lambda index: None,
        get_device_properties=lambda index: shown,
        get_device_capability=lambda index: properties.get("capability", (9, 0)),
        mem_get_info=lambda index: (6 << 30, 8 << 30),
        memory_allocated=lambda index: 123,
        synchronize=lambda index: None,
        empty_cache=lambda: None,
        can_device_access_peer=lambda one, other: (one, other) == (0, 1),
        Event=Event,
    )
    return SimpleNamespace(cuda=cuda, get_num_threads=lambda: 4, _int_mm=None)


FORMATS = [
    ({"gcnArchName": "gfx1032:xnack-"}, []),
    ({"gcnArchName": "gfx1100"}, ["int8"]),
    ({"gcnArchName": "gfx90a:sramecc+:xnack-"}, ["int8"]),
    ({"gcnArchName": "gfx908"}, []),
    ({"gcnArchName": "gfx942:sramecc+"}, ["int8", "float8_e4m3fnuz"]),
    ({"gcnArchName": "gfx950"}, ["int8", "float8_e4m3fn"]),
    ({"gcnArchName": "gfx1201"}, ["int8", "float8_e4m3fn"]),
    ({"gcnArchName": None, "capability": (9, 0)}, ["int8", "float8_e4m3fn"]),
    ({"gcnArchName": None, "capability": (8, 9)}, ["int8", "float8_e4m3fn"]),
    ({"gcnArchName": None, "capability": (8, 6)}, ["int8"]),
    ({"gcnArchName": None, "capability": (7, 5)}, []),
]


@pytest.mark.parametrize(("properties", "narrow"), FORMATS)
def test_a_gpu_has_the_formats_of_its_target(properties: dict[str, Any], narrow: list[str]) -> None:
    said = Gpu(torch(**properties), "cuda:0").describe()
    assert said["formats"] == [*device.FLOATS, *narrow]


def test_a_gpu_is_known_by_name_target_and_address() -> None:
    bus: dict[str, Any] = {"pci_domain_id": 0, "pci_bus_id": 0x83, "pci_device_id": 0}
    said = Gpu(torch(**bus), "cuda:0").describe()
    assert (said["kind"], said["name"], said["gfx"], said["pci"]) == ("gpu", "AMD Radeon RX 6600", "gfx1032", "0000:83:00.0")
    assert Gpu(torch(), "cuda:0").describe()["pci"] is None
    assert Gpu(torch(gcnArchName=None), "cuda:0").describe()["gfx"] is None


def test_a_gpu_s_own_clock_times_its_work() -> None:
    def work() -> None:
        Event.done += 3

    assert Gpu(torch(), "cuda:0").time(work) == 0.003
    assert Gpu(torch(), "cuda:0").time(work, 4) == 0.003


def test_a_cpu_s_work_is_timed_for_one_of_many() -> None:
    ran: list[int] = []
    assert 0 <= Cpu(torch()).time(lambda: ran.append(1), 5) < 0.1
    assert len(ran) == 5


def test_the_free_memory_of_a_card_is_all_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "available_memory", lambda: 4 << 30)
    assert Gpu(torch(), "cuda:0").free_bytes() == 6 << 30
    assert Gpu(torch(is_integrated=1), "cuda:0").free_bytes() == 2 << 30
    assert Gpu(torch(), "cuda:0").total_bytes() == 8 << 30
    assert Cpu(torch()).free_bytes() == Cpu(torch()).total_bytes() == 1 << 30


def test_a_cpu_does_not_count_what_it_holds() -> None:
    assert Cpu(torch()).allocated_bytes() is None
    assert Gpu(torch(), "cuda:0").allocated_bytes() == 123


def test_who_reaches_whom_is_asked_of_torch() -> None:
    assert Gpu(torch(), "cuda:0").reaches("cuda:1")
    assert not Gpu(torch(2), "cuda:1").reaches("cuda:0")
    assert Cpu(torch()).reaches("cpu:1")


def test_only_a_cpu_whose_torch_can_multiplies_eight_bits() -> None:
    assert Cpu(torch()).describe()["formats"] == [*device.FLOATS, "int8"]
    assert Cpu(SimpleNamespace(get_num_threads=lambda: 1)).describe()["formats"] == list(device.FLOATS)


def test_a_device_that_torch_does_not_see_is_not_opened() -> None:
    assert open_device(torch(2), "cuda:1").name == "cuda:1"
    assert open_device(torch(), "cpu").kind == "cpu"
    assert open_device(torch(), "cpu:1").name == "cpu:1"
    with pytest.raises(RuntimeError, match="cuda:1 is not there: torch sees 1 GPUs"):
        open_device(torch(), "cuda:1")
    with pytest.raises(RuntimeError, match="cuda:0 is not there: torch sees 0 GPUs"):
        open_device(torch(available=False), "cuda:0")


@pytest.mark.parametrize(
    ("text", "size"),
    [("MemTotal: 9 kB\nMemAvailable:    2048 kB\n", 2 << 20), ("MemTotal: 9 kB\n", 1 << 30), (None, 1 << 30)],
)
def test_what_programs_can_still_get_is_read_from_the_kernel(text: str | None, size: int, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    assert available_memory(tmp_path / "meminfo") == size
