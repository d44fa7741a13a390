"""What is otherwise on a host than in the run before: rates, what may explain them, and verdicts of checks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from control.report.rates import Rate
from verify.result import FAIL, PASS

if TYPE_CHECKING:
    from control.report.model import HostReport
    from control.report.past import Past

SLOWER, FASTER, SAME = "slower", "faster", "same"

#: A rate that falls to less than this part of what it was is slower. Processors share their time with others.
NOTED, NOTED_OF_CPU = 0.95, 0.8
#: Facts of which a host has several, and the fact that is there when they could be read: one that is only on one side
#: then came or went.
_SEVERAL = {"gpu": "gpus", "image": "engine"}


@dataclass(frozen=True)
class RateChange:
    """A rate now and in ``run``, the last one that measured it too; ``change`` is ``slower``, ``faster`` or ``same``."""

    id: str
    run: str
    before: Rate
    now: Rate
    change: str

    @property
    def ratio(self) -> float:
        """Now over before."""
        return self.now.value / self.before.value


@dataclass(frozen=True)
class FactChange:
    """Something of the host that is otherwise; ``None`` where it was not there, or is no more."""

    id: str
    before: str | None
    now: str | None


@dataclass(frozen=True)
class CheckChange:
    """A check with another status than before; ``before`` is ``None`` for one that was not made then and fails now.

    ``rated``: it is about a rate, which stands among those too.
    """

    id: str
    before: str | None
    now: str
    rated: bool = False

    @property
    def worse(self) -> bool:
        """Whether something passed and passes no more, or fails and did not."""
        return self.before == PASS or self.now == FAIL


@dataclass(frozen=True)
class Comparison:
    """A host's run beside an earlier one: the last that went as deep, else the last one at all.

    ``known`` says whether both runs noted what runs on the host.
    """

    previous: Past
    rates: tuple[RateChange, ...]
    facts: tuple[FactChange, ...]
    checks: tuple[CheckChange, ...]
    known: bool

    def of(self, change: str) -> list[RateChange]:
        """The rates that changed so, the largest change first."""
        found = [rate for rate in self.rates if rate.change == change]
        return sorted(found, key=lambda rate: round(min(rate.ratio, 1 / rate.ratio), 2))

    @property
    def turned(self) -> list[CheckChange]:
        """The checks with another verdict, but for those of rates."""
        return [change for change in self.checks if not change.rated]

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        return not (self.facts or self.checks or self.of(SLOWER) or self.of(FASTER))


def compare(host: HostReport) -> Comparison | None:
    """The host beside its earlier runs; ``None`` where it was not checked now, or never before."""
    if host.previous is None or host.results is None:
        return None
    past = _alike(host) or host.previous
    known = bool(past.facts and host.facts)
    return Comparison(past, tuple(_rates(host)), tuple(_facts(host, past)), tuple(_checks(host, past)), known)


def _alike(host: HostReport) -> Past | None:
    """The last run that measured most of what this one measured: what changed since explains its rates, and a quick
    run in between does not hide it.
    """
    if not host.rates:
        return None
    most = len(host.rates) / 2
    return next((past for past in host.measured if len(past.rates.keys() & host.rates.keys()) >= most), None)


def _rates(host: HostReport) -> Iterator[RateChange]:
    for id, now in host.rates.items():
        past = next((past for past in host.measured if id in past.rates), None)
        if past is not None and past.rates[id].unit == now.unit and past.rates[id].value > 0 and now.value > 0:
            yield RateChange(id, past.run, past.rates[id], now, change(past.rates[id], now))


def change(before: Rate, now: Rate) -> str:
    """Slower or faster, when the difference is worth a word and is more than the spread of both."""
    noted = NOTED_OF_CPU if now.of.device == "cpu" or now.of.name == "launch" else NOTED
    if now.value < noted * before.value and not _overlap(now, before):
        return SLOWER
    if before.value < noted * now.value and not _overlap(before, now):
        return FASTER
    return SAME


def _overlap(lower: Rate, upper: Rate) -> bool:
    return lower.high is not None and upper.low is not None and lower.high >= upper.low


def _facts(host: HostReport, previous: Past) -> Iterator[FactChange]:
    if host.simulated != previous.simulated:
        words = {True: "simulated", False: "real"}
        yield FactChange("simulated", words[previous.simulated], words[host.simulated])
    for id in dict.fromkeys([*host.facts, *previous.facts]):
        before, now = previous.facts.get(id), host.facts.get(id)
        read = _SEVERAL.get(id.partition(".")[0])
        if before != now and ((before and now) or (read in host.facts and read in previous.facts)):
            yield FactChange(id, before, now)


def _checks(host: HostReport, previous: Past) -> Iterator[CheckChange]:
    for result in host.results or ():
        before = previous.statuses.get(result.id)
        if before != result.status and (before is not None or result.status == FAIL):
            yield CheckChange(result.id, before, result.status, result.id in host.rates)
