"""What a report says: the run, its hosts, and one verdict for each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from control.report.compare import Comparison, compare
from control.report.past import Past
from control.report.rates import Rate, among
from control.report.verdict import LEVELS, Verdict, judge
from verify.result import FAIL, PASS, UNVERIFIABLE, Result


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
    level: str = ""
    only: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    #: Earlier runs that checked this host, newest first: the one before this, and those that measured rates.
    previous: Past | None = None
    measured: tuple[Past, ...] = ()

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
            name, _, what = rest.rpartition(".")
            labelled = isinstance(result.seen, dict) and "STAND-IN" in result.seen
            if (area, what) in (("containers", "image"), ("units", "program")) and labelled:
                found[name] = str(result.seen["STAND-IN"])
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
    def rates(self) -> dict[str, Rate]:
        """By id, the rates that this run measured."""
        return among(result.as_dict() for result in self.results or ())

    @cached_property
    def comparison(self) -> Comparison | None:
        """What is otherwise than in the run before; ``None`` where there is no such run, or none now."""
        return compare(self)

    @cached_property
    def verdict(self) -> Verdict:
        """The one line that this host comes down to, and why."""
        return judge(self)


def area_of(result: Result) -> str:
    """The area of a result: the first part of its id."""
    return result.id.partition(".")[0]


def _answers(by_id: Mapping[str, Result], name: str) -> str:
    """``works``, ``fails`` or ``unknown``: over everything that was asked about this service by content."""
    about = (f"services.{name}.", f"containers.{name}.running", f"units.{name}.running")
    rows = [result for id, result in by_id.items() if id.startswith(about)]
    if any(result.status == FAIL for result in rows):
        return "fails"
    return "works" if any(result.status == PASS for result in rows) else "unknown"


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
    run: str = ""

    @property
    def worst_first(self) -> list[HostReport]:
        """The hosts as a reader wants them: what needs somebody comes first."""
        return sorted(self.hosts, key=lambda host: LEVELS.index(host.verdict.level))

    @property
    def simulated(self) -> list[str]:
        """The hosts whose GPU is simulated."""
        return [host.name for host in self.hosts if host.simulated]

    @property
    def stand_ins(self) -> dict[str, str]:
        """Every stand-in of the run, by service."""
        return {name: text for host in self.hosts for name, text in host.stand_ins.items()}
