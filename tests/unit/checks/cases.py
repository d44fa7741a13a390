"""Hosts and plans that the rows of the sentences do not have: what is judged otherwise, without being a fault of its own."""

from __future__ import annotations

from tests.unit.checks import cases_host, cases_services
from tests.unit.checks.changes import Change

#: Area, name, what is seen otherwise, what is planned otherwise.
CASES: list[tuple[str, str, Change, Change]] = [*cases_host.CASES, *cases_services.CASES]
