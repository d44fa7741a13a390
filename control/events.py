"""What a run leaves behind: ``events.jsonl`` as it happens and ``outcome.json`` at its end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control import failures

#: How a host can end, from best to worst for the reader.
DONE, REFUSED, UNREACHABLE, LOCKED, FAILED = "done", "refused", "unreachable", "locked", "failed"
INTEGRITY, UNPROVEN, ACT = "integrity", "unproven", "act"


@dataclass
class HostRecord:
    """One host's share of ``outcome.json``."""

    status: str = DONE
    changed: int = 0
    tasks: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    role: str = ""
    task: str = ""
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


class Recorder:
    """Turns Ansible's events into the run folder's files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events = (folder / "events.jsonl").open("a", encoding="utf-8", buffering=1)
        self._hosts: dict[str, HostRecord] = {}
        self._rescued: dict[str, tuple[str, str, failures.Outcome]] = {}

    def play(self, name: str) -> None:
        self._write("", "play", task=name)

    def started(self, host: str, role: str, task: str) -> None:
        self._write(host, "start", role=role, task=task)

    def ok(self, host: str, role: str, task: str, result: dict[str, Any]) -> None:
        record = self._host(host)
        record.tasks += 1
        changed = bool(result.get("changed"))
        record.changed += changed
        for one in (result, *(result.get("results") or [])):
            record.findings += one.get("gpuhost_findings") or [] if isinstance(one, dict) else []
        if "kept" in result:
            record.removed += [*result["removed"], *(f"package:{name}" for name in result["packages"])]
            record.kept.update(result["kept"])
        self._write(host, "ok", role=role, task=task, changed=changed)

    def skipped(self, host: str, role: str, task: str) -> None:
        self._write(host, "skipped", role=role, task=task)

    def failed(self, host: str, role: str, task: str, result: dict[str, Any], rescued: bool) -> None:
        self._write(host, "failed", role=role, task=task, rescued=rescued)
        # A task that does several things may have done some of them.
        self._host(host).changed += bool(result.get("changed"))
        outcome = failures.of_result(host, task, result)
        if rescued:
            self._rescued[host] = (role, task, outcome)
        else:
            self._end(host, role, task, outcome)

    def unreachable(self, host: str, role: str, task: str, result: dict[str, Any]) -> None:
        self._write(host, "unreachable", role=role, task=task)
        self._end(host, role, task, failures.of_unreachable(host, str(result.get("msg", ""))))

    def finish(self, summary: dict[str, dict[str, int]]) -> None:
        """``outcome.json`` says how every host ended."""
        for host, counts in summary.items():
            # What looked as if it would be rescued was the host's end after all: Ansible's own count decides.
            if counts.get("failures") and self._host(host).status == DONE and host in self._rescued:
                self._end(host, *self._rescued[host])
            self._host(host)
        document = {host: vars(record) for host, record in sorted(self._hosts.items())}
        (self._folder / "outcome.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
        self._write("", "end")

    def _end(self, host: str, role: str, task: str, outcome: failures.Outcome) -> None:
        record = self._host(host)
        # Only before the first change may the word for an end be one that promises that nothing was changed.
        harmless = outcome.status not in (REFUSED, UNREACHABLE, INTEGRITY) or not record.changed
        record.status, record.role, record.task = outcome.status if harmless else FAILED, role, task
        seen = {(finding["id"], finding["seen"]) for finding in record.findings}
        record.findings += [one for one in outcome.findings if (one["id"], one["seen"]) not in seen]

    def _host(self, host: str) -> HostRecord:
        return self._hosts.setdefault(host, HostRecord())

    def _write(self, host: str, event: str, **more: Any) -> None:
        line = {"t": round(time.time(), 3), "host": host, "event": event, **more}
        self._events.write(json.dumps(line) + "\n")
