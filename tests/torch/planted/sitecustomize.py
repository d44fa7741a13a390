"""Plants one fault in torch, in every process of an interpreter that has this folder on PYTHONPATH.

GPUHOST_PLANTED names it. Python imports this file by itself at its start; torch is changed once it is imported. What a
faulty device does below torch, this does in torch's own functions: the checks cannot tell.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import time
from types import ModuleType
from typing import Any

#: Products smaller than this are left alone where a fault would be of a large one.
LARGE = 200 * 200


def _after_product(torch: Any, change: Any) -> None:
    """Every float32 product of matrices goes through ``change(product, left, right)``."""
    real = torch.Tensor.__matmul__

    def product(left: Any, right: Any) -> Any:
        found = real(left, right)
        return change(found, left, right) if found.dtype == torch.float32 and found.dim() == 2 else found

    torch.Tensor.__matmul__ = product


def element(torch: Any) -> None:
    """One element of a large product is wrong."""

    def change(found: Any, left: Any, right: Any) -> Any:
        if found.numel() >= LARGE:
            found[101, 7] += 1
        return found

    _after_product(torch, change)


def narrowed(torch: Any) -> None:
    """Factors in float32 are cut to bfloat16 before they are multiplied: no result has fewer digits than it should."""
    real = torch.Tensor.__matmul__
    torch.Tensor.__matmul__ = lambda left, right: (
        real(left.bfloat16().float(), right.bfloat16().float()) if left.dtype == torch.float32 else real(left, right)
    )


def unsteady(torch: Any) -> None:
    """A product's last bits depend on chance: within every rounding bound."""
    _after_product(torch, lambda found, left, right: found * (1 + 2e-7 * torch.rand(()).item()))


def slow(torch: Any) -> None:
    """Products take ten times as long, however busy this machine is."""
    real = torch.Tensor.__matmul__

    def change(found: Any, left: Any, right: Any) -> Any:
        for _ in range(9):
            real(left, right)
        return found

    _after_product(torch, change)


def not_a_number(torch: Any) -> None:
    """A convolution's result holds one NaN."""
    real = torch.nn.functional.conv2d

    def convolve(image: Any, *rest: Any, **options: Any) -> Any:
        found = real(image, *rest, **options)
        if found.dtype == torch.float32:
            found = found.clone()
            found.view(-1)[5] = float("nan")
        return found

    torch.nn.functional.conv2d = convolve


def bit(torch: Any) -> None:
    """The second large write to memory leaves one bit otherwise."""
    real, writes = torch.Tensor.copy_, [0]

    def write(target: Any, source: Any, *rest: Any, **options: Any) -> Any:
        found = real(target, source, *rest, **options)
        if target.dtype == torch.int64 and target.numel() >= LARGE:
            writes[0] += 1
            if writes[0] == 2:
                target[4711] ^= 1 << 20
        return found

    torch.Tensor.copy_ = write


def hang(torch: Any) -> None:
    """A transform never ends."""
    torch.fft.fft = lambda *rest, **options: time.sleep(3600)


def build(torch: Any) -> None:
    """Somebody's `pip install` has replaced the build by one for CUDA."""
    torch.version.cuda = "12.8"


FAULTS = {one.__name__: one for one in (element, narrowed, unsteady, slow, not_a_number, bit, hang, build)}


class _Loader(importlib.abc.Loader):
    """Torch's own loader, and then the fault."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.real.exec_module(module)
        FAULTS[os.environ["GPUHOST_PLANTED"]](module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds torch where everybody finds it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "torch":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if os.environ.get("GPUHOST_PLANTED"):
    sys.meta_path.insert(0, _Finder())
