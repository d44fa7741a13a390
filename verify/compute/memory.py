"""All free memory of a device, filled with patterns and read back; and whether what was given back really is free.

Patterns: each cell its own address (finds wires between addresses), one bit walking through ones and zeros (wires between
bits, and bits that stick), and numbers of a counter-based generator (cells that depend on their neighbours' contents).
A cell is 8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Seen = dict[str, Any]

CELL = 8
#: Memory is held in chunks and worked on in slices: what a pattern needs besides is a few slices.
CHUNK_CELLS = 1 << 25
SLICE_CELLS = 1 << 22
#: Left free for the slices, the driver and whatever draws on a screen.
RESERVE = 768 << 20
#: What is filled where the host's own memory is all there is.
CPU_BYTES = 64 << 20

WORD = 1 << 64
#: splitmix64: G. Steele, D. Lea, C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

#: Rounds of the leak check, and what each takes.
ROUNDS, ROUND_BYTES = 40, 32 << 20


def signed(word: int) -> int:
    """64 bits as torch's int64 holds them."""
    word %= WORD
    return word - WORD if word >= WORD // 2 else word


def address(cell: Any) -> Any:
    """A cell's own number in the lower 36 bits (enough for 512 GiB), and its complement above."""
    return cell | (~cell << 36)


def walking_one(cell: Any) -> Any:
    """One bit set, the next one in the next cell."""
    return 1 << (cell & 63)


def walking_zero(cell: Any) -> Any:
    """One bit not set, the next one in the next cell."""
    return ~walking_one(cell)


def _shifted(value: Any, bits: int) -> Any:
    """A shift to the right that brings zeros in, of a signed number."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def random_words(cell: Any) -> Any:
    """splitmix64 of the cell's number; products wrap in torch's int64 as they should."""
    value = (cell + 1) * signed(GOLDEN)
    value = (value ^ _shifted(value, 30)) * signed(FIRST)
    value = (value ^ _shifted(value, 27)) * signed(SECOND)
    return value ^ _shifted(value, 31)


PATTERNS: dict[str, Callable[[Any], Any]] = {
    "address": address,
    "walking_ones": walking_one,
    "walking_zeros": walking_zero,
    "random_words": random_words,
}


def in_python(pattern: Callable[[Any], Any], cell: int) -> int:
    """A pattern's word by Python's own arithmetic, which a faulty device has no part in."""
    if pattern is not random_words:
        return signed(pattern(cell))
    value = (cell + 1) * GOLDEN % WORD
    value = (value ^ value >> 30) * FIRST % WORD
    value = (value ^ value >> 27) * SECOND % WORD
    return signed(value ^ value >> 31)


class Memory:
    """What is free of a device's memory, held in chunks."""

    def __init__(self, torch: Any, device: Any) -> None:
        self.torch, self.device = torch, device
        self.chunks: list[Any] = []

    def fill(self) -> Seen:
        """Take all that is free but the reserve; on a CPU a small, stated amount."""
        total = self.device.total_bytes()
        wanted = CPU_BYTES if self.device.kind == "cpu" else max(0, self.device.free_bytes() - RESERVE)
        left = wanted // CELL
        while left > 0:
            try:
                chunk = self.torch.empty(min(left, CHUNK_CELLS), dtype=self.torch.int64, device=self.device.name)
            except RuntimeError:  # torch.OutOfMemoryError is one: somebody else took it meanwhile
                break
            self.chunks.append(chunk)
            left -= len(chunk)
        return {"bytes": sum(map(len, self.chunks)) * CELL, "wanted_bytes": wanted, "total_bytes": total}

    def slices(self) -> Iterator[tuple[int, Any]]:
        """The number of the first cell, and the cells."""
        first = 0
        for chunk in self.chunks:
            for begin in range(0, len(chunk), SLICE_CELLS):
                yield first + begin, chunk[begin : begin + SLICE_CELLS]
            first += len(chunk)

    def numbers(self, first: int, cells: Any) -> Any:
        """The numbers of these cells."""
        return self.torch.arange(first, first + len(cells), dtype=self.torch.int64, device=self.device.name)

    def test(self, pattern: Callable[[Any], Any]) -> Seen:
        """Write a pattern into every cell, then read every cell: all of the memory holds it at one time."""
        for first, cells in self.slices():
            cells.copy_(pattern(self.numbers(first, cells)))
        self.device.synchronize()
        seen: Seen = {"bytes": 0, "wrong": 0, "wrong_on_host": 0}
        for first, cells in self.slices():
            seen["bytes"] += len(cells) * CELL
            wrong = cells ^ pattern(self.numbers(first, cells))
            count = int(self.torch.count_nonzero(wrong))
            if count and "first_cell" not in seen:
                at = int(wrong.nonzero()[0])
                seen.update(first_cell=first + at, bits=f"{int(wrong[at]) % WORD:016x}")
            seen["wrong"] += count
            # What the device says of itself is checked where it is cheap.
            for at in (0, len(cells) // 2, len(cells) - 1):
                seen["wrong_on_host"] += int(cells[at]) != in_python(pattern, first + at)
        return seen

    def give_back(self) -> None:
        """Nothing is held."""
        self.chunks.clear()
        self.device.release()


def leak(torch: Any, device: Any, memory: Memory) -> Seen:
    """Free memory before and after many rounds of taking and giving back, in bytes."""
    memory.give_back()

    def one() -> None:
        held = torch.empty(ROUND_BYTES // 4, dtype=torch.float32, device=device.name)
        side = int(len(held) ** 0.5)
        (held[: side * side].view(side, side)[:512, :512] @ held[: 512 * 512].view(512, 512)).sum().item()

    one()  # Libraries keep a workspace from their first use on.
    device.release()
    held, lost = device.allocated_bytes() or 0, []
    for _ in range(2):
        before = device.free_bytes()
        for _ in range(ROUNDS):
            one()
        device.release()
        lost.append(before - device.free_bytes())
    # What is lost in one batch alone, somebody else took.
    return {"held_bytes": (device.allocated_bytes() or 0) - held, "lost_bytes": min(lost), "rounds": ROUNDS}


def measures(torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """The filling, the patterns, and on a GPU leaks: a host's free memory changes for many reasons."""
    memory = Memory(torch, device)
    yield "filled", memory.fill
    for name, pattern in PATTERNS.items():
        yield name, partial(memory.test, pattern)
    if device.kind == "gpu":
        yield "leak", partial(leak, torch, device, memory)
