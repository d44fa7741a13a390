"""How fast a device is: arithmetic in each format, its memory, transfers to and from the host, launches.

Timed by the device's own clock (events), after a warm-up; a rate is the median of its samples, with their spread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import data, gemm, sensors

Seen = dict[str, Any]

#: The side at which products fill a GPU; RVS measures with 4096 to 8640.
SIDE, CPU_SIDE = 8192, 512
#: One sample is to last about this long: short beside a change of clocks, long beside a launch.
SAMPLE_SECONDS = 0.02
LEAST_SAMPLES, MOST_SAMPLES = 5, 60
#: Larger than any cache of today: an MI300X has 256 MiB of it.
COPY_BYTES, CPU_COPY_BYTES = 1 << 30, 64 << 20
TRANSFER_BYTES, CPU_TRANSFER_BYTES = 256 << 20, 16 << 20
LAUNCHES = 1000


def sampled(device: Any, work: Callable[[], Any], seconds: float) -> tuple[list[float], int]:
    """Seconds that ``work`` took, sample by sample, and how many times one sample ran it."""
    work()
    device.synchronize()
    once = max(device.time(work), 1e-7)
    times = max(1, round(SAMPLE_SECONDS / once))
    # Clocks rise under load: a tenth of the time goes to warming up.
    warm = time.monotonic() + seconds / 10
    while time.monotonic() < warm:
        device.time(work, times)
    samples: list[float] = []
    end = time.monotonic() + seconds
    while len(samples) < LEAST_SAMPLES or (time.monotonic() < end and len(samples) < MOST_SAMPLES):
        samples.append(device.time(work, times))
    return samples, times


def size_of(tensor: Any) -> int:
    """Bytes of a tensor; older torch has no ``nbytes``."""
    return int(tensor.numel() * tensor.element_size())


def rated(amount: float, unit: str, samples: list[float], **more: Any) -> Seen:
    """``amount`` over each sample; the spread is what lies between the tenth and the ninetieth percentile."""
    rates = sorted(amount / one for one in samples)
    tenth = len(rates) // 10
    low, high = rates[tenth], rates[-1 - tenth]
    return {"value": statistics.median(rates), "unit": unit, "low": low, "high": high, "samples": len(rates), **more}


def product(torch: Any, device: Any, dtype: str, seconds: float) -> Seen:
    """Square products, in TFLOP/s (10^12 multiplications and additions a second)."""
    width = 8 if dtype == "float64" else 4
    n = CPU_SIDE if device.kind == "cpu" else SIDE
    while 3 * width * n * n > device.free_bytes() * 0.8:
        n //= 2
    multiply = gemm.multiplier(torch, dtype, device.name)
    # A slow format, such as float64 on a card for games, is timed on less.
    while n > 512 and device.kind == "gpu":
        a = factor(torch, dtype, n, device.name)
        multiply(a, a.t())
        if device.time(partial(multiply, a, a.t())) < seconds / 10:
            break
        n //= 2
    a = factor(torch, dtype, n, device.name)
    pci = device.describe().get("pci")
    before = sensors.read(pci)
    # B by columns, as in a layer's x @ w.t(), and as RVS has it.
    samples, _ = sampled(device, partial(multiply, a, a.t()), seconds)
    return rated(2.0 * n**3 / 1e12, "TFLOP/s", samples, side=n, before=before, after=sensors.read(pci))


def factor(torch: Any, dtype: str, n: int, device: str) -> Any:
    """Random numbers: zeros draw less power, and clocks rise."""
    block = data.normal(torch, 512, n).clamp(-4, 4)
    block = (block * 30 if dtype == "int8" else block).to(getattr(torch, dtype)).to(device)
    return block.repeat(-(-n // 512), 1)[:n].contiguous()


def memory(torch: Any, device: Any, seconds: float) -> Seen:
    """A copy within the device's memory, in GB/s (10^9 bytes a second, those read and those written)."""
    size = CPU_COPY_BYTES if device.kind == "cpu" else min(COPY_BYTES, device.free_bytes() // 4)
    source, target = (torch.zeros(size // 4, dtype=torch.float32, device=device.name) for _ in range(2))
    samples, _ = sampled(device, lambda: target.copy_(source), seconds)
    return rated(2.0 * size_of(source) / 1e9, "GB/s", samples)


def transfer(torch: Any, device: Any, to_device: bool, seconds: float) -> Seen:
    """A copy between the host's pinned memory and the device, in GB/s."""
    size = CPU_TRANSFER_BYTES if device.kind == "cpu" else TRANSFER_BYTES
    here = torch.zeros(size // 4, dtype=torch.float32, pin_memory=device.kind == "gpu")
    there = torch.zeros(size // 4, dtype=torch.float32, device=device.name)
    source, target = (here, there) if to_device else (there, here)
    samples, _ = sampled(device, lambda: target.copy_(source, non_blocking=True), seconds)
    # Read at once: at rest the link sleeps at a lower rate.
    return rated(size_of(here) / 1e9, "GB/s", samples, link=sensors.link(device.describe().get("pci")))


def link(torch: Any, device: Any, seconds: float) -> Seen:
    """The narrowest link to the host while it is at work, as the fastest that was seen: at rest links sleep."""
    pci, found = device.describe().get("pci"), None
    here = torch.zeros(TRANSFER_BYTES // 16, dtype=torch.float32, pin_memory=True)
    there = torch.zeros_like(here, device=device.name)
    end = time.monotonic() + max(0.5, seconds)
    while time.monotonic() < end:
        there.copy_(here, non_blocking=True)
        now = sensors.link(pci)
        found = max(filter(None, (found, now)), key=lambda one: one["gb_s"], default=None)
        device.synchronize()
    return {"link": found}


def launch(torch: Any, device: Any, seconds: float) -> Seen:
    """Small kernels started one after the other, and one started and waited for; in launches a second, and microseconds."""
    small = torch.zeros(64, device=device.name)
    samples = []
    for _ in range(LEAST_SAMPLES):
        device.synchronize()
        began = time.perf_counter()
        for _ in range(LAUNCHES):
            small.add_(1)
        device.synchronize()
        samples.append((time.perf_counter() - began) / LAUNCHES)
    waits = []
    for _ in range(LAUNCHES // 10):
        began = time.perf_counter()
        small.add_(1)
        device.synchronize()
        waits.append(time.perf_counter() - began)
    wait = statistics.median(waits) * 1e6
    return rated(1.0, "launches/s", samples, microseconds=statistics.median(samples) * 1e6, waited_microseconds=wait)


def measures(torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """One rate for each format, one each for memory, both directions of transfer, and launches."""
    formats = device.describe()["formats"]
    share = seconds / (2 * (len(formats) + 4))
    for dtype in formats:
        yield f"gemm_{dtype}", partial(product, torch, device, dtype, share)
    yield "memory", partial(memory, torch, device, share)
    yield "to_device", partial(transfer, torch, device, True, share)
    yield "from_device", partial(transfer, torch, device, False, share)
    if device.kind == "gpu":
        yield "link", partial(link, torch, device, share)
    yield "launch", partial(launch, torch, device, share)
