"""Long steps: started once, joined, followed; killed at any point and repaired by the next start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onhost import paths, step_records, steps, units
from tests.unit.onhost.fake_host import FakeHost

SPEC = {"packages": ["tool"], "update": True}


def advance(**options: Any) -> dict[str, Any]:
    return steps.advance("tools", "apt", SPEC, **{"wait": 20, **options})


def test_what_is_there_already_is_not_needed(host: FakeHost) -> None:
    answer = steps.advance("tools", "apt", {"packages": ["rocminfo"]})
    assert (answer["state"], answer["changed"], answer["result"]["rc"]) == ("not_needed", False, 0)
    assert host.noted("started") == []


def test_a_step_runs_to_its_end_and_names_what_it_installed(host: FakeHost) -> None:
    answer = advance()
    assert (answer["state"], answer["changed"]) == ("done", True)
    assert answer["result"]["installed"] == ["tool"]
    again = advance()
    assert (again["state"], again["changed"], again["result"]["installed"]) == ("not_needed", False, ["tool"])
    assert len(host.noted("started")) == 1


def test_a_running_step_is_joined_and_not_started_twice(host: FakeHost) -> None:
    host.say("hold")
    progress = paths.step("tools") / "progress.json"
    assert advance(wait=0)["state"] == "running"
    host.wait_for(progress, "download")
    joined = advance(wait=0)
    assert (joined["state"], joined["changed"]) == ("running", True)
    assert joined["progress"]["phase"] == "download"
    assert (joined["progress"]["done"], joined["progress"]["total"], joined["progress"]["unit"]) == (500, 1000, "bytes")
    (host.folder / "hold").unlink()
    assert advance(follow=True)["state"] == "done"
    assert len(host.noted("started")) == 1


def test_a_failure_is_told_once_and_the_next_run_tries_again(host: FakeHost) -> None:
    host.say("failure", "E: Failed to fetch http://ada:pw@mirror/tool.deb  404  Not Found\n")
    answer = advance()
    assert answer["state"] == "failed"
    assert answer["result"]["error_id"] == "GH-APT-UNREACHABLE"
    assert "404" in answer["result"]["error"]
    assert "ada:pw" not in json.dumps(answer)
    assert advance(follow=True)["state"] == "failed"
    assert len(host.noted("started")) == 1
    (host.folder / "failure").unlink()
    assert advance()["state"] == "done"


def test_a_killed_step_is_told_and_repaired_by_the_next_start(host: FakeHost) -> None:
    host.say("hold")
    advance(wait=0)
    host.wait_for(paths.step("tools") / "progress.json", "download")
    host.kill_unit()
    answer = advance(follow=True)
    assert (answer["state"], answer["result"]["error_id"]) == ("failed", "GH-STEP-FAILED")
    assert "without a result" in answer["result"]["error"]
    (host.folder / "hold").unlink()
    assert advance()["state"] == "done"


def test_packages_of_a_killed_run_are_still_ours(host: FakeHost) -> None:
    paths.step("tools").mkdir(parents=True)
    history = paths.step("tools") / "runs.jsonl"
    history.write_text('{"planned": ["rocminfo", "never-came"]}\n{"planned": ["libhsa')
    assert step_records.installed_by("tools") == ["rocminfo"]
    assert step_records.installed_with({"rocminfo"}) == ["rocminfo"]
    assert step_records.installed_with({"libc6"}) == []


def test_asking_starts_nothing(host: FakeHost) -> None:
    answer = advance(check=True)
    assert (answer["state"], answer["changed"]) == ("needed", True)
    assert host.noted("started") == []


def test_a_second_starter_loses_without_harm(host: FakeHost) -> None:
    host.say("units/gpuhost-tools.service")
    assert advance(wait=0)["state"] == "running"
    assert host.noted("started") == []


def test_the_snapshot_tells_active_and_ended_steps_apart(host: FakeHost) -> None:
    advance()
    host.say("hold")
    steps.advance("more", "apt", {"packages": ["more"]}, wait=0)
    status = step_records.status()
    assert (status["tools"]["active"], status["tools"]["result"]["rc"]) == (False, 0)
    assert (status["more"]["active"], status["more"]["result"]) == (True, None)
    (host.folder / "hold").unlink()
    steps.advance("more", "apt", {"packages": ["more"]}, wait=20)


def test_a_service_that_somebody_installed_under_such_a_name_is_no_step_at_work(host: FakeHost) -> None:
    host.say("installed/gpuhost-exporter.service")
    host.say("units/gpuhost-tools.service")
    assert units.active() == ["tools"]


def test_a_fault_of_our_own_is_a_result_too(host: FakeHost) -> None:
    answer = steps.advance("tools", "apt", {"packages": ["tool"], "remove_allowed": 5}, wait=20)
    assert answer["state"] == "failed"
    assert answer["result"]["error_id"] == "GH-BUG"
    assert "Traceback" in answer["result"]["detail"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a" * 200])
def test_a_name_that_cannot_be_a_unit_is_refused(root: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a unit"):
        steps.advance(name, "apt", SPEC)
