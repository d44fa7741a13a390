"""How a run is remembered: what a host ended with, whatever was tried on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import findings
from control.events import Recorder

UNHEALTHY = {"gpuhost_finding": {"id": "GH-CONTAINER-UNHEALTHY", "seen": "gpuhost-ollama is exited"}}


def outcome(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "outcome.json").read_text())["gpu01"])


def counts(**given: int) -> dict[str, dict[str, int]]:
    return {"gpu01": {"failures": 0, "unreachable": 0, **given}}


def test_a_rescued_failure_is_not_the_hosts_end(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.failed("gpu01", "services", "Start it", {"msg": "no"}, rescued=True)
    recorder.finish(counts(rescued=1))
    assert outcome(tmp_path)["status"] == "done"


def test_what_ansible_counts_as_a_failure_is_one_even_if_it_looked_rescued(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.failed("gpu01", "services", "Bring it back", UNHEALTHY, rescued=True)
    recorder.finish(counts(failures=1))
    assert outcome(tmp_path)["status"] == "failed"
    assert outcome(tmp_path)["findings"][0]["id"] == "GH-CONTAINER-UNHEALTHY"


@pytest.mark.parametrize(("changed", "status"), [(False, "unreachable"), (True, "failed")])
def test_a_host_lost_on_the_way_is_not_said_to_be_unchanged(tmp_path: Path, changed: bool, status: str) -> None:
    recorder = Recorder(tmp_path)
    recorder.ok("gpu01", "rocm", "Install", {"changed": changed})
    recorder.unreachable("gpu01", "services", "Pull", {"msg": "ssh: connect to host gpu01 port 22: Connection refused"})
    recorder.finish(counts(unreachable=1))
    assert outcome(tmp_path)["status"] == status
    assert outcome(tmp_path)["findings"][0]["id"] == "GH-HOST-UNREACHABLE"


def test_what_the_items_of_a_loop_remark_is_remembered(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    remark = {"gpuhost_findings": [{"id": "GH-MODEL-CACHE", "seen": "it is off"}]}
    recorder.ok("gpu01", "services", "Fetch", {"results": [{"changed": False}, remark]})
    recorder.finish(counts())
    assert [one["id"] for one in outcome(tmp_path)["findings"]] == ["GH-MODEL-CACHE"]


def test_a_fault_of_our_own_on_a_host_is_told_as_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    fault = {"gpuhost_finding": {"id": "GH-BUG", "seen": "KeyError: 'x'"}}
    recorder.failed("gpu01", "rocm", "Install", fault, rescued=False)
    recorder.finish(counts(failures=1))
    assert outcome(tmp_path)["status"] == "lost"


def test_removal_remembers_what_went_and_what_stayed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    result = {"changed": True, "removed": ["file:/x"], "packages": ["rocminfo"], "kept": {"a": "b"}}
    recorder.ok("gpu01", "rocm", "Remove", result)
    recorder.finish(counts())
    assert outcome(tmp_path)["removed"] == ["file:/x", "package:rocminfo"]
    assert outcome(tmp_path)["kept"] == {"a": "b"}


@pytest.mark.parametrize(
    ("before", "by_itself", "status"), [(False, False, "refused"), (True, False, "failed"), (False, True, "failed")]
)
def test_bad_input_met_after_a_change_is_not_said_to_have_changed_nothing(
    tmp_path: Path, before: bool, by_itself: bool, status: str
) -> None:
    recorder = Recorder(tmp_path)
    recorder.ok("gpu01", "services", "Run the containers", {"changed": before})
    finding = findings.make("GH-MODEL-UNKNOWN", "gpu01", "no such model").as_dict()
    met = {"gpuhost_findings": [finding], "changed": by_itself}
    recorder.failed("gpu01", "services", "Fetch the models", met, rescued=False)
    recorder.finish(counts(failures=1))
    assert outcome(tmp_path)["status"] == status
