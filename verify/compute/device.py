"""A device that torch computes on: what it is, how much memory is free, and how its work is timed.

The only place where a GPU and a CPU differ. CUDA and ROCm builds share ``torch.cuda``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Formats besides float64, float32, float16 and bfloat16 that a GPU has units for: by the beginning of its gfx target.
#: Source: LLVM AMDGPUUsage (MFMA and WMMA instructions per target).
AMD_FORMATS = {
    "gfx90a": ("int8",),
    "gfx94": ("int8", "float8_e4m3fnuz"),
    "gfx95": ("int8", "float8_e4m3fn"),
    "gfx11": ("int8",),
    "gfx12": ("int8", "float8_e4m3fn"),
}
#: The same by compute capability: CUDA C++ Programming Guide, "Compute Capabilities".
CUDA_FORMATS = (((8, 9), ("int8", "float8_e4m3fn")), ((8, 0), ("int8",)))

FLOATS = ("float64", "float32", "float16", "bfloat16")


class Cpu:
    """The processors of this host. Proves correctness; its rates say nothing about a GPU."""

    kind = "cpu"

    def __init__(self, torch: Any, name: str = "cpu") -> None:
        self.torch, self.name = torch, name

    def describe(self) -> dict[str, Any]:
        """What a result says about the device."""
        formats = [*FLOATS, *(["int8"] if hasattr(self.torch, "_int_mm") else [])]
        return {"kind": "cpu", "name": "CPU", "formats": formats, "threads": self.torch.get_num_threads()}

    def synchronize(self) -> None:
        """Nothing is under way: a CPU computes at once."""

    def time(self, work: Callable[[], Any], times: int = 1) -> float:
        """Seconds that ``work`` takes, ``times`` in a row, for one."""
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times

    def free_bytes(self) -> int:
        """Memory that can be used now: a small, stated part of what the host has."""
        return min(available_memory() // 4, 2 << 30)

    def total_bytes(self) -> int:
        """As :meth:`free_bytes`: nothing more is to be tested."""
        return self.free_bytes()

    def allocated_bytes(self) -> int | None:
        """``None``: torch does not count what it holds on a CPU."""
        return None

    def release(self) -> None:
        """Nothing is cached."""

    def reaches(self, name: str) -> bool:
        """Whether it copies into another device's memory without a detour."""
        return True


class Gpu:
    """One GPU, ``cuda:N``."""

    kind = "gpu"

    def __init__(self, torch: Any, name: str) -> None:
        self.torch, self.name = torch, name
        self.index = int(name.partition(":")[2])
        torch.cuda.set_device(self.index)
        self.properties = torch.cuda.get_device_properties(self.index)

    def describe(self) -> dict[str, Any]:
        """What a result says about the device. ``pci`` is ``None`` where this torch does not tell."""
        target = getattr(self.properties, "gcnArchName", "").partition(":")[0] or None
        return {
            "kind": "gpu",
            "name": self.properties.name,
            "gfx": target,
            "pci": self.pci(),
            "memory_bytes": self.properties.total_memory,
            "formats": [*FLOATS, *self.narrow(target)],
            "integrated": bool(getattr(self.properties, "is_integrated", False)),
        }

    def pci(self) -> str | None:
        """The address on the bus, ``0000:03:00.0``."""
        parts = [getattr(self.properties, f"pci_{name}_id", None) for name in ("domain", "bus", "device")]
        if None in parts:
            return None
        domain, bus, number = (int(part or 0) for part in parts)
        return f"{domain:04x}:{bus:02x}:{number:02x}.0"

    def narrow(self, target: str | None) -> tuple[str, ...]:
        """The formats of 8 bits that it has units for."""
        if target:
            return next((formats for begin, formats in AMD_FORMATS.items() if target.startswith(begin)), ())
        capability = tuple(self.torch.cuda.get_device_capability(self.index))
        return next((formats for least, formats in CUDA_FORMATS if capability >= least), ())

    def synchronize(self) -> None:
        """All work is done."""
        self.torch.cuda.synchronize(self.index)

    def time(self, work: Callable[[], Any], times: int = 1) -> float:
        """Seconds by the device's own clock that ``work`` takes, ``times`` in a row, for one."""
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(times):
            work()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / times

    def free_bytes(self) -> int:
        """Memory that can be used now. An integrated GPU shares it with the host, which needs its own."""
        free = int(self.torch.cuda.mem_get_info(self.index)[0])
        if getattr(self.properties, "is_integrated", False):
            return min(free, available_memory() // 2)
        return free

    def total_bytes(self) -> int:
        """All of its memory."""
        return int(self.torch.cuda.mem_get_info(self.index)[1])

    def allocated_bytes(self) -> int | None:
        """What torch holds in tensors."""
        return int(self.torch.cuda.memory_allocated(self.index))

    def release(self) -> None:
        """What torch keeps for later goes back to the driver."""
        self.torch.cuda.empty_cache()

    def reaches(self, name: str) -> bool:
        """Whether it copies into another device's memory without a detour."""
        return bool(self.torch.cuda.can_device_access_peer(self.index, int(name.partition(":")[2])))


def open_device(torch: Any, name: str) -> Cpu | Gpu:
    """The device of that name (``cpu``, ``cuda:0``).

    :raises RuntimeError: when torch does not see it.
    """
    if name.partition(":")[0] == "cpu":
        return Cpu(torch, name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(name.partition(":")[2]) >= count:
        raise RuntimeError(f"{name} is not there: torch sees {count} GPUs")
    return Gpu(torch, name)


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Bytes that programs can still get; 1 GiB where the kernel does not tell."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return 1 << 30
