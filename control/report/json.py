"""``results.json``: the whole run for a machine. Schema: ``control/report/results-2.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from control.report.compare import Comparison
from control.report.model import HostReport, RunReport

SCHEMA = 2


def document(report: RunReport) -> dict[str, Any]:
    """The run as the published schema describes it."""
    return {
        "schema": SCHEMA,
        "run": {
            "id": report.run,
            "command": report.command,
            "site": report.site,
            "started": report.started,
            "seconds": report.seconds,
            "exit_code": report.exit_code,
        },
        "hosts": {host.name: _host(host) for host in report.hosts},
    }


def render(report: RunReport) -> str:
    """The document as text."""
    return json.dumps(document(report), indent=1) + "\n"


def _host(host: HostReport) -> dict[str, Any]:
    verdict = host.verdict
    return {
        "status": host.status,
        "changed": host.changed,
        "due": list(host.due),
        "verdict": {"level": verdict.level, "words": verdict.words, "reason": verdict.reason},
        "simulated": host.simulated,
        "stand_ins": host.stand_ins,
        "counts": host.counts,
        "services": [vars(service) for service in host.services],
        "findings": [dict(finding) for finding in host.findings],
        "drift": [dict(thing) for thing in host.drift],
        "taken_at": host.taken_at,
        "duration_s": host.duration_s,
        "level": host.level,
        "only": list(host.only),
        "facts": dict(host.facts),
        "comparison": _comparison(host.comparison),
        "results": None if host.results is None else [result.as_dict() for result in host.results],
    }


def _comparison(compared: Comparison | None) -> dict[str, Any] | None:
    if compared is None:
        return None
    past = compared.previous
    return {
        "run": past.run,
        "command": past.command,
        "level": past.level,
        "taken_at": past.taken_at,
        "rates": [
            {
                "id": change.id,
                "unit": change.now.unit,
                "run": change.run,
                "before": change.before.value,
                "now": change.now.value,
                "ratio": round(change.ratio, 4),
                "change": change.change,
            }
            for change in compared.rates
        ],
        "facts": [asdict(change) for change in compared.facts] if compared.known else None,
        "checks": [{"id": change.id, "before": change.before, "now": change.now} for change in compared.checks],
    }
