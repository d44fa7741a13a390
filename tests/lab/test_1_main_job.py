"""The main job on real hosts: from bare to proven, and again without a change."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from control.lab import inventory as lab_inventory
from control.lab import names
from control.paths import COMMON_INVENTORY, INVENTORY_DIR, PLAYBOOKS_DIR
from control.roles import ROLES
from tests.lab import state
from tests.lab.conftest import ROOT, SITE, Fleet, LabHost, gpuhost

pytestmark = pytest.mark.lab


def test_two_hosts_converge_at_once_while_the_third_is_off(fleet: Fleet) -> None:
    assert fleet.first_up.code == 12, fleet.first_up.text
    hosts = fleet.first_up.document["hosts"]
    assert {name: one["status"] for name, one in hosts.items()} == {
        fleet.debian12.name: "done",
        fleet.debian13.name: "done",
        fleet.stopped.name: "unreachable",
    }
    (finding,) = hosts[fleet.stopped.name]["findings"]
    assert finding["id"] == "GH-HOST-UNREACHABLE"


def test_every_role_ran_on_a_bare_host_in_order(fleet: Fleet) -> None:
    for host in fleet.working:
        assert tuple(fleet.first_up.document["hosts"][host.name]["due"]) == ROLES


def test_the_report_says_that_the_gpu_is_simulated_and_certifies_nobody(fleet: Fleet) -> None:
    html = Path(fleet.first_up.document["report"]["html"]).read_text(encoding="utf-8")
    assert "SIMULATED" in html
    assert "STAND-IN" in html
    results = json.loads((ROOT / fleet.first_up.document["report"]["json"]).read_text())
    levels = {name: one["verdict"]["level"] for name, one in results["hosts"].items()}
    assert levels == {**{host.name: "simulated" for host in fleet.working}, fleet.stopped.name: "failed"}


def test_a_second_run_is_one_look_and_changes_nothing(fleet: Fleet) -> None:
    before = {one.name: state.files(one) for one in fleet.working}
    done = gpuhost("up", "--site", SITE, "--host", f"{fleet.debian12.name},{fleet.debian13.name}", "--json")
    assert done.code == 0, done.text
    log = (ROOT / done.document["log"]).read_text()
    for host in fleet.working:
        outcome = done.document["hosts"][host.name]
        assert (outcome["due"], outcome["changed"]) == ({}, 0)
        assert state.difference(before[host.name], state.files(host)) == {}
    tasks = [line for line in log.splitlines() if line.startswith("TASK [") and "Validating arguments" not in line]
    assert [one.split("]")[0] for one in tasks[:2]] == [
        "TASK [preflight : Look, plan, and refuse what cannot work",
        "TASK [preflight : tell | Tell the roles what was decided",
    ]
    assert len(tasks) <= 3, tasks


def test_a_full_run_changes_nothing(fleet: Fleet) -> None:
    names_ = f"{fleet.debian12.name},{fleet.debian13.name}"
    done = gpuhost("up", "--site", SITE, "--host", names_, "--full", "--json")
    assert done.code == 0, done.text
    for host in fleet.working:
        outcome = done.document["hosts"][host.name]
        assert (tuple(outcome["due"]), outcome["changed"]) == (ROLES, 0), _changed(done.document["log"])


def _changed(log: str) -> str:
    """The tasks of a log that changed something."""
    task, found = "", []
    for line in Path(log).read_text(encoding="utf-8").splitlines():
        task = line if line.startswith("TASK [") else task
        if line.startswith("changed:"):
            found.append(task)
    return "; ".join(found)


def test_plain_ansible_comes_to_the_same_result(fleet: Fleet) -> None:
    command = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(COMMON_INVENTORY), "-i", str(INVENTORY_DIR / SITE)]
    command += ["--limit", fleet.debian12.name, "-e", '{"preflight_full": true}', str(PLAYBOOKS_DIR / "site.yml")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GPUHOST_")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "changed=0" in done.stdout
    assert gpuhost("drift", "--site", SITE, "--host", fleet.debian12.name).text.endswith("nothing drifted")


@pytest.mark.parametrize("which", ["debian12", "debian13"])
def test_every_change_lies_inside_a_footprint_or_a_package(fleet: Fleet, which: str) -> None:
    host: LabHost = getattr(fleet, which)
    files_before, packages_before = fleet.before[host.name]
    changed = state.difference(files_before, state.files(host))
    new_packages = state.difference(packages_before, state.packages(host))
    owned = state.owned_by_packages(host)
    footprint = state.footprint_paths(host)
    strange = [path for path in changed if path not in owned and not state.made_by_packages(path)]
    assert [path for path in strange if not state.covered(path, footprint)] == []
    assert set(new_packages) <= state.packages_of_seals(host)


def test_secrets_are_on_the_host_alone(fleet: Fleet) -> None:
    tokens = "for f in /etc/gpuhost/secrets/*/*; do cat $f; echo; done"
    values = fleet.debian12.run(f"{tokens}; grep -hoE '^(JWT_SECRET|SIG_[A-Z]+)=.*' /srv/gpuhost/anythingllm/.env")
    secrets = [line.split("=", 1)[-1].strip("'\"\n ") for line in values.splitlines() if line.strip()]
    assert len(secrets) == 5
    assert all(len(one) >= 32 for one in secrets)
    written = subprocess.run(
        ["grep", "-rlF", *(word for one in secrets for word in ("-e", one)), str(ROOT / "reports"), str(ROOT / "inventory")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert written.stdout == ""
    logged = fleet.debian12.run(f"journalctl --no-pager | grep -cF -e '{secrets[0]}' -e '{secrets[1]}'", check=False)
    assert logged.strip() == "0"
    seen = fleet.debian12.run("docker inspect gpuhost-jupyter gpuhost-anythingllm gpuhost-llamacpp; ps axww -o args")
    assert not [one for one in secrets if one in seen]


def test_the_lab_names_its_hosts_for_ssh(fleet: Fleet) -> None:
    assert "StrictHostKeyChecking=yes" in " ".join(lab_inventory.ssh_options(names.LAB_DIR))
