"""The numbers that are computed with: the same on every host and device, made on the CPU from fixed seeds."""

from __future__ import annotations

from typing import Any

SEED = 20260101


def normal(torch: Any, *shape: int, seed: int = SEED) -> Any:
    """Standard normal float32 numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def whole(torch: Any, rows: int, columns: int, largest: int, seed: int = SEED) -> Any:
    """Whole numbers from ``-largest`` to ``largest``, as float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-largest, largest + 1, (rows, columns), generator=generator, dtype=torch.int16).double()


def signs(torch: Any, rows: int, columns: int, share: float, seed: int = SEED) -> Any:
    """-1, 0 and 1 as float64; ``share`` of them are not 0. No zero is negative: some formats of 8 bits have no such."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(rows, columns, generator=generator) < share
    return (torch.randint(0, 2, (rows, columns), generator=generator, dtype=torch.int8) * 2 - 1).double() * kept + 0.0


def full_significand(torch: Any, rows: int, columns: int, bits: int, seed: int = SEED) -> Any:
    """float64 numbers whose significand needs all of ``bits`` bits: one bit less, and the last is lost."""
    generator = torch.Generator().manual_seed(seed)
    low, high = 2 ** (bits - 1), 2**bits
    odd = torch.randint(low // 2, high // 2, (rows, columns), generator=generator, dtype=torch.int64) * 2 + 1
    sign = torch.randint(0, 2, (rows, columns), generator=generator, dtype=torch.int64) * 2 - 1
    return (odd * sign).to(torch.float64) / low
