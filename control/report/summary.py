"""``summary.json``: what a site's list of runs shows of one run. Schema: ``control/report/summary-1.json``."""

from __future__ import annotations

import json
from typing import Any

from control.report.model import HostReport, RunReport
from control.report.sentences import gpus, since

SCHEMA = 1


def document(report: RunReport) -> dict[str, Any]:
    """The run and the verdict of each host, as the published schema describes them."""
    return {
        "schema": SCHEMA,
        "id": report.run,
        "command": report.command,
        "site": report.site,
        "started": report.started,
        "seconds": report.seconds,
        "exit_code": report.exit_code,
        "hosts": {host.name: _host(host) for host in report.hosts},
    }


def render(report: RunReport) -> str:
    """The document as text."""
    return json.dumps(document(report), indent=1) + "\n"


def _host(host: HostReport) -> dict[str, Any]:
    verdict = host.verdict
    return {
        "level": verdict.level,
        "words": verdict.words,
        "reason": verdict.reason,
        "checked": host.results is not None and not host.only,
        "depth": host.level,
        "gpus": gpus(host),
        "since": since(host.comparison) if host.comparison else "",
        "rated": sorted(id for id, rate in host.rates.items() if rate.status != "fail") if not host.simulated else [],
    }
