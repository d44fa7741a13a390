"""What the checks on a host printed, as a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control import findings
from control.findings import Finding
from verify import places


def command(
    level: str = "",
    minutes: int = 0,
    history: Sequence[Mapping[str, Any]] = (),
    seconds: float = 0,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Arguments of Ansible's `command` that run the checks as they lie on a host.

    What is expected of it lies where they look by themselves. ``level`` and ``minutes``: other than planned; ``history``:
    :func:`control.history.rates`; ``seconds``: may take so long, whatever the level; ``only``: areas, or beginnings of ids.
    """
    argv = ["python3", "-m", "verify", "run", "--json", "--history", "-"]
    argv += ["--level", level] if level else []
    argv += ["--minutes", str(minutes)] if minutes else []
    argv += ["--limit", f"{seconds:g}"] if seconds else []
    argv += only
    return {"argv": argv, "chdir": places.OPT, "stdin": json.dumps({"history": list(history)})}


@dataclass(frozen=True)
class Verdict:
    """Results of one host (``results/<host>.json``), or None where the checks could not run."""

    results: dict[str, Any] | None
    findings: list[Finding]

    def as_result(self) -> dict[str, Any]:
        """Ansible's task result: failed where a check failed or could not run."""
        return {
            "changed": False,
            "failed": bool(self.findings),
            "msg": "; ".join(one.seen for one in self.findings),
            "gpuhost_findings": [one.as_dict() for one in self.findings],
        }


def read(host: str, answer: dict[str, Any]) -> Verdict:
    """Judge the result of ``python3 -m verify run --json``: 0 nothing failed, 1 something did, else it did not run."""
    try:
        results = json.loads(answer.get("stdout") or "")
    except ValueError:
        text = answer.get("stderr") or answer.get("msg") or answer.get("module_stderr") or "no output"
        seen = f"the checks ended with {answer.get('rc')}: {str(text).strip().splitlines()[-1]}"
        return Verdict(None, [findings.make("GH-VERIFY-NOT-RUN", host, seen)])
    failed = [one for one in results["results"] if one["status"] == "fail"]
    if not failed:
        return Verdict(results, [])
    seen = f"{len(failed)} of {len(results['results'])} checks failed: " + "; ".join(
        f"{one['id']}: {one['why']}" for one in failed
    )
    return Verdict(results, [findings.make("GH-VERIFY-FAILED", host, seen)])
