"""What networks do besides products: each against a float64 reference made on the CPU, or exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import bounds, data

Seen = dict[str, Any]


def worst_ratio(torch: Any, seen: Any, reference: Any, allowed: Any) -> float:
    """The largest error over what is allowed, everything in float64; what is no number counts as infinitely wrong."""
    error = (seen.cpu().to(reference.dtype) - reference).abs()
    return float(torch.nan_to_num(error / allowed, nan=math.inf).max())


def convolution(torch: Any, device: str, dtype: str) -> Seen:
    """A 3 x 3 convolution of an image with odd sides, and a strided one of 1 x 1, over :func:`bounds.convolution`."""
    convolve, kind, ratios = torch.nn.functional.conv2d, getattr(torch, dtype), {}
    for name, size, options in (("3 x 3", 3, {"padding": 1}), ("1 x 1, stride 2", 1, {"stride": 2})):
        image = data.normal(torch, 2, 16, 37, 41).to(kind)
        kernel = data.normal(torch, 24, 16, size, size, seed=size).to(kind)
        reference = convolve(image.double(), kernel.double(), **options)
        largest = convolve(image.double().abs(), kernel.double().abs(), **options).max()
        seen = convolve(image.to(device), kernel.to(device), **options)
        ratios[name] = worst_ratio(torch, seen, reference, bounds.convolution(16 * size * size, dtype) * largest)
    return _worst(ratios)


def _worst(ratios: dict[str, float]) -> Seen:
    worst = max(ratios, key=lambda name: ratios[name])
    return {"error_ratio": ratios[worst], "worst": worst, "of": list(ratios)}


def fourier(torch: Any, device: str) -> Seen:
    """Transforms of a length that is a power of two, of an odd one, of a prime one; there and back in two dimensions."""
    ratios = {}
    for length in (4096, 1155, 1009):
        x = torch.complex(data.normal(torch, 8, length), data.normal(torch, 8, length, seed=length))
        reference = torch.fft.fft(x.to(torch.complex128))
        error = (torch.fft.fft(x.to(device)).cpu().to(torch.complex128) - reference).norm(dim=1)
        ratio = error / (bounds.fourier(length) * reference.norm(dim=1))
        ratios[f"length {length}"] = float(torch.nan_to_num(ratio, nan=math.inf).max())
    image = data.normal(torch, 128, 96)
    back = torch.fft.irfft2(torch.fft.rfft2(image.to(device)), s=image.shape).cpu().double()
    allowed = 2 * (bounds.fourier(128) + bounds.fourier(96)) * image.double().norm()
    ratios["there and back"] = float(torch.nan_to_num((back - image.double()).norm() / allowed, nan=math.inf))
    return _worst(ratios)


def reductions(torch: Any, device: str) -> Seen:
    """Sum, mean, running sum within gamma_n times the sum of absolute values (ASNA, section 4.2); maximum exactly."""
    x = data.normal(torch, 33, 65537)
    n, y, reference = x.shape[1], x.to(device), x.double()
    factor = bounds.gamma(n, bounds.roundoff("float32")) + bounds.gamma(n, bounds.roundoff("float64"))
    total = reference.abs().sum(1)
    ratios = {
        "sum": worst_ratio(torch, y.sum(1), reference.sum(1), factor * total),
        "mean": worst_ratio(torch, y.mean(1), reference.mean(1), (factor + bounds.roundoff("float32")) * total / n),
        "cumsum": worst_ratio(torch, y.cumsum(1), reference.cumsum(1), factor * reference.abs().cumsum(1)),
        "max": 0.0 if bool(y.max(1).values.cpu().equal(x.max(1).values)) else 2.0,
        "argmax": 0.0 if bool(y.argmax(1).cpu().equal(x.argmax(1))) else 2.0,
    }
    return _worst(ratios)


def softmax(torch: Any, device: str) -> Seen:
    """Over rows of 4097, small and large arguments, each element relatively: :func:`bounds.softmax`."""
    ratios = {}
    for spread in (1.0, 12.0):
        x = data.normal(torch, 64, 4097, seed=int(spread)) * spread
        reference = torch.softmax(x.double(), dim=1)
        width = float((x.max(1).values - x.min(1).values).max())
        seen = torch.softmax(x.to(device), dim=1)
        # What is too small for a normal number may be taken for 0.
        allowed = bounds.softmax(4097, width) * reference + bounds.SMALLEST_NORMAL
        ratios[f"spread {spread:g}"] = worst_ratio(torch, seen, reference, allowed)
    return _worst(ratios)


def attention(torch: Any, device: str, dtype: str) -> Seen:
    """Scaled dot-product attention, whole and causal, against its definition in float64.

    Allowed: the scores' errors go through the softmax doubled (BHH), its weights may be rounded to the format before they
    are summed, the result is rounded once more.
    """
    heads, length, width = 4, 129, 64
    kind, attend, ratios = getattr(torch, dtype), torch.nn.functional.scaled_dot_product_attention, {}
    query, key, value = (data.normal(torch, 1, heads, length, width, seed=seed).to(kind) for seed in (1, 2, 3))
    last, single = bounds.roundoff(dtype), bounds.roundoff("float32")
    for name, causal in (("whole", False), ("causal", True)):
        scores = query.double() @ key.double().transpose(-1, -2) / math.sqrt(width)
        size = (query.double().abs() @ key.double().abs().transpose(-1, -2)).max() / math.sqrt(width)
        if causal:
            scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -math.inf)
        weights = torch.softmax(scores, dim=-1)
        off = float(bounds.gamma(width + 4, 2 * single) * size + last * scores[scores.isfinite()].abs().max())
        spread = float(scores[scores.isfinite()].max() - scores[scores.isfinite()].min())
        relative = 2 * off + bounds.softmax(length, spread) + bounds.gamma(length, 2 * single) + 2 * last
        seen = attend(query.to(device), key.to(device), value.to(device), is_causal=causal)
        ratios[name] = worst_ratio(torch, seen, weights @ value.double(), relative * (weights @ value.double().abs()))
    return _worst(ratios)


def sorting(torch: Any, device: str) -> Seen:
    """Numbers with many equal ones: the order, and with ``stable`` also which of the equal ones comes first, exactly."""
    x = torch.randint(-1000, 1000, (100_003,), generator=torch.Generator().manual_seed(data.SEED)).float()
    wanted, places = torch.sort(x, stable=True)
    seen, found = torch.sort(x.to(device), stable=True)
    wrong = int((seen.cpu() != wanted).sum()) + int((found.cpu() != places).sum())
    top = torch.topk(x.to(device), 100).values.cpu()
    return {"wrong": wrong + int((top != wanted.flip(0)[:100]).sum()), "of": 2 * len(x) + 100}


def scatter(torch: Any, device: str) -> Seen:
    """Whole numbers added at places that collide, exactly; and gathered back."""
    generator = torch.Generator().manual_seed(data.SEED)
    places = torch.randint(0, 4097, (200_000,), generator=generator)
    values = torch.randint(-8, 9, (200_000,), generator=generator).float()
    wanted = torch.zeros(4097).index_add_(0, places, values)
    seen = torch.zeros(4097, device=device).scatter_add_(0, places.to(device), values.to(device))
    wrong = int((seen.cpu() != wanted).sum())
    back = seen.gather(0, places.to(device)).cpu()
    return {"wrong": wrong + int((back != wanted[places]).sum()), "of": 4097 + len(places)}


def random_numbers(torch: Any, device: str) -> Seen:
    """Moments of the device's own generators in standard errors, range, and that a seed gives the same numbers again."""
    n = 1 << 20
    generator = torch.Generator(device=device)
    normal, uniform = (make(n, generator=generator.manual_seed(7), device=device) for make in (torch.randn, torch.rand))
    again = torch.randn(n, generator=generator.manual_seed(7), device=device)
    other = torch.randn(n, generator=generator.manual_seed(8), device=device)
    x, u = normal.cpu().double(), uniform.cpu().double()
    moments = {
        "mean": float(x.mean()) * math.sqrt(n),
        "variance": (float(x.var()) - 1) * math.sqrt(n / 2),
        "skewness": float((x**3).mean()) * math.sqrt(n / 15),
        "kurtosis": (float((x**4).mean()) - 3) * math.sqrt(n / 96),
        "uniform mean": (float(u.mean()) - 0.5) * math.sqrt(12 * n),
        "uniform variance": (float(u.var()) - 1 / 12) * math.sqrt(180 * n),
        "correlation": float((x[1:] * x[:-1]).mean()) * math.sqrt(n),
        "between seeds": float((x * other.cpu().double()).mean()) * math.sqrt(n),
    }
    return {
        "deviations": {name: round(value, 2) if math.isfinite(value) else str(value) for name, value in moments.items()},
        "in_range": bool((u >= 0).all()) and bool((u < 1).all()),
        "repeats": bool(normal.equal(again)),
    }


def measures(torch: Any, device: Any) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """The operations, those that have narrow kernels of their own in these formats too."""
    name = device.name
    for dtype in ("float32", "float16", "bfloat16"):
        yield f"conv_{dtype}", partial(convolution, torch, name, dtype)
        yield f"attention_{dtype}", partial(attention, torch, name, dtype)
    for one, work in (
        ("fft", fourier),
        ("reductions", reductions),
        ("softmax", softmax),
        ("sort", sorting),
        ("scatter", scatter),
        ("random", random_numbers),
    ):
        yield one, partial(work, torch, name)
