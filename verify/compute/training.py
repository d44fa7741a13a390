"""A network that learns, gradients that are slopes, and results that repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from . import data

Seen = dict[str, Any]

STEPS = 100
RATE = 0.1
REPEATS = 8


def learning(torch: Any, device: str) -> Seen:
    """Mean squared errors of a small network while it learns a sine, by gradient descent with momentum."""
    shapes = ((1, 64), (64, 64), (64, 1))
    weights = [(data.normal(torch, *shape, seed=seed) * 0.2).to(device) for seed, shape in enumerate(shapes)]
    moving = [torch.zeros_like(one) for one in weights]
    for one in weights:
        one.requires_grad_()
    x = torch.linspace(-1, 1, 512, device=device).unsqueeze(1)
    wanted, losses = torch.sin(3 * x), []
    for _ in range(STEPS):
        loss = ((torch.tanh(torch.tanh(x @ weights[0]) @ weights[1]) @ weights[2] - wanted) ** 2).mean()
        slopes = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for one, move, slope in zip(weights, moving, slopes):
                one -= move.mul_(0.9).add_(slope, alpha=RATE)
        losses.append(float(loss.detach()))
    return {"first": losses[0], "last": losses[-1], "steps": STEPS}


def gradients(torch: Any, device: str) -> Seen:
    """Autograd's slopes beside central differences in float64: ``error_ratio`` over 10^-6 of the largest slope.

    With a step of 10^-5 the differences are off by the third derivative times 10^-10, and by rounding, 10^-11.
    """
    weights = data.normal(torch, 9, 5).double().to(device)
    x = data.normal(torch, 16, 9, seed=2).double().to(device)

    def loss(of: Any) -> Any:
        return (torch.nn.functional.softplus(torch.tanh(x @ of)) * torch.sigmoid(x @ of)).sum()

    followed = weights.clone().requires_grad_()
    loss(followed).backward()
    slopes, step, worst = followed.grad.cpu(), 1e-5, 0.0
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            shift = torch.zeros_like(weights)
            shift[row, column] = step
            difference = float(loss(weights + shift) - loss(weights - shift)) / (2 * step)
            worst = max(worst, abs(difference - float(slopes[row, column])))
    return {"error_ratio": worst / (1e-6 * float(slopes.abs().max()))}


def repeated(torch: Any, device: str) -> Seen:
    """How often of several runs a result differed in a bit, for kernels whose results torch promises to repeat.

    torch docs, "Reproducibility": with ``use_deterministic_algorithms`` what has no such kernel says so.
    """
    a, b = (data.normal(torch, 384, 384, seed=seed).to(device) for seed in (1, 2))
    image, kernel = data.normal(torch, 2, 8, 33, 33).to(device), data.normal(torch, 8, 8, 3, 3).to(device)
    places = torch.randint(0, 97, (20_000,), generator=torch.Generator().manual_seed(3)).to(device)
    spread = data.normal(torch, 20_000).to(device)
    attend, convolve = torch.nn.functional.scaled_dot_product_attention, torch.nn.functional.conv2d
    work: dict[str, Callable[[], Any]] = {
        "product": lambda: a @ b,
        "product in float16": lambda: a.half() @ b.half(),
        "sum": lambda: (a @ b).sum(0),
        "softmax": lambda: torch.softmax(a, dim=1),
        "convolution": lambda: convolve(image, kernel),
        "attention": lambda: attend(a.view(1, 6, 64, 384), b.view(1, 6, 64, 384), a.view(1, 6, 64, 384)),
        "index_add": lambda: torch.zeros(97, device=device).index_add_(0, places, spread),
    }
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        return {"differed": {name: _differing(torch, one) for name, one in work.items()}, "runs": REPEATS}
    finally:
        torch.use_deterministic_algorithms(before)


def _differing(torch: Any, work: Callable[[], Any]) -> int:
    first = _bits(torch, work())
    return sum(not bool(first.equal(_bits(torch, work()))) for _ in range(REPEATS - 1))


def _bits(torch: Any, found: Any) -> Any:
    """The bytes of a result: NaN is unlike itself as a number, and the same bits again are the same."""
    return found.contiguous().flatten().view(torch.uint8)


def measures(torch: Any, device: Any) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """Learning, gradients, repeatability."""
    for name, work in (("training", learning), ("gradients", gradients), ("repeatable", repeated)):
        yield name, partial(work, torch, device.name)
