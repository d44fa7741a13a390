"""Ollama on the host itself: in the place of its container, with its models, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import userdata
from tests.lab.conftest import Fleet, gpuhost
from tests.lab.test_4_data import Host

pytestmark = pytest.mark.lab

UNIT = "gpuhost-ollama.service"
SERVICES = ["anythingllm", "jupyter", "ollama"]


@pytest.fixture(scope="module")
def native(fleet: Fleet) -> Iterator[Host]:
    """A host with something of a user's in each service, that runs Ollama itself from now on."""
    one = Host(fleet.debian13)
    userdata.put(one.lab, SERVICES)
    one.want(services_enabled=SERVICES, services_native=["ollama"])
    done = one.up()
    assert done.code == 0, done.text
    yield one
    one.file.unlink()


def test_a_unit_runs_in_the_place_of_the_container(native: Host) -> None:
    assert "ollama" not in native.containers()
    assert sorted(native.containers()) == ["anythingllm", "jupyter"]
    assert native.lab.run(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").split() == ["active", "enabled"]
    assert userdata.lost(native.lab, SERVICES) == []
    images = native.lab.run("docker image ls --format '{{.Repository}}'").split()
    assert [name for name in images if name.endswith("ollama/ollama")] == []


def test_it_runs_as_a_user_of_its_own_who_may_use_the_gpu_and_nothing_else(native: Host) -> None:
    assert set(native.lab.run("id -nG gpuhost-ollama").split()) == {"gpuhost-ollama", "render", "video"}
    (process,) = native.lab.run("ps -o user:20= -p $(systemctl show --value -p MainPID gpuhost-ollama)").split()
    assert process == "gpuhost-ollama"
    assert "STAND-IN" in native.lab.run("cat /opt/gpuhost/ollama/*/STAND-IN")
    outside = native.lab.run("ss -ltnH 'sport = :11434' | awk '{print $4}'").split()
    assert "127.0.0.1:11434" in outside
    assert not [one for one in outside if one.startswith(("0.0.0.0", "*", "[::]"))]


def test_the_checks_hold_of_it_as_of_a_container(native: Host) -> None:
    done = gpuhost("verify", "--site", "lab", "--host", native.lab.name, "--json")
    assert done.code == 0, done.text
    results = {row["id"]: row for row in done.document["hosts"][native.lab.name]["results"]}
    assert not [id for id in results if id.startswith("containers.ollama.")]
    passed = {id for id, row in results.items() if row["status"] == "pass"}
    assert passed >= {
        *(
            f"units.ollama.{name}"
            for name in ("running", "program", "starts_at_boot", "user", "confined", "groups", "override")
        ),
        *("services.ollama.health", "services.ollama.exposure", "generate.ollama.text"),
        *("wiring.anythingllm.ollama", "wiring.jupyter.ollama", "services.anythingllm.llm_address"),
    }
    # Read from the journal; a GPU that is simulated proves nothing.
    assert results["generate.ollama.discovery"]["seen"] == "cpu"
    assert results["generate.ollama.discovery"]["status"] == "unverifiable"


def test_a_second_run_changes_nothing_and_services_shows_it(native: Host) -> None:
    done = native.up()
    outcome = done.document["hosts"][native.lab.name]
    assert (done.code, outcome["due"], outcome["changed"]) == (0, {}, 0)
    shown = gpuhost("services", "--site", "lab", "--host", native.lab.name)
    assert "running" in shown.text


def test_it_comes_back_after_a_boot(native: Host) -> None:
    native.lab.docker("restart")
    native.comes_back()
    native.lab.run(f"timeout 120 sh -c 'until systemctl is-active {UNIT}; do sleep 1; done'")
    assert userdata.lost(native.lab, SERVICES) == []


def test_a_container_takes_its_place_again_and_the_others_find_it(native: Host) -> None:
    """The last one: the host is then as the tests found it."""
    native.want(services_native=[])
    done = native.up()
    assert done.code == 0, done.text
    assert "ollama" in native.containers()
    assert native.lab.run(f"systemctl is-active {UNIT}", check=False).strip() == "inactive"
    assert userdata.lost(native.lab, SERVICES) == []
