"""One part of the work on one device, in a process of its own: ``python3 -m verify.compute.worker PART DEVICE SECONDS``.

Prints one JSON object per line: ``{"device"}`` once it answers, then ``{"began"}`` and ``{"measured", "seen", "seconds"}``
for each measure, ``{"done"}`` at the end. So a process that hangs or dies leaves what it had, and where it was.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

# Same numbers on every run: cuBLAS promises it with this workspace only (torch docs, "Reproducibility").
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# MIOpen would compile and time every kernel that it knows, for minutes (MIOpen docs, "Find modes"); any one proves the card.
os.environ.setdefault("MIOPEN_FIND_MODE", "FAST")

Measure = Callable[[], dict[str, Any]]


def say(**line: Any) -> None:
    """One line for :mod:`.runner`, at once: this process may not live to flush."""
    print(json.dumps(line), flush=True)


def measure(name: str, work: Measure) -> None:
    """One measure, announced before and told after. What it raises is an answer."""
    say(began=name)
    began = time.monotonic()
    try:
        seen = finite(work())
    except Exception as error:  # "HIP error: invalid device function" and its many relatives
        seen = {"raised": first_line(error)}
    say(measured=name, seen=seen, seconds=round(time.monotonic() - began, 3))


def first_line(error: Exception) -> str:
    """An error in one line of a result."""
    return (f"{type(error).__name__}: {error}".splitlines() or [""])[0][:300]


def finite(seen: dict[str, Any]) -> dict[str, Any]:
    """The measure with ``nan`` and ``inf`` as words: JSON has no such numbers."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value for key, value in seen.items()
    }


def exactly(torch: Any) -> None:
    """No shortcut through a narrower format, where this torch has the switch."""
    matmul = torch.backends.cuda.matmul
    for place, switch in (
        (matmul, "allow_tf32"),
        (torch.backends.cudnn, "allow_tf32"),
        (matmul, "allow_fp16_reduced_precision_reduction"),
        (matmul, "allow_bf16_reduced_precision_reduction"),
    ):
        with contextlib.suppress(AttributeError):
            setattr(place, switch, False)


def measures(part: str, torch: Any, device: Any, seconds: float) -> Iterator[tuple[str, Measure]]:
    """The measures of a part, in their order."""
    found: Iterator[tuple[str, Measure]] = import_module(f".{part}", __package__).measures(torch, device, seconds)
    return found


def main(argv: list[str]) -> int:
    """0 once every measure was tried; 1 without torch or device."""
    part, name, seconds = argv[0], argv[1], float(argv[2])
    try:
        import torch

        from .device import open_device

        exactly(torch)
        device = open_device(torch, name)
        description = device.describe()
        # A context that cannot be made shows here, not in the first measure.
        torch.ones(2, device=name).sum().item()
    except Exception as error:  # a broken wheel or driver raises OSError, ImportError, RuntimeError and others
        say(failed=first_line(error))
        return 1
    say(device=description)
    for one, work in measures(part, torch, device, seconds):
        measure(one, work)
    say(done=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
