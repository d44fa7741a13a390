"""What PyTorch says and computes; rows of `test_sentences`."""

from __future__ import annotations

from typing import Any

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, put

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"error_ratio": 1.5}, "1.5 times what rounding allows"),
    ({"raised": "HIP error: invalid device function"}, "invalid device function"),
]


def sample(place: str, device: str, name: str, **outcome: Any) -> Change:
    return put("places", place, "computed", device, {**healthy.torch_place()["computed"]["cpu"], name: outcome})


ROWS: list[Row] = [
    (
        "torch",
        put("places", "host", {"import_error": "OSError: libamdhip64.so"}),
        "torch.host.import",
        "libamdhip64.so",
        "import torch",
    ),
    (
        "torch",
        put("places", "host", {"error": "no end after 150 s"}),
        "torch.host.import",
        "no end after 150 s",
        "import torch",
    ),
    (
        "torch",
        put("places", "host", "version", "2.12.0"),
        "torch.host.version",
        "2.12.0 is installed on the host",
        "gpuhost up",
    ),
    ("torch", put("places", "host", "build", "cuda"), "torch.host.build", "built for cuda, not for rocm", "index"),
    ("torch", put("places", "host", "build", "cpu"), "torch.host.build", "everything runs on the CPU", "index"),
    (
        "torch",
        put("places", "host", "environment", {"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}),
        "torch.host.override",
        "wrong target",
        "/etc/environment",
    ),
    (
        "torch",
        put("places", "gpuhost-jupyter", "environment", {}),
        "torch.gpuhost-jupyter.override",
        "without it",
        "gpuhost up",
    ),
    (
        "torch",
        put("places", "host", "available", False),
        "torch.host.gpu_available",
        "finds no GPU. Everything",
        "verify --only access",
    ),
    (
        "torch",
        lambda seen: seen["places"]["host"]["devices"].append({}),
        "torch.host.gpu_count",
        "integrated GPU",
        "HIP_VISIBLE",
    ),
    *(
        (
            "torch",
            sample(place, device, name, **outcome),
            f"torch.{place}.{name}_{device.replace('cuda:', 'gpu')}",
            words,
            "",
        )
        for place in ("host", "gpuhost-jupyter")
        for device in ("cpu", "cuda:0")
        for name in ("ones", "tensor", "matmul", "conv")
        for outcome, words in WRONG
    ),
]
