"""Right numbers on one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import gemm, operations, training


def measures(torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Products in each of the device's formats, then the other operations, then whole programs."""
    yield from gemm.measures(torch, device, device.describe()["formats"], seconds / 30)
    yield from operations.measures(torch, device)
    yield from training.measures(torch, device)
