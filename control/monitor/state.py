"""What is known of a host at a moment: whether its figures come, the last of them, and why none come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from control import failures

CONNECTING, LIVE, AWAY = "connecting", "live", "away"


@dataclass(frozen=True)
class HostState:
    """One host. Times are seconds on a clock of this machine that never goes back.

    :param sample: the last line that came, ``verify/schema/live-1.json``; kept while the host is away.
    :param since: when ``status`` began.
    :param findings: why the host is away.
    """

    host: str
    status: str = CONNECTING
    since: float = 0.0
    sample: Mapping[str, Any] | None = None
    came: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0

    def arrived(self, sample: Mapping[str, Any], now: float) -> HostState:
        """A line came."""
        since = self.since if self.status == LIVE else now
        return replace(self, status=LIVE, since=since, sample=sample, came=now, findings=[], attempts=0)

    def connects(self, now: float) -> HostState:
        """It is tried, for the first time or again. A host that is away stays so until a line comes."""
        since = now if self.status == CONNECTING and not self.attempts else self.since
        return replace(self, since=since, attempts=self.attempts + 1)

    def lost(self, why: str, now: float) -> HostState:
        """Nothing comes any more, or nothing ever came. What ssh and sudo say is told as in every other command."""
        since = self.since if self.status == AWAY else now
        found = failures.of_unreachable(self.host, why).findings
        return replace(self, status=AWAY, since=since, findings=found)

    @property
    def simulated(self) -> bool:
        """Whether anything shown of it is a simulation."""
        gpus = self.gpus
        return bool(self.sample and self.sample.get("simulated")) or any(gpu["simulated"] for gpu in gpus)

    @property
    def gpus(self) -> list[Mapping[str, Any]]:
        """Its GPUs as they were last seen; none where they could not be read."""
        said = self.sample.get("gpus") if self.sample else None
        return said if isinstance(said, list) else []
