"""The report of a real run: beside the run before it, in the list of its site, and of no GPU that is only simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import ROOT, SITE, Done, Fleet, gpuhost
from tests.lab.test_3_checks import ALL_WELL

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def runs(fleet: Fleet) -> tuple[Done, Done]:
    """A run on the host as it should be, and one with Ollama stopped."""
    well = gpuhost("verify", "--site", SITE, "--host", fleet.debian13.name, "--json")
    fleet.debian13.run("docker stop gpuhost-ollama")
    try:
        broken = gpuhost("verify", "--site", SITE, "--host", fleet.debian13.name, "--json")
    finally:
        fleet.debian13.run("docker start gpuhost-ollama")
        fleet.debian13.run(ALL_WELL)
    return well, broken


def id_of(done: Done) -> str:
    return Path(done.document["report"]["html"]).parent.name


def host_of(done: Done, fleet: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = done.document["hosts"][fleet.debian13.name]
    return found


def test_a_run_is_compared_with_the_one_before(fleet: Fleet, runs: tuple[Done, Done]) -> None:
    well, broken = runs
    compared = host_of(broken, fleet)["comparison"]
    assert compared["run"] == id_of(well)
    assert {"id": "containers.ollama.running", "before": "pass", "now": "fail"} in compared["checks"]
    assert all(one["before"] == "pass" for one in compared["checks"])
    assert compared["facts"] == []


def test_what_may_explain_a_change_was_noted(fleet: Fleet, runs: tuple[Done, Done]) -> None:
    noted = host_of(runs[0], fleet)["facts"]
    assert {"system", "kernel", "driver", "rocm", "engine", "gpus", "image.ollama", "torch.host", "version.ollama"} <= set(
        noted
    )
    assert "simulated" in noted["driver"]


def test_the_verdict_is_no_certificate(fleet: Fleet, runs: tuple[Done, Done]) -> None:
    assert [host_of(done, fleet)["verdict"]["level"] for done in runs] == ["simulated", "failed"]


def test_the_page_and_the_list_of_runs_have_it(fleet: Fleet, runs: tuple[Done, Done]) -> None:
    _, broken = runs
    files = {kind: ROOT / path for kind, path in broken.document["report"].items()}
    page = files["html"].read_text(encoding="utf-8")
    assert "Since the run of" in page
    assert "SIMULATED" in page
    assert f"{id_of(broken)}/report.html#host-{fleet.debian13.name}" in files["index"].read_text(encoding="utf-8")
    assert (files["index"].parent / "latest-report").resolve().name == id_of(broken)
    listed = gpuhost("reports", "--site", SITE, "--json").document["sites"][SITE]
    [row] = [row for row in listed if row["run"] == id_of(broken)]
    assert row["hosts"] == {fleet.debian13.name: "not certified"}
