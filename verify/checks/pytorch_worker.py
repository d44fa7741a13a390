"""PyTorch as it is here, in a process of its own and under a time limit: ``python3 -m verify.checks.pytorch_worker``.

Prints what it knows as one JSON object per line, the last one with all of it: a process that hangs or dies leaves what it
had, and under ``at`` what it was about to do. Numbers are compared with a float64 reference computed on the CPU.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any

VISIBILITY = (
    "HSA_OVERRIDE_GFX_VERSION",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
)

# Unit roundoff of float32.
U32 = 2.0**-24

MATMUL = (
    257,
    1025,
    129,
)  # rows, inner length, columns: odd, so that the edges of the kernels' tiles are used


def look(say: Callable[[dict[str, Any]], None] = lambda seen: None) -> dict[str, Any]:
    """What this interpreter's torch is, sees and computes. An import that fails is an answer, not an
    exception.

    :param say: is told what is known before each step that may not come to its end.
    """
    environment = {key: os.environ[key] for key in VISIBILITY if key in os.environ}
    seen: dict[str, Any] = {"python": sys.executable, "environment": environment}
    say({**seen, "at": "import"})
    try:
        import torch
    except Exception as error:  # a broken wheel raises OSError, ImportError, RuntimeError and others
        return {**seen, "import_error": f"{type(error).__name__}: {error}"[:400]}
    exactly(torch)
    seen.update(version=torch.__version__, hip=torch.version.hip, cuda=torch.version.cuda, build=_build(torch))
    seen.update(targets=_targets(torch), packages=_packages(), available=False, devices=[], computed={})
    _compute(torch, "cpu", seen, say)
    say({**seen, "at": "devices"})
    seen.update(_devices(torch))
    for index in range(len(seen["devices"])):
        _compute(torch, f"cuda:{index}", seen, say)
    return seen


def _compute(torch: Any, device: str, seen: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    """Every sample on a device, into ``seen``."""
    done = seen["computed"].setdefault(device, {})
    for name, sample in SAMPLES.items():
        say({**seen, "at": [device, name]})
        done[name] = _tried(sample, torch, device)


def _build(torch: Any) -> str:
    return "rocm" if torch.version.hip else "cuda" if torch.version.cuda else "cpu"


def _targets(torch: Any) -> list[str]:
    """What its kernels are compiled for, also where no GPU is at hand: ``torch.cuda.get_arch_list`` then says nothing."""
    try:
        return str(torch._C._cuda_getArchFlags() or "").split()
    except Exception:  # a build for processors has no such function
        return []


def _packages() -> list[str]:
    """Installed wheels that hold kernels of one target each."""
    from importlib import metadata

    names = {str(one.metadata["Name"]).lower() for one in metadata.distributions()}
    return sorted(name for name in names if "-device-gfx" in name)


def _devices(torch: Any) -> dict[str, Any]:
    try:
        available = bool(torch.cuda.is_available())
        count = torch.cuda.device_count() if available else 0
        devices = []
        for index in range(count):
            properties = torch.cuda.get_device_properties(index)
            target = getattr(properties, "gcnArchName", "").partition(":")[0] or None
            memory = properties.total_memory
            devices.append({"name": properties.name, "gfx": target, "memory_bytes": memory, "pci": _pci(properties)})
    except Exception as error:  # HIP reports a missing driver or a wrong target by many kinds of error
        return {"available": False, "devices": [], "device_error": f"{type(error).__name__}: {error}"[:400]}
    return {"available": available, "devices": devices}


def _pci(properties: Any) -> str | None:
    """The address on the bus; older torch does not tell."""
    parts = [getattr(properties, f"pci_{name}_id", None) for name in ("domain", "bus", "device")]
    return None if None in parts else "{:04x}:{:02x}:{:02x}.0".format(*(int(part or 0) for part in parts))


def _tried(sample: Callable[[Any, str], float], torch: Any, device: str) -> dict[str, Any]:
    """A sample computation on one device: ``{"error_ratio"}``, at most 1 when right, or ``{"raised"}``."""
    try:
        ratio = sample(torch, device)
    except Exception as error:  # "HIP error: invalid device function" and its many relatives
        return {"raised": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
    # JSON has no NaN and no infinity.
    return {"error_ratio": ratio} if math.isfinite(ratio) else {"raised": f"the result holds {ratio}"}


def ones(torch: Any, device: str) -> float:
    """``torch.ones(2)``, read back: nothing else is as small and still a kernel."""
    return 0.0 if torch.ones(2, device=device).tolist() == [1.0, 1.0] else 2.0


def tensor(torch: Any, device: str) -> float:
    """2 x 2 integers held by float32: the product must be exact."""
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    exact = torch.tensor([[7.0, 10.0], [15.0, 22.0]])
    return 0.0 if bool((a @ a).cpu().equal(exact)) else 2.0


def matmul(torch: Any, device: str) -> float:
    """The largest error of a float32 product over its bound, componentwise.

    |fl(AB) - AB| <= gamma_k |A||B| with gamma_k = k u / (1 - k u), for any order of summation: N. J. Higham,
    Accuracy and
    Stability of Numerical Algorithms, 2nd ed., section 3.5.
    """
    m, k, n = MATMUL
    a, b = _random(torch, m, k), _random(torch, k, n)
    exact, bound = a.double() @ b.double(), a.double().abs() @ b.double().abs()
    seen = (a.to(device) @ b.to(device)).cpu().double()
    gamma = k * U32 / (1 - k * U32)
    return float(((seen - exact).abs() / (gamma * bound)).max())


def conv(torch: Any, device: str) -> float:
    """The largest error of a 3 x 3 convolution over its bound, in the norm: fast (Winograd) kernels promise
    no more than that.

    The factor 100 allows for F(4x4, 3x3) transforms: B. Barabasz et al., Error Analysis and Improving the
    Accuracy of Winograd
    Convolution for Deep Neural Networks, ACM TOMS 46 (2020).
    """
    image, kernel = _random(torch, 2, 16, 37, 41), _random(torch, 24, 16, 3, 3)
    exact = torch.nn.functional.conv2d(image.double(), kernel.double())
    size = torch.nn.functional.conv2d(image.double().abs(), kernel.double().abs())
    seen = torch.nn.functional.conv2d(image.to(device), kernel.to(device)).cpu().double()
    k = 16 * 3 * 3
    return float((seen - exact).abs().max() / (100 * k * U32 * size.max()))


SAMPLES: dict[str, Callable[[Any, str], float]] = {"ones": ones, "tensor": tensor, "matmul": matmul, "conv": conv}


def _random(torch: Any, *shape: int) -> Any:
    """The same numbers on every host: made on the CPU from a fixed seed."""
    generator = torch.Generator().manual_seed(20260101)
    return torch.randn(*shape, generator=generator)


def exactly(torch: Any) -> None:
    """No shortcut through a narrower format, where this torch has the switch."""
    try:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    except Exception:  # the samples say what is wrong with it
        return


def say(seen: dict[str, Any]) -> None:
    """One line, at once: this process may not live to flush."""
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    say(look(say))
