"""A run folder as a run leaves it: a simulated host, a certified one, one with Ollama stopped, one out of reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.checks import healthy
from verify.checks import CHECKS
from verify.result import Result, document, settle

STARTED = "2026-11-22T181500.250Z"

#: A host's output can hold anything, and nothing of it may become markup.
HOSTILE = "<script>alert(1)</script>"


def results(seen: dict[str, dict[str, Any]], expected: dict[str, Any]) -> list[Result]:
    return settle(result for check in CHECKS for result in check.judge(seen[check.area], expected))


def all_seen() -> dict[str, dict[str, Any]]:
    return {check.area: healthy.seen(check.area) for check in CHECKS}


def certified() -> dict[str, Any]:
    return document("gpu01", False, "2026-11-22T18:15:30Z", 6.2, results(all_seen(), healthy.expected()))


def simulated() -> dict[str, Any]:
    seen, expected = all_seen(), healthy.expected() | {"simulated": True}
    for area in ("system", "access", "driver", "health", "rocm", "generate", "torch"):
        seen[area]["simulated"] = True
    for name in ("ollama", "anythingllm"):
        seen["containers"]["containers"][f"gpuhost-{name}"]["stand_in"] = healthy.STAND_IN
    return document("lab1", True, "2026-11-22T18:15:31Z", 8.9, results(seen, expected))


def stopped() -> dict[str, Any]:
    seen = all_seen()
    seen["containers"]["containers"]["gpuhost-ollama"].update(state="exited", exit_code=137, log=f"killed {HOSTILE}")
    seen["services"]["services"]["ollama"] = {
        page: {"status": 0, "body": "", "error": "Connection refused"} for page in ("health", "version", "tags")
    }
    seen["services"]["ports"] = [row for row in seen["services"]["ports"] if row["port"] != 11434]
    seen["wiring"]["from"] = {
        name: {"ollama": {"resolved": False, "error": "ENOTFOUND"}} for name in ("anythingllm", "jupyter")
    }
    seen["generate"].update(call={"error": "Connection refused"}, loaded=None)
    return document("gpu02", False, "2026-11-22T18:15:32Z", 7.1, results(seen, healthy.expected()))


def examined(host: str, is_simulated: bool = False, **more: Any) -> dict[str, Any]:
    expected = healthy.expected() | {"host": host, "simulated": is_simulated}
    return {
        "host": host,
        "snapshot": {
            "os": {"id": "debian", "version_id": "13", "pretty_name": "Debian GNU/Linux 13 (trixie)"},
            "kernel": {"release": "6.12.48+deb13-amd64"},
            "cpu": {"model": "AMD Ryzen 7 5800X", "count": 16},
            "memory": {"total_bytes": 32 << 30},
            "simulated": is_simulated,
        },
        "plan": {
            "host": host,
            "simulated": is_simulated,
            "gpus": [
                {"pci": "0000:03:00.0", "name": "Radeon RX 6600", "gfx": "gfx1032", "use": True, "why": "the only one"}
            ],
            "decisions": [
                {
                    "topic": "driver",
                    "choice": "inbox",
                    "reason": "the kernel's own amdgpu knows this GPU since Linux 5.14",
                    "rule": "driver-inbox",
                },
                {
                    "topic": "override for ollama",
                    "choice": "10.3.0",
                    "reason": "its ROCm has no code for gfx1032; gfx1030 is of the same family",
                    "rule": "override-family",
                },
            ],
            "roles": {"verify": {"prefix": "/opt/gpuhost", "expected": expected}},
        },
        "due": {},
        "drift": [],
        "findings": [],
        **more,
    }


UNREACHABLE = {
    "id": "GH-SSH-UNREACHABLE",
    "level": "refuse",
    "host": "gpu03",
    "seen": "ssh: connect to host gpu03 port 22: Connection refused",
    "why": "Nothing can be done on a host that does not answer.",
    "next": "ssh gpu03 true",
}

DRIFT = [{"role": "services", "item": "container:gpuhost-ollama", "difference": "restart policy: unless-stopped → no"}]


def write(folder: Path) -> Path:
    """The run folder under ``folder``, with every file that a run writes."""
    ended = {"status": "done", "changed": 0, "tasks": 12, "findings": [], "role": "", "task": ""}
    outcome = {
        "gpu01": ended,
        "gpu02": ended | {"status": "unproven"},
        "gpu03": ended | {"status": "unreachable", "findings": [UNREACHABLE]},
        "lab1": ended | {"changed": 7},
    }
    run = {
        "schema": 1,
        "command": "verify",
        "site": "north",
        "hosts": ["lab1", "gpu01", "gpu02", "gpu03"],
        "started": STARTED,
        "seconds": 41.3,
        "exit_code": 15,
    }
    hosts = {"lab1": examined("lab1", True), "gpu01": examined("gpu01"), "gpu02": examined("gpu02", drift=DRIFT)}
    checked = {"lab1": simulated(), "gpu01": certified(), "gpu02": stopped()}
    save(folder / "run.json", run)
    save(folder / "outcome.json", outcome)
    for name, document_ in hosts.items():
        save(folder / "hosts" / f"{name}.json", document_)
    for name, document_ in checked.items():
        save(folder / "results" / f"{name}.json", document_)
    return folder


def save(path: Path, document_: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document_), encoding="utf-8")
