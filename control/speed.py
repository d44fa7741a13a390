"""What a host said of the speed of its model servers: read, and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control import findings
from control.findings import Finding
from verify import places

#: Where a run folder has the figures, by host.
FOLDER = "bench"
RESULTS = "bench.json"


def command(runs: int, words: int, tokens: int) -> dict[str, Any]:
    """Arguments of Ansible's `command` that time the servers."""
    asked = ["--runs", str(runs), "--words", str(words), "--tokens", str(tokens)]
    return {"argv": ["python3", "-m", "verify", "bench", *asked], "chdir": places.OPT}


@dataclass(frozen=True)
class Read:
    """The figures of one host, or None where there are none; and why."""

    figures: dict[str, Any] | None
    findings: list[Finding]

    def as_result(self) -> dict[str, Any]:
        """Ansible's task result."""
        return {
            "changed": False,
            "failed": bool(self.findings),
            "msg": "; ".join(one.seen for one in self.findings),
            "gpuhost_findings": [one.as_dict() for one in self.findings],
        }


def read(host: str, answer: Mapping[str, Any]) -> Read:
    """What ``python3 -m verify bench`` printed."""
    try:
        figures: dict[str, Any] = json.loads(answer.get("stdout") or "")
    except ValueError:
        text = answer.get("stderr") or answer.get("msg") or answer.get("module_stderr") or "no output"
        return Read(None, [findings.make("GH-BENCH", host, str(text).strip().splitlines()[-1])])
    wrong = [findings.make("GH-BENCH", host, figures["error"])] if figures.get("error") else []
    return Read(figures, wrong)


def gathered(folder: Path) -> dict[str, dict[str, Any]]:
    """The figures of a run, by host."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / FOLDER).glob("*.json"))}


def remarks(figures: Mapping[str, Any]) -> list[str]:
    """What has to be said beside the figures of a host: that they are of no GPU, or of other images."""
    said = ["SIMULATED: no GPU computed this"] if figures.get("simulated") else []
    said += [f"STAND-IN: {one['name']}: {one['stand_in']}" for one in figures.get("engines") or [] if one.get("stand_in")]
    placed = {one["name"]: one.get("processor") for one in figures.get("engines") or []}
    if placed.get("ollama") == "partly" or (placed.get("ollama") == "cpu") != (placed.get("llamacpp") == "cpu"):
        where = ", ".join(f"{name}: {place or 'unknown'}" for name, place in placed.items())
        said.append(f"not on the same processor, so not comparable ({where}); both may not fit the GPU's memory at once")
    return said
