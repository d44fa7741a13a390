"""Containers: images, devices, overrides, data, secrets, and how closed they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.planner.conftest import Make, container, ids, snapshot

RX6600 = "debian-12-rx6600"
XTX = "ubuntu-24.04-rx7900xtx"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"


def test_the_override_goes_to_the_one_consumer_that_lacks_kernels(make: Make) -> None:
    plan = make(RX6600)
    assert container(plan, "ollama")["env"][OVERRIDE] == "10.3.0"
    assert OVERRIDE not in container(plan, "jupyter")["env"]
    assert OVERRIDE not in container(plan, "anythingllm")["env"]
    expected = {one["name"]: one["override"] for one in plan.roles["verify"]["expected"]["services"]}
    assert expected == {"ollama": "10.3.0", "anythingllm": None, "jupyter": None}


@pytest.mark.parametrize(
    ("device", "gfx", "value"),
    [
        ("73df", "gfx1031", "10.3.0"),
        ("743f", "gfx1034", "10.3.0"),
        ("15bf", "gfx1103", "11.0.0"),
        ("1114", "gfx1152", "11.5.0"),
        ("747e", "gfx1101", None),
        ("73bf", "gfx1030", None),
    ],
)
def test_the_override_follows_the_targets_that_the_image_was_built_for(
    make: Make, device: str, gfx: str, value: Any
) -> None:
    def other_gpu(host: Any) -> None:
        host["gpus"][0].update(device_id=device, revision="00", gfx=gfx)

    plan = make(RX6600, other_gpu)
    assert container(plan, "ollama")["override"] == value
    assert container(plan, "ollama")["env"].get(OVERRIDE) == value


def test_no_environment_variable_is_ever_empty_by_accident(make: Make) -> None:
    for sample in (RX6600, XTX, "debian-13-rx6600-simulated"):
        for one in make(sample).roles["services"]["containers"]:
            assert "" not in one["env"].values()


def test_integrated_graphics_are_switched_on_in_ollama_except_where_they_are_by_themselves(make: Make) -> None:
    def integrated(device: str, gfx: str) -> Any:
        return lambda host: host["gpus"][0].update(device_id=device, revision="c1", gfx=gfx)

    assert container(make(RX6600, integrated("150e", "gfx1150")), "ollama")["env"]["OLLAMA_IGPU_ENABLE"] == "1"
    assert "OLLAMA_IGPU_ENABLE" not in container(make(RX6600, integrated("1586", "gfx1151")), "ollama")["env"]
    assert "OLLAMA_IGPU_ENABLE" not in container(make(RX6600), "ollama")["env"]


def test_an_override_for_the_whole_host_is_reported_with_file_and_line(make: Make) -> None:
    plan = make("ubuntu-22.04-rx6700xt-classic")
    (finding,) = [one for one in plan.findings if one.id == "GH-OVERRIDE-STALE"]
    assert finding.level == "warn"
    assert finding.seen.startswith("/etc/environment: HSA_OVERRIDE_GFX_VERSION=10.3.0")
    assert "/etc/environment" in finding.next


def test_an_empty_override_is_called_harmful(make: Make) -> None:
    def empty(host: Any) -> None:
        host["override"]["env_files"] = [{"path": "/etc/environment", "name": OVERRIDE, "value": ""}]

    (finding,) = [one for one in make(RX6600, empty).findings if one.id == "GH-OVERRIDE-STALE"]
    assert "makes the runtime fail" in finding.seen


def test_groups_are_the_numbers_that_own_the_nodes(make: Make) -> None:
    def renumber(host: Any) -> None:
        for node in host["devices"]:
            node["gid"] = {"/dev/kfd": 109, "/dev/dri/renderD128": 110}.get(node["path"], node["gid"])

    assert container(make(RX6600, renumber), "ollama")["groups"] == ["109", "110"]


def test_a_node_that_fell_to_root_does_not_put_roots_group_into_a_container(make: Make) -> None:
    def fallen(host: Any) -> None:
        for node in host["devices"]:
            node.update(group="root", gid=0)

    plan = make(RX6600, fallen)
    assert container(plan, "ollama")["groups"] == [str(snapshot(RX6600)["groups"]["render"]["gid"])]
    assert {row["group"] for row in plan.roles["verify"]["expected"]["access"]["devices"]} == {"render"}


def test_every_container_is_closed(make: Make) -> None:
    for one in make(RX6600).roles["services"]["containers"]:
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opts"] == ["no-new-privileges:true"]
        assert not one["user"].startswith("0")
        assert one["pids_limit"] > 0
        assert one["memory"][:-1].isdigit()
        assert all(port.startswith("127.0.0.1:") for port in one["ports"])
    text = json.dumps(make(RX6600).roles["services"])
    assert "SYS_ADMIN" not in text
    assert "privileged" not in text.replace("no-new-privileges", "")


def test_what_a_service_needs_comes_with_it_and_before_it(make: Make) -> None:
    plan = make(RX6600, services_enabled=["anythingllm"])
    assert [one["service"] for one in plan.roles["services"]["containers"]] == ["ollama", "anythingllm"]
    assert plan.roles["services"]["models"] == [{"url": "http://127.0.0.1:11434", "model": "llama3.2:1b"}]


def test_without_a_model_server_there_are_no_models_to_fetch(make: Make) -> None:
    assert make(RX6600, services_enabled=["jupyter"]).roles["services"]["models"] == []


@pytest.mark.parametrize(
    "wish", [{"services_enabled": ["olama"]}, {"services_ports": {"olama": 1234}}], ids=["enabled", "ports"]
)
def test_a_misspelt_service_is_refused_with_the_nearest_name(make: Make, wish: Any) -> None:
    (finding,) = [one for one in make(RX6600, **wish).findings if one.id == "GH-INPUT-UNKNOWN-SERVICE"]
    assert "ollama" in finding.next


def test_anythingllm_is_wired_to_ollama_and_its_secrets_are_named_not_told(make: Make) -> None:
    one = container(make(RX6600, services_models=["qwen3:4b", "llama3.2:1b"]), "anythingllm")
    assert one["env_file"]["values"]["OLLAMA_BASE_PATH"] == "http://ollama:11434"
    assert one["env_file"]["values"]["OLLAMA_MODEL_PREF"] == "qwen3:4b"
    assert [secret["name"] for secret in one["env_file"]["secrets"]] == ["JWT_SECRET", "SIG_KEY", "SIG_SALT"]
    assert all(secret["length"] >= 32 for secret in one["env_file"]["secrets"])
    assert {"source": one["env_file"]["path"], "target": "/app/server/.env", "read_only": False} in one["mounts"]
    assert (one["env_file"]["uid"], one["env_file"]["mode"]) == (1000, "0600")


def test_jupyters_token_is_a_file_and_the_checks_are_mounted_read_only(make: Make) -> None:
    one = container(make(RX6600), "jupyter")
    (secret,) = one["secrets"]
    assert secret["path"] == "/etc/gpuhost/secrets/jupyter/token"
    assert {"source": secret["path"], "target": one["env"]["JUPYTER_TOKEN_FILE"], "read_only": True} in one["mounts"]
    assert {"source": "/opt/gpuhost/verify", "target": "/opt/gpuhost/verify", "read_only": True} in one["mounts"]
    assert not any("TOKEN" in name and not name.endswith("_FILE") for name in one["env"])


@pytest.mark.parametrize(
    ("wish", "base", "torch", "build"),
    [
        ({}, "rocm/pytorch:", "", "rocm"),
        ({"preflight_cpu_only": True}, "python:", "torch==2.13.0", "cpu"),
    ],
    ids=["gpu", "cpu"],
)
def test_jupyter_is_built_on_a_base_that_fits_the_host(make: Make, wish: Any, base: str, torch: str, build: str) -> None:
    plan = make(RX6600, **wish)
    pulled, built = [one for one in plan.roles["services"]["images"] if one["service"] == "jupyter"]
    assert pulled["pull"]
    assert pulled["name"] == built["build"]["args"]["BASE"]
    assert pulled["name"].startswith(base)
    assert built["build"]["context"] == "docker/jupyter"
    assert built["build"]["args"]["TORCH_REQUIREMENT"] == torch
    assert built["name"] == container(plan, "jupyter")["image"]
    expected = next(one for one in plan.roles["verify"]["expected"]["torch"] if one["where"] == "gpuhost-jupyter")
    assert expected["build"] == build


def test_nothing_is_left_to_fill_in(make: Make) -> None:
    assert "{data}" not in (text := json.dumps(make(RX6600).roles["services"]))
    for placeholder in ("{port}", "{model}", "{verify}", "{address", "{secret"):
        assert placeholder not in text


def test_a_site_moves_data_ports_and_address(make: Make) -> None:
    plan = make(
        RX6600,
        services_data_root="/data/ai/",
        services_ports={"ollama": 21434},
        services_bind_address="10.0.0.5",
    )
    one = container(plan, "ollama")
    assert one["folders"][0]["path"] == "/data/ai/ollama"
    assert one["ports"] == ["10.0.0.5:21434:11434"]
    expected = plan.roles["verify"]["expected"]["services"][0]
    assert expected["url"] == "http://10.0.0.5:21434"
    assert container(plan, "anythingllm")["env_file"]["values"]["OLLAMA_BASE_PATH"] == "http://ollama:11434"
    assert ids(plan, "refuse") == []
