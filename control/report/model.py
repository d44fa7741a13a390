"""What a report says: the run, its hosts, and one verdict for each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from verify.result import FAIL, PASS, UNVERIFIABLE, Result

#: What the areas of the checks are called in a report; the first part of a result's id.
AREAS = {
    "system": "System",
    "access": "Device access",
    "driver": "Driver",
    "rocm": "ROCm tools",
    "containers": "Containers",
    "services": "Services",
    "wiring": "Wiring",
    "generate": "Ollama at work",
    "torch": "PyTorch",
    "correctness": "Right numbers",
    "memory": "GPU memory",
    "rate": "Rates",
    "peers": "Between GPUs",
    "burn": "Endurance",
}


@dataclass(frozen=True)
class Verdict:
    """``level`` is ``certified``, ``warnings``, ``simulated``, ``failed`` or ``unverified``."""

    level: str
    words: str
    reason: str

    @property
    def good(self) -> bool:
        """Whether nothing is known to be wrong."""
        return self.level in ("certified", "warnings", "simulated")


@dataclass(frozen=True)
class Service:
    """One service as the plan has it and the checks saw it."""

    name: str
    url: str
    image: str
    gpu: bool
    model: str | None
    answers: str
    stand_in: str | None


@dataclass(frozen=True)
class HostReport:
    """One host of a run. ``results`` is ``None`` where the checks did not run."""

    name: str
    status: str = "done"
    changed: int = 0
    results: tuple[Result, ...] | None = None
    simulated: bool = False
    taken_at: str = ""
    duration_s: float | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    due: tuple[str, ...] = ()
    drift: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()

    def of(self, status: str) -> list[Result]:
        """The results with that status."""
        return [result for result in self.results or () if result.status == status]

    @property
    def counts(self) -> dict[str, int]:
        return {status: len(self.of(status)) for status in (PASS, FAIL, UNVERIFIABLE)}

    def by_area(self) -> Iterator[tuple[str, list[Result]]]:
        """``(area, results)`` in the order of the checks."""
        for area, rows in groupby(self.results or (), key=area_of):
            yield area, list(rows)

    @property
    def expected(self) -> Mapping[str, Any]:
        roles = self.plan.get("roles") or {}
        found: Mapping[str, Any] = (roles.get("verify") or {}).get("expected") or {}
        return found

    @property
    def stand_ins(self) -> dict[str, str]:
        """Service to what its stand-in says of itself."""
        found = {}
        for result in self.results or ():
            area, _, rest = result.id.partition(".")
            if (
                area == "containers"
                and rest.endswith(".image")
                and isinstance(result.seen, dict)
                and "STAND-IN" in result.seen
            ):
                found[rest.removesuffix(".image")] = str(result.seen["STAND-IN"])
        return found

    @property
    def services(self) -> list[Service]:
        by_id = {result.id: result for result in self.results or ()}
        return [
            Service(
                name=row["name"],
                url=row["url"],
                image=row["image"],
                gpu=bool(row.get("gpu")),
                model=row.get("model"),
                answers=_answers(by_id, row["name"]),
                stand_in=self.stand_ins.get(row["name"]),
            )
            for row in self.expected.get("services") or []
        ]

    @cached_property
    def verdict(self) -> Verdict:
        """The one line that this host comes down to, and why."""
        return judge(self)


def area_of(result: Result) -> str:
    """The area of a result: the first part of its id."""
    return result.id.partition(".")[0]


def _answers(by_id: Mapping[str, Result], name: str) -> str:
    """``works``, ``fails`` or ``unknown``: over everything that was asked about this service by content."""
    rows = [result for id, result in by_id.items() if id.startswith((f"services.{name}.", f"containers.{name}.running"))]
    if any(result.status == FAIL for result in rows):
        return "fails"
    return "works" if any(result.status == PASS for result in rows) else "unknown"


def judge(host: HostReport) -> Verdict:
    """Failures first, then what cannot count as proof, then what deserves a look."""
    if host.status not in ("done", "unproven"):
        return Verdict("failed", "not certified", _ended(host))
    if host.results is None:
        return Verdict("unverified", "not verified", "the checks did not run on this host in this run")
    failed = host.of(FAIL)
    if failed:
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        return Verdict("failed", "not certified", f"{failed[0].why or failed[0].id}{more}")
    if host.simulated:
        reason = "the GPU is simulated: nothing here proves that a GPU works"
        return Verdict("simulated", "works as far as can be seen without a GPU — SIMULATED", reason)
    if host.stand_ins:
        reason = f"{', '.join(host.stand_ins)} are stand-ins, not the real images"
        return Verdict("simulated", "works as far as can be seen — STAND-IN", reason)
    return _with_care(host)


def _ended(host: HostReport) -> str:
    """How a run ended that did not get to the checks, with what was seen where that is known."""
    seen = next((str(finding["seen"]) for finding in host.findings if finding.get("level") == "refuse"), "")
    return f"{host.status}: {seen}" if seen else f"the run ended with: {host.status}"


def _with_care(host: HostReport) -> Verdict:
    words = "certified" if host.expected.get("gpus") else "certified, for the CPU alone"
    notes = []
    if open_ := len(host.of(UNVERIFIABLE)):
        notes.append(f"{open_} checks could not be verified here")
    if host.drift and not host.due:
        notes.append(f"{len(host.drift)} things changed since the host was sealed")
    if warned := sum(finding.get("level") == "warn" for finding in host.findings):
        notes.append(f"{warned} warnings")
    if notes:
        return Verdict("warnings", words.replace("certified", "certified with warnings", 1), "; ".join(notes))
    return Verdict("certified", words, f"all {len(host.results or ())} checks passed")


@dataclass(frozen=True)
class RunReport:
    """One run: what was asked for, how long it took, and every host of it."""

    command: str
    site: str
    started: str
    seconds: float | None
    exit_code: int | None
    hosts: tuple[HostReport, ...]
    log: str = ""

    @property
    def simulated(self) -> list[str]:
        """The hosts whose GPU is simulated."""
        return [host.name for host in self.hosts if host.simulated]

    @property
    def stand_ins(self) -> dict[str, str]:
        """Every stand-in of the run, by service."""
        return {name: text for host in self.hosts for name, text in host.stand_ins.items()}
