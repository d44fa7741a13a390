"""One thing broken by hand on a host that works: exactly its check turns red, with a sentence, and mended it is green."""

from __future__ import annotations

from typing import Any

import pytest

from control.benchchecks import LOOKING
from tests.lab import remade
from tests.lab.conftest import Fleet, red, verify

pytestmark = pytest.mark.lab

PAGE = "/app/server/public/index.html"
IN_ANYTHINGLLM = "docker exec gpuhost-anythingllm"

#: What breaks it, what mends it, the check that turns red, words of its sentence, and ids that may only follow from it.
BREAKS = [
    pytest.param(
        "docker stop gpuhost-ollama",
        "docker start gpuhost-ollama",
        "containers.ollama.running",
        "ollama is not running",
        ("services.ollama.", "wiring.", "generate.ollama.", "containers.ollama."),
        id="ollama stopped",
    ),
    pytest.param(
        "docker stop gpuhost-jupyter",
        "docker start gpuhost-jupyter",
        "containers.jupyter.running",
        "jupyter is not running",
        ("services.jupyter.", "wiring.jupyter.", "torch.gpuhost-jupyter.", "containers.jupyter."),
        id="jupyter stopped",
    ),
    pytest.param(
        "docker pause gpuhost-ollama",
        "docker unpause gpuhost-ollama",
        "containers.ollama.running",
        "is paused",
        ("services.ollama.", "wiring.", "generate.ollama.", "containers.ollama."),
        id="ollama paused",
    ),
    pytest.param(
        "chgrp root /dev/kfd",
        "chgrp render /dev/kfd",
        "access.kfd.group",
        "members of render cannot open it",
        ("access.",),
        id="device group",
    ),
    pytest.param(
        "chmod 0666 /dev/dri/renderD128",
        "chmod 0660 /dev/dri/renderD128",
        "access.renderD128.mode",
        "every local process",
        ("access.",),
        id="device open to all",
    ),
    pytest.param(
        f"{IN_ANYTHINGLLM} sh -c 'cp {PAGE} /tmp/kept && echo 502 Bad Gateway > {PAGE}'",
        f"{IN_ANYTHINGLLM} cp /tmp/kept {PAGE}",
        "services.anythingllm.page",
        "does not show AnythingLLM",
        (),
        id="error page",
    ),
    pytest.param(
        "docker network disconnect gpuhost gpuhost-jupyter && docker network connect bridge gpuhost-jupyter",
        "docker network disconnect bridge gpuhost-jupyter && docker network connect --alias jupyter gpuhost gpuhost-jupyter",
        "wiring.jupyter.ollama",
        "not on one network",
        (),
        id="wiring",
    ),
    pytest.param(
        "gpasswd --delete gpuhost video",
        "gpasswd --add gpuhost video",
        "access.gpuhost.member",
        "gpuhost is not in video",
        ("access.",),
        id="membership",
    ),
    pytest.param(
        "docker update --restart no gpuhost-jupyter",
        "docker update --restart unless-stopped gpuhost-jupyter",
        "containers.jupyter.restart_policy",
        "does not come back by itself",
        (),
        id="restart policy",
    ),
    pytest.param(
        "mv /usr/bin/rocminfo /usr/bin/rocminfo.away",
        "mv /usr/bin/rocminfo.away /usr/bin/rocminfo",
        "rocm.rocminfo.present",
        "rocminfo is not installed",
        ("rocm.rocminfo.",),
        id="tool gone",
    ),
    pytest.param(
        "printf '#!/bin/sh\\nsleep 1000\\n' > /usr/local/bin/rocm-smi && chmod 755 /usr/local/bin/rocm-smi",
        "rm /usr/local/bin/rocm-smi",
        "rocm.rocm-smi.runs",
        "did not end within",
        ("rocm.rocm-smi.",),
        id="tool hangs",
    ),
]


#: A health check takes its time to say that all is well again.
ALL_WELL = (
    "timeout 90 sh -c 'until test $(docker ps --quiet --filter name=gpuhost- --filter health=healthy | wc -l) -eq 3; "
    "do sleep 1; done'"
)


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """The results of the host as it should be."""
    code, results = verify(fleet.debian13)
    assert red(results) == set()
    assert code == 0
    assert len(results) >= 35
    return results


@pytest.mark.parametrize(("break_it", "mend_it", "id", "words", "follow"), BREAKS)
def test_exactly_the_right_check_turns_red(
    fleet: Fleet,
    before: dict[str, dict[str, Any]],
    break_it: str,
    mend_it: str,
    id: str,
    words: str,
    follow: tuple[str, ...],
) -> None:
    fleet.debian13.run(break_it)
    try:
        code, results = verify(fleet.debian13)
    finally:
        fleet.debian13.run(mend_it)
        fleet.debian13.run(ALL_WELL)
    assert red(results) == {id}
    assert code == 15
    assert words in results[id]["why"]
    assert results[id]["next"]
    changed = {one for one, row in results.items() if row["status"] != before[one]["status"]} - {id}
    assert all(one.startswith(follow) for one in changed) if follow else not changed
    assert all(results[one]["why"].startswith(f"follows from {id}: ") for one in changed)


#: Two consumers that are wired otherwise than planned, at once: what each is made with, and the check that names it.
NO_DEVICES = ("host['Devices'] = []", "devices", "without the planned ones {} runs on the CPU at about a tenth of")
NO_GROUPS = ("host['GroupAdd'] = []", "groups", "runs with the groups none: only the numbers of the groups that")
STALE = ("env.append('HSA_OVERRIDE_GFX_VERSION=11.0.1')", "override", "HSA_OVERRIDE_GFX_VERSION")
MISWIRED = [(NO_DEVICES, STALE), (NO_GROUPS, NO_DEVICES), (STALE, NO_GROUPS)]


@pytest.mark.parametrize(("ollama", "jupyter"), MISWIRED, ids=[f"{a[1]}, {b[1]}" for a, b in MISWIRED])
def test_a_consumer_that_is_wired_otherwise_is_named(
    fleet: Fleet, before: dict[str, dict[str, Any]], ollama: tuple[str, str, str], jupyter: tuple[str, str, str]
) -> None:
    wrong = {"ollama": ollama, "jupyter": jupyter}
    try:
        for name, (change, _, _) in wrong.items():
            remade.make(fleet.debian13, f"gpuhost-{name}", change)
        fleet.debian13.run(ALL_WELL)
        code, results = verify(fleet.debian13)
    finally:
        for name in wrong:
            remade.back(fleet.debian13, f"gpuhost-{name}")
        fleet.debian13.run(ALL_WELL)
    assert code == 15
    assert red(results) == {f"containers.{name}.{property}" for name, (_, property, _) in wrong.items()}
    for name, (_, property, words) in wrong.items():
        assert words.format(name) in results[f"containers.{name}.{property}"]["why"]
    changed = {one for one, row in results.items() if row["status"] != before[one]["status"]} - red(results)
    assert all(results[one]["why"].startswith("follows from containers.") for one in changed)
    # What follows is about the same container.
    assert all(one.split(".")[1].removeprefix("gpuhost-") in results[one]["why"] for one in changed)


def test_the_speed_of_a_stand_in_is_measured_and_proves_nothing(fleet: Fleet) -> None:
    code, found = verify(fleet.debian13, ["speed"])
    assert code == 0
    assert set(found) == {"speed.ollama.tokens", "speed.ollama.prompt"}
    assert {row["status"] for row in found.values()} == {"unverifiable"}
    assert all("stand-in" in row["why"] or "simulated" in row["why"] for row in found.values())
    assert found["speed.ollama.tokens"]["seen"]["value"] > 0


def test_a_hundred_checks_cost_one_connection_and_two_seconds(fleet: Fleet) -> None:
    host = fleet.debian13
    host.run("true")
    began = host.run("date +%s.%N").strip()
    code, results = verify(host, LOOKING)
    assert code == 0
    logins = host.run(f"journalctl -u ssh --since @{began} --no-pager | grep -c 'Accepted publickey'", check=False)
    assert int(logins) <= 1, "one connection, or that of the command before"
    assert len(results) >= 100
    seconds = sorted(float(host.run(f"cd /opt/gpuhost && python3 -m verify run --json {' '.join(LOOKING)} | "
                                    "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"duration_s\"])'"))
                     for _ in range(3))  # fmt: skip
    assert seconds[0] < 2, seconds


def test_nothing_about_a_simulated_gpu_reads_as_a_pass(before: dict[str, dict[str, Any]]) -> None:
    about_gpu = {id: row["status"] for id, row in before.items() if id.startswith("driver.")}
    assert about_gpu
    assert set(about_gpu.values()) == {"unverifiable"}


def test_mended_it_is_as_before(fleet: Fleet, before: dict[str, dict[str, Any]]) -> None:
    code, results = verify(fleet.debian13)
    assert red(results) == set()
    assert code == 0
    assert {one: row["status"] for one, row in results.items()} == {one: row["status"] for one, row in before.items()}
