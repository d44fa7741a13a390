"""Containers: images, devices, overrides, data, secrets, and how closed they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.paths import ROOT
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
    assert [one["model"] for one in plan.roles["services"]["models"]] == ["llama3.2:1b", "nomic-embed-text:latest"]
    server = {"url": "http://127.0.0.1:11434", "folder": "/srv/gpuhost/ollama/models"}
    assert plan.roles["services"]["model_server"] == server


def test_without_a_model_server_there_are_no_models_to_fetch(make: Make) -> None:
    part = make(RX6600, services_enabled=["jupyter"]).roles["services"]
    assert (part["model_server"], part["models"], part["presets"]) == (None, [], [])


@pytest.mark.parametrize(
    "wish", [{"services_enabled": ["olama"]}, {"services_ports": {"olama": 1234}}], ids=["enabled", "ports"]
)
def test_a_misspelt_service_is_refused_with_the_nearest_name(make: Make, wish: Any) -> None:
    (finding,) = [one for one in make(RX6600, **wish).findings if one.id == "GH-INPUT-UNKNOWN-SERVICE"]
    assert "ollama" in finding.next


def test_anythingllm_is_wired_to_ollama_and_its_secrets_are_named_not_told(make: Make) -> None:
    one = container(make(RX6600, services_models=["qwen3:4b", "llama3.2:1b"]), "anythingllm")
    assert one["env_file"]["values"]["OLLAMA_BASE_PATH"] == "http://ollama.internal:11434"
    assert one["env_file"]["values"]["OLLAMA_MODEL_PREF"] == "qwen3:4b"
    assert [secret["name"] for secret in one["env_file"]["secrets"]] == [
        "AUTH_TOKEN",
        "JWT_SECRET",
        "SIG_KEY",
        "SIG_SALT",
    ]
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
        services_bind_address="127.0.0.5",
    )
    one = container(plan, "ollama")
    assert one["folders"][0]["path"] == "/data/ai/ollama"
    assert one["ports"] == ["127.0.0.5:21434:11434"]
    expected = plan.roles["verify"]["expected"]["services"][0]
    assert expected["url"] == "http://127.0.0.5:21434"
    assert container(plan, "anythingllm")["env_file"]["values"]["OLLAMA_BASE_PATH"] == "http://ollama.internal:11434"
    assert ids(plan, "refuse") == []


def library(plan: Any) -> str:
    """What llama.cpp is expected to compute with."""
    return str(next(row for row in plan.roles["verify"]["expected"]["services"] if row["name"] == "llamacpp")["library"])


def enabled(*more: str) -> dict[str, Any]:
    return {"services_enabled": ["ollama", *more]}


def test_llamacpp_runs_on_the_gpus_own_kernels_and_never_with_an_override(make: Make) -> None:
    plan = make(RX6600, **enabled("llamacpp"))
    one = container(plan, "llamacpp")
    assert one["image"] == "ghcr.io/ggml-org/llama.cpp:server-rocm"
    assert OVERRIDE not in one["env"]
    assert one["devices"] == ["/dev/kfd", "/dev/dri/renderD128"]
    expected = next(row for row in plan.roles["verify"]["expected"]["services"] if row["name"] == "llamacpp")
    assert (expected["library"], expected["override"], expected["model"]) == ("rocm", None, "llama3.2:1b")


def test_a_gpu_that_llamacpps_rocm_image_has_no_kernels_for_gets_vulkan_and_the_render_node_alone(make: Make) -> None:
    def vega(host: Any) -> None:
        host["gpus"][0].update(device_id="687f", revision="c1", gfx="gfx900")

    plan = make(RX6600, vega, **enabled("llamacpp"))
    one = container(plan, "llamacpp")
    assert one["image"] == "ghcr.io/ggml-org/llama.cpp:server-vulkan"
    assert one["devices"] == ["/dev/dri/renderD128"]
    assert OVERRIDE not in one["env"]
    assert not [finding for finding in plan.findings if finding.seen.startswith("llama.cpp")]
    assert library(plan) == "vulkan"
    assert "Vulkan compiles its own" in next(one.reason for one in plan.decisions if one.rule == "service.vulkan")


def test_without_a_gpu_llamacpp_gets_the_image_for_processors(make: Make) -> None:
    plan = make(RX6600, preflight_cpu_only=True, **enabled("llamacpp"))
    assert container(plan, "llamacpp")["image"] == "ghcr.io/ggml-org/llama.cpp:server"
    assert container(plan, "llamacpp")["devices"] == []
    assert library(plan) == "cpu"


def test_llamacpp_loads_a_model_of_the_store_without_a_copy(make: Make) -> None:
    plan = make(RX6600, services_enabled=["llamacpp"], services_llamacpp_model="qwen3:4b")
    assert [one["service"] for one in plan.roles["services"]["containers"]] == ["ollama", "llamacpp"]
    assert [one["model"] for one in plan.roles["services"]["models"]] == ["llama3.2:1b", "qwen3:4b"]
    one = container(plan, "llamacpp")
    link = "/srv/gpuhost/llamacpp/model.gguf"
    store = "/srv/gpuhost/ollama/models"
    assert one["model_file"] == {"model": "qwen3:4b", "store": store, "links": [{"path": link, "target": None}]}
    assert {"source": store, "target": store, "read_only": True} in one["mounts"]
    assert one["command"][one["command"].index("--model") + 1] == link
    assert one["command"][one["command"].index("--alias") + 1] == "qwen3:4b"


def test_llamacpp_loads_a_file_of_the_host_with_all_its_parts_and_needs_no_ollama(make: Make) -> None:
    path = "/data/big-00001-of-00002.gguf"
    plan = make(RX6600, services_enabled=["llamacpp"], services_llamacpp_model=path)
    assert [one["service"] for one in plan.roles["services"]["containers"]] == ["llamacpp"]
    assert plan.roles["services"]["models"] == []
    one = container(plan, "llamacpp")
    parts = [path, "/data/big-00002-of-00002.gguf"]
    assert [link["target"] for link in one["model_file"]["links"]] == parts
    assert [mount["source"] for mount in one["mounts"] if mount["source"].startswith("/data")] == parts
    assert all(mount["read_only"] for mount in one["mounts"])
    assert one["command"][one["command"].index("--alias") + 1] == "big-00001-of-00002"


def test_llamacpps_key_is_a_file_and_nothing_dangerous_is_on(make: Make) -> None:
    command = container(make(RX6600, **enabled("llamacpp")), "llamacpp")["command"]
    assert command[command.index("--api-key-file") + 1] == "/run/secrets/api_key"
    assert "--api-key" not in command
    assert not [word for word in command if "rpc" in word or "tools" in word or "mcp" in word]
    assert "--no-webui" in command


def test_a_service_without_a_model_to_load_is_refused(make: Make) -> None:
    plan = make(RX6600, services_models=[], **enabled("llamacpp"))
    (finding,) = [one for one in plan.findings if one.id == "GH-INPUT-NO-MODEL"]
    assert "services_llamacpp_model" in finding.next


def test_a_sites_copy_of_a_registry_is_where_its_images_are_pulled_from(make: Make) -> None:
    copies = {"ghcr.io": "registry.example:5000/ghcr.io/"}
    plan = make(RX6600, sources_registries=copies, **enabled("llamacpp"))
    name = "registry.example:5000/ghcr.io/ggml-org/llama.cpp:server-rocm"
    assert container(plan, "llamacpp")["image"] == name
    assert {"name": name, "service": "llamacpp", "pull": True} in plan.roles["services"]["images"]
    assert container(plan, "ollama")["image"] == "ollama/ollama:rocm"
    assert "https://registry.example:5000/v2/" in plan.needs_urls
    cost = next(one for one in plan.cost["items"] if one["name"] == name)
    assert cost["download_bytes"] == 7_180_000_000


def test_what_an_image_is_built_on_may_come_from_a_copy_too(make: Make) -> None:
    plan = make(RX6600, sources_registries={"docker.io": "registry.example:5000"}, **enabled("jupyter"))
    (inside,) = [one for one in plan.roles["verify"]["expected"]["torch"] if one["where"] == "gpuhost-jupyter"]
    assert inside["build"] == "rocm"
    assert any(one["name"].startswith("registry.example:5000/rocm/") for one in plan.roles["services"]["images"])


def test_a_sites_copy_of_dockers_own_registry_has_the_names_that_images_have_there(make: Make) -> None:
    plan = make(RX6600, preflight_cpu_only=True, sources_registries={"docker.io": "registry.example/hub"})
    names = {one["name"] for one in plan.roles["services"]["images"] if one.get("pull")}
    assert "registry.example/hub/ollama/ollama:rocm" in names
    assert any(name.startswith("registry.example/hub/library/python:") for name in names)
    assert "https://registry.example/v2/" in plan.needs_urls


def test_a_service_waits_for_what_it_uses_and_does_not_bring_it(make: Make) -> None:
    plan = make(RX6600, services_enabled=["jupyter", "ollama"])
    assert [one["service"] for one in plan.roles["services"]["containers"]] == ["ollama", "jupyter"]
    alone = make(RX6600, services_enabled=["jupyter"])
    assert [one["service"] for one in alone.roles["services"]["containers"]] == ["jupyter"]
    assert alone.roles["verify"]["expected"]["services"][0]["calls"] == []


def test_documents_are_embedded_by_ollama_and_kept_in_anythingllms_own_folder(make: Make) -> None:
    plan = make(RX6600, services_embedding_model="bge-m3")
    values = container(plan, "anythingllm")["env_file"]["values"]
    assert (values["EMBEDDING_ENGINE"], values["EMBEDDING_MODEL_PREF"]) == ("ollama", "bge-m3")
    assert (values["EMBEDDING_BASE_PATH"], values["VECTOR_DB"]) == ("http://ollama.internal:11434", "lancedb")
    assert "bge-m3:latest" in [one["model"] for one in plan.roles["services"]["models"]]
    without = make(RX6600, services_enabled=["ollama", "jupyter"])
    assert [one["model"] for one in without.roles["services"]["models"]] == ["llama3.2:1b"]


@pytest.mark.parametrize(
    ("mode", "seccomp", "capabilities", "arguments"),
    [
        ("plain", None, [], None),
        ("sandboxed", "browser-sandbox.json", [], None),
        ("nosandbox", None, [], "--no-sandbox,--disable-setuid-sandbox"),
        ("sysadmin", None, ["SYS_ADMIN"], None),
    ],
)
def test_each_way_of_scraping_gives_its_container_that_and_no_other_anything(
    make: Make, mode: str, seccomp: Any, capabilities: list[str], arguments: Any
) -> None:
    plan = make(RX6600, services_anythingllm_scraping=mode, services_anythingllm_sysadmin_acknowledged=True)
    one = container(plan, "anythingllm")
    assert (one["seccomp"], one["cap_add"]) == (seccomp, capabilities)
    assert one["env"].get("ANYTHINGLLM_CHROMIUM_ARGS") == arguments
    assert one["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in one["security_opts"]
    for other in ("ollama", "jupyter"):
        assert (container(plan, other)["seccomp"], container(plan, other)["cap_add"]) == (None, [])
    expected = {row["name"]: row["cap_add"] for row in plan.roles["verify"]["expected"]["services"]}
    assert expected == {"ollama": [], "anythingllm": capabilities, "jupyter": []}
    assert ("GH-SCRAPING-OPEN" in ids(plan, "warn")) == (mode in ("nosandbox", "sysadmin"))
    assert f"service.scraping-{mode}" in {decision.rule for decision in plan.decisions}


def test_sys_admin_has_to_be_agreed_to(make: Make) -> None:
    plan = make(RX6600, services_anythingllm_scraping="sysadmin")
    (finding,) = [one for one in plan.findings if one.id == "GH-INPUT-SCRAPING"]
    assert "services_anythingllm_sysadmin_acknowledged" in finding.next
    assert "GH-INPUT-SCRAPING" not in ids(
        make(RX6600, services_anythingllm_scraping="sysadmin", services_enabled=["ollama"])
    )


def test_the_filter_for_browsers_opens_namespaces_and_no_mounts() -> None:
    profile = json.loads((ROOT / "roles/services/files/browser-sandbox.json").read_text(encoding="utf-8"))
    allowed = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"unshare", "clone", "chroot", "read"} <= allowed
    assert not allowed & {
        "mount",
        "umount2",
        "setns",
        "bpf",
        "init_module",
        "kexec_load",
        "perf_event_open",
        "io_uring_setup",
    }
    (rule,) = [rule for rule in profile["syscalls"] if "unshare" in rule["names"]]
    mounts, host_names, memory = 0x00020000, 0x04000000, 0x08000000
    others = mounts | host_names | memory
    assert rule["args"][0]["op"] == "SCMP_CMP_MASKED_EQ"
    assert rule["args"][0]["value"] & others == others


def test_jupyters_extensions_are_the_catalogues_and_a_site_may_go_on_without_one(make: Make) -> None:
    def arguments(plan: Any) -> dict[str, str]:
        return next(one["build"]["args"] for one in plan.roles["services"]["images"] if "build" in one)

    made = arguments(make(RX6600))
    assert [one.partition("==")[0] for one in made["EXTENSIONS"].split()] == [
        "jupyterlab-cell-flash",
        "jupyterlab-execute-time",
        "jupyter-resource-usage",
        "jupyterlab-theme-toggler",
    ]
    assert made["EXTENSIONS_REQUIRED"] == "1"
    assert arguments(make(RX6600, services_jupyter_extensions_required=False))["EXTENSIONS_REQUIRED"] == ""


def test_uploads_into_jupyter_are_limited(make: Make) -> None:
    assert container(make(RX6600, services_jupyter_upload_max_mb=20), "jupyter")["env"]["JUPYTER_UPLOAD_MAX_MB"] == "20"
