"""Matrix products: every element of one of whole numbers, samples of others against float64, and how wide the sums are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import bounds, data

#: The seed case is a float32 product of 20 000 x 20 000; other formats are tested as far as they pay.
SIDE = {"float32": 20000}
OTHER_SIDE = 8192
#: The processors are not what is to be proven.
CPU_SIDE = 2048
#: Everything narrow has tiles of 16.
TILE = 16

BLOCK_ROWS = 512
#: Each block of rows is the first one, this many columns further on: no two are the same, and numbers are made once.
STEP = 67
#: Standard deviations of an element that its format must hold: 10^-15 of all elements lie beyond 8.
DEVIATIONS = 8

Seen = dict[str, Any]
Multiply = Callable[[Any, Any], Any]


def multiplier(torch: Any, dtype: str, device: str) -> Multiply:
    """``A @ B`` for factors of a format; kernels for float8 want ``B`` by columns, and get it so."""
    if dtype == "int8":
        return lambda a, b: torch._int_mm(a, b)
    if dtype in bounds.RESULT:
        return lambda a, b: _scaled(torch, a, b, torch.ones((), device=device))
    return lambda a, b: a @ b


def _scaled(torch: Any, a: Any, b: Any, one: Any) -> Any:
    columns = b if b.stride(0) == 1 else b.t().contiguous().t()
    found = torch._scaled_mm(a, columns, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    # torch 2.4 and older also return the largest magnitude.
    return found[0] if isinstance(found, tuple) else found


def side(torch: Any, device: Any, dtype: str, seconds: float) -> tuple[int, str | None]:
    """The side of the largest square product that memory and ``seconds`` allow, and what made it smaller than wanted."""
    wanted, multiply = SIDE.get(dtype, OTHER_SIDE), multiplier(torch, dtype, device.name)
    width = 8 if dtype == "float64" else 4
    fits = math.isqrt(int(device.free_bytes() * 0.8) // (3 * width))
    small = 2048 if device.kind == "gpu" else 256
    a = data.signs(torch, small, small, 0.5).to(getattr(torch, dtype)).to(device.name)
    multiply(a, a)
    # The smallest of three: a first one may still load kernels.
    rate = 2 * small**3 / max(min(device.time(lambda: multiply(a, a)) for _ in range(3)), 1e-6)
    quick = int((seconds * rate / 2) ** (1 / 3))
    if device.kind == "cpu":
        quick = min(quick, CPU_SIDE)
    smallest = min(wanted, fits, quick)
    limit = None if smallest == wanted else "memory" if smallest == fits else "time"
    return max(TILE, smallest // TILE * TILE), limit


def exact(torch: Any, device: Any, dtype: str, seconds: float) -> Seen:
    """A product of whole numbers, which has no rounding in any order of summation: not one element may differ.



    All of them are checked, by R. Freivalds' method (Probabilistic machines can use less running time, IFIP 1977), here
    without rounding: ``C x = A (B x)`` in float64, whose sums stay below 2^53. One wrong element in a row cannot hide, since
    no element of x is 0.
    """
    n, limit = side(torch, device, dtype, seconds)
    factors = Factors(torch, dtype, n)
    held = [factors.on(device.name, which) for which in (0, 1)]
    x = data.whole(torch, n, 1, 127, seed=n) + 128
    expected = factors.times(0, factors.times(1, x))
    product = multiplier(torch, dtype, device.name)(*held)
    device.synchronize()
    seen: dict[str, Any] = {"side": n, "elements": n * n, "limited_by": limit, "wrong_rows": 0}
    first = None
    for begin in range(0, n, BLOCK_ROWS):
        residue = product[begin : begin + BLOCK_ROWS].cpu().double() @ x - expected[begin : begin + BLOCK_ROWS]
        wrong = (residue != 0).flatten().nonzero().flatten()
        seen["wrong_rows"] += len(wrong)
        if first is None and len(wrong):
            first = begin + int(wrong[0])
    return seen if first is None else {**seen, **_first(torch, factors, product, first)}


class Factors:
    """A and B of a product of whole numbers, ``n`` by ``n``, of which the host holds the first rows."""

    def __init__(self, torch: Any, dtype: str, n: int) -> None:
        self.torch, self.dtype, self.n = torch, dtype, n
        width = n + STEP * (n // BLOCK_ROWS + 1)
        largest = {"float64": 511, "float32": 7, "int8": 127}.get(dtype)
        if largest:
            self.base = [data.whole(torch, BLOCK_ROWS, width, largest, seed=data.SEED + which) for which in (0, 1)]
            return
        # The variance of an element is n * share^2: its format has to hold 8 deviations exactly.
        share = min(1.0, bounds.EXACT[bounds.RESULT.get(dtype, dtype)] / DEVIATIONS / math.sqrt(n))
        self.base = [data.signs(torch, BLOCK_ROWS, width, share, seed=data.SEED + which) for which in (0, 1)]

    def block(self, which: int, begin: int) -> Any:
        """A's (0) or B's (1) rows from ``begin`` on, a block of them."""
        offset = begin // BLOCK_ROWS * STEP
        return self.base[which][: min(BLOCK_ROWS, self.n - begin), offset : offset + self.n]

    def on(self, device: str, which: int) -> Any:
        """The whole matrix on a device."""
        matrix = self.torch.empty(self.n, self.n, dtype=getattr(self.torch, self.dtype), device=device)
        for begin in range(0, self.n, BLOCK_ROWS):
            matrix[begin : begin + BLOCK_ROWS].copy_(self.block(which, begin).to(matrix.dtype))
        return matrix

    def times(self, which: int, x: Any) -> Any:
        """The matrix times a vector of shape (n, 1)."""
        return self.torch.cat([self.block(which, begin) @ x for begin in range(0, self.n, BLOCK_ROWS)])

    def row(self, row: int) -> Any:
        """One row of the product, by another way than the device's."""
        left = self.block(0, row)[row % BLOCK_ROWS]
        parts = (left[at : at + BLOCK_ROWS] @ self.block(1, at) for at in range(0, self.n, BLOCK_ROWS))
        return sum(parts, self.torch.zeros(self.n, dtype=self.torch.float64))


def _first(torch: Any, factors: Factors, product: Any, row: int) -> Seen:
    """The first wrong element of a row: what it is, and what it should be."""
    seen, wanted = product[row].cpu().double(), factors.row(row)
    column = int((seen != wanted).nonzero()[0])
    found = {"row": row, "column": column, "should_be": float(wanted[column])}
    value = float(seen[column])
    return {**found, "is": value} if math.isfinite(value) else {**found, "not_finite": str(value)}


def shapes(device: Any, dtype: str) -> dict[str, tuple[int, int, int]]:
    """Rows, inner length, columns: square, skinny both ways, odd; multiples of 16 where the format's kernels want them."""
    large = 2048 if device.kind == "gpu" else 384
    if dtype in bounds.RESULT:
        return {
            "square": (large, large, large),
            "skinny": (large, 64, 16),
            "wide": (32, 4096, 48),
            "uneven": (272, 1040, 144),
        }
    if dtype == "float16" and device.kind == "cpu":
        large = 128  # torch computes it element by element there
    return {"square": (large, large, large), "skinny": (2 * large, 31, 17), "wide": (5, 4097, 7), "odd": (257, 1025, 129)}


def bound(torch: Any, device: Any, dtype: str) -> Seen:
    """The largest error over what rounding allows, of products of several shapes: rows and columns against float64."""
    worst: dict[str, Any] = {"error_ratio": 0.0, "shapes": {}}
    for name, (m, k, n) in shapes(device, dtype).items():
        ratio, at = _ratio(torch, device, dtype, (m, k, n))
        worst["shapes"][name] = f"{m} x {k} x {n}"
        if ratio > worst["error_ratio"]:
            worst.update(error_ratio=ratio, worst=name, **at)
    return worst


def _ratio(torch: Any, device: Any, dtype: str, shape: tuple[int, int, int]) -> tuple[float, dict[str, int]]:
    m, k, n = shape
    a, b = (data.normal(torch, *size, seed=data.SEED + k).to(getattr(torch, dtype)) for size in ((m, k), (k, n)))
    seen = multiplier(torch, dtype, device.name)(a.to(device.name), b.to(device.name)).cpu().double()
    a, b = a.double(), b.double()
    first, second = bounds.inner_product(k, dtype)
    # The reference, in float64, has an error of its own.
    first += bounds.gamma(k, bounds.roundoff("float64"))
    rows, columns = _sample(m), _sample(n)
    everything = list(range(max(m, n)))
    worst: tuple[float, dict[str, int]] = (0.0, {})
    for at_rows, at_columns in ((rows, everything[:n]), (everything[:m], columns)):
        left, right, part = a[at_rows], b[:, at_columns], seen[at_rows][:, at_columns]
        reference = left @ right
        ratio = (part - reference).abs() / (first * (left.abs() @ right.abs()) + second * reference.abs())
        # What is no number counts as infinitely wrong.
        ratio = torch.nan_to_num(ratio, nan=math.inf)
        row, column = divmod(int(ratio.argmax()), len(at_columns))
        worst = max(worst, (float(ratio.max()), {"row": at_rows[row], "column": at_columns[column]}), key=lambda one: one[0])
    return worst


def _sample(length: int, count: int = 24) -> list[int]:
    """The edges, where kernels differ, and places between."""
    return sorted({round(step * (length - 1) / (count - 1)) for step in range(count)})


def significand(torch: Any, device: Any, dtype: str) -> Seen:
    """Numbers that need every bit of the format, times a permutation with signs: exact, unless the format is narrowed."""
    n, bits = 128, bounds.BITS[dtype]
    numbers = data.full_significand(torch, n, n, bits)
    # Rows of very different sizes: a format of as many bits and a smaller range does not hold them.
    reach = bounds.REACH[dtype]
    numbers *= torch.exp2(torch.linspace(-reach, reach, n, dtype=torch.float64).round()).unsqueeze(1)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(data.SEED))
    signs = torch.arange(n) % 2 * 2.0 - 1
    permutation = torch.zeros(n, n, dtype=torch.float64)
    permutation[torch.arange(n), order] = signs.double()
    kind = getattr(torch, dtype)
    product = multiplier(torch, dtype, device.name)(numbers.to(kind).to(device.name), permutation.to(kind).to(device.name))
    seen, wanted = product.cpu().double(), numbers @ permutation
    error = float(torch.nan_to_num((seen - wanted).abs() / wanted.abs(), nan=math.inf).max())
    wrong = int((seen != wanted).sum())
    kept = bits if not wrong else max(0, math.floor(-math.log2(error))) if error < 1 else 0
    return {"wrong": wrong, "of": n * n, "bits": bits, "kept": kept}


def measures(torch: Any, device: Any, formats: list[str], seconds: float) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """Three for each format, ``seconds`` for its large product; whole numbers of 8 bits have no significand to lose."""
    for dtype in formats:
        share = seconds * (2 if dtype in SIDE else 1)
        yield f"gemm_{dtype}_exact", partial(exact, torch, device, dtype, share)
        if dtype in bounds.BITS:
            yield f"gemm_{dtype}_bound", partial(bound, torch, device, dtype)
            yield f"gemm_{dtype}_significand", partial(significand, torch, device, dtype)
