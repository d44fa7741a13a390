"""Services on the host itself: the program, who runs it, with which GPU, and what containers call it."""

from __future__ import annotations

from typing import Any

import pytest

from control.support import Table
from tests.unit.planner.conftest import Make, container, ids, rules, snapshot

RX6600 = "debian-12-rx6600"
XTX = "ubuntu-24.04-rx7900xtx"
SIMULATED = "debian-13-rx6600-simulated"
NONE = "debian-13-nogpu"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"


def unit(plan: Any) -> dict[str, Any]:
    (found,) = plan.roles["services"]["units"]
    return dict(found)


def test_without_a_word_everything_runs_in_containers(make: Make) -> None:
    part = make(RX6600).roles["services"]
    assert (part["units"], part["packages"]) == ([], [])
    assert container(make(RX6600), "ollama")["units"] == [
        *("gpuhost-ollama.service", "gpuhost-ollama-bridge.socket", "gpuhost-ollama-bridge.service")
    ]


def test_it_takes_the_place_of_the_container(make: Make) -> None:
    plan = make(RX6600, services_native=["ollama"])
    part = plan.roles["services"]
    assert {one["service"] for one in part["containers"]} == {"anythingllm", "jupyter"}
    assert [one for one in part["images"] if one["service"] == "ollama"] == []
    assert part["models"] == make(RX6600).roles["services"]["models"] != []
    assert part["model_server"] == make(RX6600).roles["services"]["model_server"] is not None
    assert part["packages"] == ["zstd"]
    (said,) = [one for one in plan.decisions if one.topic == "service ollama"]
    assert said.choice == "ollama 0.32.0, on the host itself, on the GPU"


def test_its_data_are_the_containers_and_so_is_their_owner(make: Make) -> None:
    one, other = unit(make(RX6600, services_native=["ollama"])), container(make(RX6600), "ollama")
    assert one["folders"] == other["folders"]
    assert f"{one['uid']}:{one['gid']}" == other["user"]
    (mount,) = other["mounts"]
    assert one["env"]["OLLAMA_MODELS"] == other["env"]["OLLAMA_MODELS"].replace(mount["target"], mount["source"])


def test_what_containers_are_told_does_not_depend_on_where_it_runs(make: Make) -> None:
    """Else switching would change the settings of a service that stays as it is."""
    without, native = make(RX6600), make(RX6600, services_native=["ollama"])
    assert container(without, "anythingllm") == container(native, "anythingllm")
    address = container(native, "anythingllm")["env_file"]["values"]["OLLAMA_BASE_PATH"]
    assert address == "http://ollama.internal:11434"
    assert "ollama.internal" in unit(native)["aliases"]
    assert "ollama.internal" in container(without, "ollama")["aliases"]


def test_the_program_comes_as_its_maker_packs_it_and_by_its_digest(make: Make, table: Table) -> None:
    one, row = unit(make(RX6600, services_native=["ollama"])), table.program("ollama")
    assert [(found["url"].rpartition("/")[2], found["sha256"]) for found in one["archives"]] == [
        (archive.name, archive.sha256) for archive in row.archives
    ]
    place = "https://github.com/ollama/ollama/releases/download/v0.32.0/"
    assert all(found["url"].startswith(place) for found in one["archives"])
    assert one["command"] == "/opt/gpuhost/ollama/0.32.0/bin/ollama serve"


def test_without_a_gpu_its_kernels_are_not_fetched_and_it_is_told_of_none(make: Make) -> None:
    plan = make(NONE, services_native=["ollama"], preflight_cpu_only=True)
    one = unit(plan)
    assert [found["url"].rpartition("/")[2] for found in one["archives"]] == ["ollama-linux-amd64.tar.zst"]
    assert (one["devices"], one["groups"], one["gids"]) == ([], [], [])
    assert OVERRIDE not in one["env"]
    assert "service.cpu" in rules(plan)


def test_it_and_its_user_get_the_gpu_and_nothing_else(make: Make) -> None:
    def renumber(host: dict[str, Any]) -> None:
        for node in host["devices"]:
            node["gid"] = {"/dev/kfd": 109, "/dev/dri/renderD128": 110}.get(node["path"], node["gid"])

    one = unit(make(RX6600, renumber, services_native=["ollama"]))
    assert (one["devices"], one["gids"]) == (["/dev/kfd", "/dev/dri/renderD128"], ["109", "110"])
    assert {"render", "video"} <= set(one["groups"])
    assert one["user"] == "gpuhost-ollama"


@pytest.mark.parametrize(("sample", "value"), [(RX6600, "10.3.0"), (XTX, None)])
def test_the_override_is_set_only_where_the_plan_says_so(make: Make, sample: str, value: str | None) -> None:
    plan = make(sample, services_native=["ollama"])
    assert (unit(plan)["override"], unit(plan)["env"].get(OVERRIDE)) == (value, value)
    assert unit(plan)["override"] == container(make(sample), "ollama")["override"]


def test_on_a_host_with_two_gpus_it_is_told_which_to_use(make: Make) -> None:
    """A container sees the devices that it is given; a program on the host sees them all."""
    one = unit(make("ubuntu-24.04-rx6600-plus-igpu", services_native=["ollama"]))
    assert [key for key in one["env"] if key.endswith("VISIBLE_DEVICES")]


def test_it_listens_where_the_site_says(make: Make) -> None:
    plan = make(RX6600, services_native=["ollama"], services_ports={"ollama": 12000}, services_bind_address="::1")
    one = unit(plan)
    assert (one["listen"], one["env"]["OLLAMA_HOST"]) == ("[::1]:12000", "[::1]:12000")
    assert plan.roles["services"]["models"][0]["url"] == "http://[::1]:12000"
    assert one["port"] == 11434, "containers find it at the port that they are told"


def test_what_lets_containers_reach_it_is_there_only_with_containers(make: Make) -> None:
    alone = make(RX6600, services_native=["ollama"], services_enabled=["ollama"])
    assert unit(alone)["files"] == ["gpuhost-ollama.service"]
    assert len(unit(make(RX6600, services_native=["ollama"]))["files"]) == 3


def test_a_site_with_a_mirror_fetches_from_there_with_digests_of_its_own(make: Make) -> None:
    plan = make(
        RX6600,
        services_native=["ollama"],
        sources_programs={"ollama": "https://mirror.example/ollama/"},
        sources_programs_sha256={"ollama-linux-amd64.tar.zst": "a" * 64},
    )
    first, second = unit(plan)["archives"]
    assert first == {"url": "https://mirror.example/ollama/v0.32.0/ollama-linux-amd64.tar.zst", "sha256": "a" * 64}
    assert (second["url"].partition("/v0")[0], second["sha256"][:4]) == ("https://mirror.example/ollama", "f0fa")
    assert set(plan.needs_urls) >= {first["url"], second["url"]}


@pytest.mark.parametrize("name", ["jupyter", "nothing"])
def test_what_cannot_run_on_the_host_is_refused_with_what_can(make: Make, name: str) -> None:
    (found,) = [one for one in make(RX6600, services_native=[name]).findings if one.id == "GH-INPUT-NATIVE"]
    assert (found.level, found.seen) == ("refuse", f"{name} does not; services_native may have ollama")


def sealed(host: dict[str, Any]) -> None:
    host["seals"] = {"services": {"items": {"tree:/opt/gpuhost/ollama/0.32.0": {"kind": "tree", "ok": True}}}}


def test_the_program_is_counted_and_reached_for_until_it_is_there(make: Make) -> None:
    plan = make(RX6600, services_native=["ollama"])
    (program,) = [one for one in plan.cost["items"] if one["name"] == "ollama 0.32.0"]
    assert program["download_bytes"] == pytest.approx(2_483_774_789, rel=0.001)
    assert any("ollama-linux-amd64" in url for url in plan.needs_urls)
    assert not any("docker" in url and "ollama" in url for url in plan.needs_urls)
    there = make(RX6600, sealed, services_native=["ollama"])
    assert not [one for one in there.cost["items"] if one["name"].startswith(("ollama", "its archives"))]
    assert not any("ollama-linux-amd64" in url for url in there.needs_urls)


def test_in_the_lab_it_is_as_small_as_its_stand_in(make: Make) -> None:
    (program,) = [one for one in make(SIMULATED, services_native=["ollama"]).cost["items"] if one["name"] == "ollama 0.32.0"]
    assert program["download_bytes"] < 100_000_000


def test_its_own_port_is_no_conflict(make: Make) -> None:
    def listening(name: str) -> Any:
        row = {"address": "127.0.0.1", "port": 11434, "proto": "tcp", "process": "ollama", "pid": 42, "container": None}
        return lambda host: host["ports"].append({**row, "unit": name})

    assert "GH-PORT-TAKEN" not in ids(make(RX6600, listening("gpuhost-ollama.service"), services_native=["ollama"]))
    # Ollama's own installer makes a unit of its own.
    assert "GH-PORT-TAKEN" in ids(make(RX6600, listening("ollama.service"), services_native=["ollama"]), "refuse")


def test_the_checks_know_where_it_runs(make: Make) -> None:
    plan = make(RX6600, services_native=["ollama"])
    (row,) = [one for one in plan.roles["verify"]["expected"]["services"] if one["name"] == "ollama"]
    assert row["unit"] == "gpuhost-ollama.service"
    assert row["program"] == "/opt/gpuhost/ollama/0.32.0/bin/ollama"
    assert row["groups"] == [str(snapshot(RX6600)["groups"]["render"]["gid"])]
    assert row["image"] == "ollama 0.32.0, on the host itself"
    others = [one for one in plan.roles["verify"]["expected"]["services"] if one["name"] != "ollama"]
    assert not any("unit" in one for one in others)
