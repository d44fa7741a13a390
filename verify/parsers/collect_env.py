"""`python -m torch.utils.collect_env`."""

from __future__ import annotations

import re
from typing import Any

#: What collect_env prints where it could not tell.
NOTHING = ("", "N/A", "Could not collect", "No CUDA")
FIELDS = {
    "torch": "PyTorch version",
    "cuda_build": "CUDA used to build PyTorch",
    "rocm_build": "ROCM used to build PyTorch",
    "os": "OS",
    "python": "Python version",
    "platform": "Python platform",
    "hip_runtime": "HIP runtime version",
    "miopen": "MIOpen runtime version",
}


def parse(text: str) -> dict[str, Any]:
    """Versions by name (:data:`FIELDS`), `available` (bool), `gpus: [{name, gfx}]`, `wsl`, `packages {name: version}`.

    torch names its GPU interface CUDA on AMD too, so `available` is "Is CUDA available". Lines before the report
    (warnings) are skipped. `error` with kind `no_torch` or `unknown`.
    """
    said: dict[str, str] = {}
    for name, value in re.findall(r"^([A-Z][\w .]*?):[ \t]*(.*?)[ \t]*$", text, re.MULTILINE):
        said.setdefault(name, value)
    if "PyTorch version" not in said:
        missing = re.search(r"No module named '?[\w.]*torch[\w.]*'?", text)
        why = missing.group(0) if missing else "no report of collect_env in the text"
        return {"error": why, "kind": "no_torch" if missing else "unknown"}
    values = {ours: told(said.get(theirs)) for ours, theirs in FIELDS.items()}
    return {
        **values,
        "available": said.get("Is CUDA available") == "True",
        "gpus": gpus(text),
        "wsl": "microsoft" in (values["platform"] or "").lower(),
        "packages": dict(re.findall(r"^\[(?:pip3?|conda)\] ([\w-]+)==(\S+)", text, re.MULTILINE)),
    }


def told(value: str | None) -> str | None:
    return None if value is None or value in NOTHING else value


def gpus(text: str) -> list[dict[str, Any]]:
    """One per line of "GPU models and configuration"; several stand below it as `GPU 0: …`."""
    found = re.search(r"^GPU models and configuration:[ \t]*(.*(?:\nGPU \d+: .*)*)", text, re.MULTILINE)
    if not found:
        return []
    lines = [re.sub(r"^GPU \d+: ", "", line).strip() for line in found.group(1).splitlines()]
    pairs = [re.fullmatch(r"(.*?)(?: \((gfx\w+)[^)]*\))?", line) for line in lines if told(line)]
    return [{"name": pair.group(1), "gfx": pair.group(2)} for pair in pairs if pair]
