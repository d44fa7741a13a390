"""The site of three hosts, written once for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from control import report
from control.report.model import RunReport
from tests.unit.report import site_folder


@pytest.fixture(scope="session")
def site_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of now; the earlier ones lie beside it."""
    return site_folder.write(tmp_path_factory.mktemp("reports") / "north")


@pytest.fixture(scope="session")
def site_report(site_run: Path) -> RunReport:
    return report.load(site_run)


@pytest.fixture(scope="session")
def site_files(site_run: Path) -> dict[str, Path]:
    """What was written of that run, by kind."""
    return report.write(site_run)
