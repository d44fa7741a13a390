"""``report.html``: one page that needs nothing else, for a phone, a desk and a printer, light and dark."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from control.report.model import AREAS, HostReport, RunReport
from control.report.terminal import plain
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

WORDS = {PASS: "pass", FAIL: "fail", UNVERIFIABLE: "not verifiable here"}

#: Versions a reader looks for, and the results that show them on a working host.
SHOWN_BY = {
    "Docker Engine": "containers.engine.answers",
    "PyTorch on the host": "torch.host.version",
    "PyTorch build": "torch.host.build",
    "Ollama": "services.ollama.version",
    "Jupyter Server": "services.jupyter.version",
}


def render(report: RunReport) -> str:
    """The page as text. It loads nothing and runs no script."""
    return _template().render(
        report=report,
        areas=AREAS,
        words=WORDS,
        marks={PASS: "✓", FAIL: "✗", UNVERIFIABLE: "?"},
        statuses=(PASS, FAIL, UNVERIFIABLE),
        versions=versions,
        tunnel=tunnel,
        worst=worst,
        in_order=in_order,
        plain=plain,
        value=value,
        when=when,
        duration=duration,
    )


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def in_order(results: list[Result]) -> list[Result]:
    """Failures first, the rest as the checks gave them."""
    return sorted(results, key=lambda result: result.status != FAIL)


def worst(results: list[Result]) -> str:
    """The status that an area shows: a failure before what is unverifiable, and that before a pass."""
    found = {result.status for result in results}
    return next(status for status in (FAIL, UNVERIFIABLE, PASS) if status in found)


def versions(host: HostReport) -> dict[str, str]:
    """What runs on a host: system and kernel by its snapshot, the rest as the checks saw it."""
    system, kernel = host.snapshot.get("os") or {}, host.snapshot.get("kernel") or {}
    cpu, memory = host.snapshot.get("cpu") or {}, host.snapshot.get("memory") or {}
    found = {
        "System": system.get("pretty_name"),
        "Kernel": kernel.get("release"),
        "Processor": f"{cpu['model']} ({cpu.get('count')} threads)" if cpu.get("model") else None,
        "Memory": f"{memory['total_bytes'] / (1 << 30):.0f} GiB" if memory.get("total_bytes") else None,
    }
    by_id = {result.id: result for result in host.results or ()}
    for name, id in SHOWN_BY.items():
        result = by_id.get(id)
        found[name] = plain(result.seen) if result and result.status == PASS else None
    return {name: str(text) for name, text in found.items() if text}


def tunnel(host: HostReport) -> str:
    """The command that brings a host's services to the reader's own machine, ``""`` when they are not on loopback."""
    ports = [urlsplit(service.url) for service in host.services]
    forwards = [f"-L {url.port}:{url.hostname}:{url.port}" for url in ports if url.hostname in ("127.0.0.1", "::1")]
    return f"ssh -N {' '.join(forwards)} {host.name}" if forwards else ""


def value(seen: Any) -> str:
    """A value short enough for a table cell; long ones keep their beginning."""
    text = plain(seen) if not isinstance(seen, dict) or len(seen) < 6 else json.dumps(seen)
    return text if len(text) <= 240 else text[:237] + "…"


def when(stamp: str) -> str:
    """``2026-11-22 17:54 UTC`` for the stamps of a run and of results; any other text as it is."""
    for form in ("%Y-%m-%dT%H%M%S.%fZ", "%Y-%m-%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%SZ"):
        try:
            return datetime.strptime(stamp, form).replace(tzinfo=UTC).strftime("%Y-%m-%d %H:%M UTC")
        except ValueError:
            continue
    return stamp


def duration(seconds: float | None) -> str:
    """``41 s``, ``3 min 20 s``; ``""`` for nothing."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
