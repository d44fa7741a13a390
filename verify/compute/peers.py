"""Several devices at once: copies from one to each other, and all-reduce. One process for each device, a rank.

The ranks find each other by ``GPUHOST_RANK``, ``GPUHOST_RANKS`` (their devices, in order) and ``GPUHOST_RENDEZVOUS``, a
file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from . import rate

Seen = dict[str, Any]

#: What a collective may take before torch itself gives up; the runner's limit comes later.
TIMEOUT = timedelta(seconds=45)
BYTES, CPU_BYTES = 256 << 20, 4 << 20
ROUNDS = 10
#: Whole numbers that stay exact in float32 however many ranks add theirs.
PERIOD = 251


class Ranks:
    """The processes of this run."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.names = os.environ["GPUHOST_RANKS"].split(",")
        self.rank = int(os.environ["GPUHOST_RANK"])
        self.rendezvous = f"file://{os.environ['GPUHOST_RENDEZVOUS']}"

    @property
    def backend(self) -> str:
        """RCCL answers to the name nccl."""
        return "gloo" if self.device.kind == "cpu" else "nccl"


def numbers(torch: Any, device: Any, rank: int) -> Any:
    """What a rank brings: the same whole numbers as every other, and its own number more."""
    count = (CPU_BYTES if device.kind == "cpu" else BYTES) // 4
    return (torch.arange(count, device=device.name) % PERIOD + rank).to(torch.float32)


def all_reduce(torch: Any, ranks: Ranks) -> Seen:
    """Every element of the sum over the ranks, and the bandwidth of the bus while it is made.

    Bus bandwidth is 2 (n - 1) / n of the bytes over the time: nccl-tests, doc/PERFORMANCE.md.
    """
    distributed, device, count = torch.distributed, ranks.device, len(ranks.names)
    distributed.init_process_group(
        ranks.backend, init_method=ranks.rendezvous, rank=ranks.rank, world_size=count, timeout=TIMEOUT
    )
    try:
        own = numbers(torch, device, ranks.rank)
        found = own.clone()
        distributed.all_reduce(found)
        wanted = (own - ranks.rank) * count + count * (count - 1) / 2
        wrong = int((found != wanted).sum())
        work = own.clone()
        distributed.barrier()
        samples = [device.time(lambda: distributed.all_reduce(work)) for _ in range(ROUNDS)]
        moved = rate.size_of(own) * 2 * (count - 1) / count
        return {**rate.rated(moved / 1e9, "GB/s", samples), "wrong": wrong, "of": len(own), "ranks": count}
    finally:
        distributed.destroy_process_group()


def copies(torch: Any, ranks: Ranks) -> Seen:
    """This device's numbers in every other one's memory, as that one compares them; the slowest pair's rate."""
    device, wrong, found = ranks.device, 0, []
    own = numbers(torch, device, ranks.rank)
    others = [name for name in ranks.names if name != device.name]
    for name in others:
        there = own.to(name)
        made = (torch.arange(len(own), device=name) % PERIOD + ranks.rank).to(torch.float32)
        wrong += int((there != made).sum())
        samples = [device.time(partial(there.copy_, own)) for _ in range(ROUNDS)]
        found.append({**rate.rated(rate.size_of(own) / 1e9, "GB/s", samples), "to": name, "direct": device.reaches(name)})
    return {**min(found, key=lambda one: one["value"]), "wrong": wrong, "of": len(own) * len(others)}


def measures(torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """All-reduce first: the ranks have begun together."""
    for name, work in (("all_reduce", all_reduce), ("copies", copies)):
        yield name, partial(_ranked, work, torch, device)


def _ranked(work: Callable[[Any, Ranks], Seen], torch: Any, device: Any) -> Seen:
    return work(torch, Ranks(device))
