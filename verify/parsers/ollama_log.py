"""The log of `ollama serve`: which device it chose, and why not the GPU.

Forms of 0.1.32 (2024) to 0.35 (2026). `level` decides nothing: a failed discovery is logged at INFO.
"""

from __future__ import annotations

import re
from typing import Any

PAIR = re.compile(r"""([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)""")
#: Why a GPU was left aside: our kind, and what the log says. First match wins.
REASONS = (
    ("EACCES", r"/dev/kfd: permission denied|permission problems block access"),
    ("EPERM", r"/dev/kfd: operation not permitted"),
    ("ENOENT", r"/dev/kfd: no such file"),
    ("not_supported", r"amdgpu (?:\[\d+\] \S+ )?is not supported"),
    ("integrated", r"dropping integrated GPU"),
    ("timeout", r"failed to finish discovery before timeout"),
    ("crashed", r"failure during GPU discovery"),
    ("out_of_memory", r"ROCm error: out of memory|hipErrorOutOfMemory"),
    ("gpu_error", r"ROCm error: .*|CUDA error: .*"),
    ("invalid_override", r"HSA_OVERRIDE_GFX_VERSION .*invalid"),
    ("not_loaded", r"amdgpu driver not detected|amdgpu version file missing.*no such file"),
    ("no_gpu", r"no compatible GPUs were discovered"),
)


def parse(text: str) -> dict[str, Any]:
    """`{version, devices, gpu, override, reasons}`.

    devices: one per "inference compute" line,
    `{library: "rocm"|"cuda"|"vulkan"|"cpu"|…, compute, name, pci, integrated, total}`.
    gpu: True where a device other than the CPU was chosen, of whichever maker; False where only the CPU was;
    None where no choice is in the text.
    reasons: `{kind, text}` in the order of the log, each kind once; a chosen GPU can have some (it failed later).
    `error` with kind `unknown` where nothing of Ollama's is in the text.
    """
    lines = [(line, dict(fields(line))) for line in text.splitlines()]
    devices = [device(said) for _, said in lines if said.get("msg") == "inference compute"]
    reasons = explain(line for line, _ in lines)
    version = re.search(r"\(version ([\w.+-]+)\)", text)
    if not (devices or reasons or version):
        return {"error": "nothing about devices in the text", "kind": "unknown"}
    override = re.search(r"HSA_OVERRIDE_GFX_VERSION(?:_\d+)?[=:](\d[\d.]*)", text)
    return {
        "version": version.group(1) if version else None,
        "devices": devices,
        "gpu": any(one["library"] != "cpu" for one in devices) if devices else None,
        "override": override.group(1) if override else None,
        "reasons": reasons,
    }


def fields(line: str) -> list[tuple[str, str]]:
    """The `name=value` pairs of one line, quotes taken off. A line that the pager cut gives what is whole."""
    return [(name, value[1:-1] if value.startswith('"') else value) for name, value in PAIR.findall(line)]


def device(said: dict[str, str]) -> dict[str, Any]:
    pci = said.get("pci_id") or (said["name"] if re.match(r"[0-9a-f]{4}:[0-9a-f]{2}:", said.get("name", "")) else "")
    return {
        "library": said.get("library", "").lower() or None,
        "compute": said.get("compute") or None,
        "name": said.get("description") or said.get("name") or None,
        "pci": pci or None,
        "integrated": said["type"] == "iGPU" if said.get("type") else None,
        "total": said.get("total") or None,
    }


def explain(lines: Any) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    for line in lines:
        kind = next((kind for kind, pattern in REASONS if re.search(pattern, line, re.IGNORECASE)), None)
        if kind and kind not in found:
            found[kind] = line.strip()
    return [{"kind": kind, "text": line} for kind, line in found.items()]
