"""How tests are shared out where several processes run them: in whole files, and those on hosts all in one process."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

#: Tests that work on hosts of their own: they share these.
ON_HOSTS = ("tests/lab/", "tests/vm/")


class HostsTogether(LoadFileScheduling):
    """One process has all tests on hosts, one after the other; the others have their files."""

    def _split_scope(self, nodeid: str) -> str:
        return "hosts" if nodeid.startswith(ON_HOSTS) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> HostsTogether:
    # xdist's own `loadgroup` reads groups that no pytest since 9 passes on.
    return HostsTogether(config, log)
