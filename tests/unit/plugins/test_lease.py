"""A run gives a host back however it ends, and what it still holds can be told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from control import lease
from control.paths import PLAYBOOKS_DIR
from tests.unit.contract import repository
from tests.unit.plugins.conftest import Play, outcome

HOSTS = ("fine", "broken", "stopped")
HELD = {"name": "Take", "gpuhost_lease": {"state": "held"}}
TOUCHED = {"name": "Show that it lives", "gpuhost_lease": {"state": "touched"}}


def last_play(playbook: str) -> dict[str, Any]:
    return dict(repository.load(PLAYBOOKS_DIR / f"{playbook}.yml")[-1])


def work(*tasks: dict[str, Any]) -> dict[str, Any]:
    """The block of ``site.yml`` that holds a host, with other work in it."""
    (block,) = last_play("site")["tasks"]
    return {**block, "block": list(tasks)}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file system for each host."""
    top = tmp_path_factory.mktemp("roots")
    for host in HOSTS:
        boot = top / host / "proc/sys/kernel/random/boot_id"
        boot.parent.mkdir(parents=True)
        boot.write_text("boot-1\n")
    return top


@pytest.fixture(scope="module")
def run(play: Play, roots: Path) -> Path:
    fails = {"name": "Fail", "ansible.builtin.fail": {"msg": "no"}, "when": "fails"}
    stops = {"name": "Stop", "ansible.builtin.meta": "end_host", "when": "stops"}
    plays = [
        {
            "hosts": "gpuhost",
            "gather_facts": False,
            "strategy": last_play("site")["strategy"],
            "environment": {"GPUHOST_ROOT": "{{ root }}"},
            "tasks": [HELD, TOUCHED, stops, work(fails)],
        }
    ]
    hosts = {host: {"fails": host == "broken", "stops": host == "stopped", "root": str(roots / host)} for host in HOSTS}
    return play(plays, hosts)


def holder(roots: Path, host: str) -> Any:
    path = roots / host / "var/lib/gpuhost/lease.json"
    return json.loads(path.read_text())["owner"]["run"] if path.exists() else None


@pytest.mark.parametrize(("host", "status"), [("fine", "done"), ("broken", "failed")])
def test_a_host_is_given_back_whether_or_not_the_work_succeeds(run: Path, roots: Path, host: str, status: str) -> None:
    assert outcome(run)[host]["status"] == status
    assert holder(roots, host) is None


def test_a_run_notes_which_hosts_it_still_holds(run: Path, roots: Path) -> None:
    assert holder(roots, "stopped") == run.name
    assert lease.held_in(run) == ["stopped"]


def test_who_only_shows_that_a_run_lives_takes_no_host(play: Play, roots: Path) -> None:
    free = roots / "free"
    shutil.copytree(roots / "fine" / "proc", free / "proc")
    plays = [{"hosts": "gpuhost", "gather_facts": False, "environment": {"GPUHOST_ROOT": str(free)}, "tasks": [TOUCHED]}]
    run = play(plays, {"free": {}})
    assert outcome(run)["free"]["status"] == "done"
    assert holder(roots, "free") is None
    assert lease.held_in(run) == []


@pytest.mark.parametrize("playbook", ["site", "remove"])
def test_all_that_changes_a_host_is_between_taking_it_and_giving_it_back(playbook: str) -> None:
    play = last_play(playbook)
    tasks = [*play.get("pre_tasks", []), *play["tasks"]]
    taken = next(number for number, task in enumerate(tasks) if task.get("gpuhost_lease") == {"state": "held"})
    (rest,) = tasks[taken + 1 :]
    assert [task["gpuhost_lease"] for task in rest["always"]] == [{"state": "released"}]
    assert not {"roles", "post_tasks", "handlers"} & set(play)
    # Handlers would else run when the host is somebody else's.
    assert rest["block"][-1]["ansible.builtin.meta"] == "flush_handlers"
