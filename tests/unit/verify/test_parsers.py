"""Each parser reads every sample of its tool as a person would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verify.parsers import (
    amd_smi,
    collect_env,
    dkms,
    docker,
    kfd,
    llama_server,
    lspci,
    ollama_log,
    rocm_smi,
    rocminfo,
)

SAMPLES = Path(__file__).parents[2] / "samples"
PARSERS = {
    "amd-smi": amd_smi,
    "collect_env": collect_env,
    "dkms": dkms,
    "docker": docker,
    "kfd": kfd,
    "llama-server": llama_server,
    "lspci": lspci,
    "ollama": ollama_log,
    "rocm-smi": rocm_smi,
    "rocminfo": rocminfo,
}
ERRORS = {
    "rocminfo/error-eacces-no-login.txt": "EACCES",
    "rocminfo/error-einval-in-render.txt": "EINVAL",
    "rocminfo/error-eperm-container.txt": "EPERM",
    "rocminfo/error-enxio-bare-node.txt": "ENXIO",
    "rocminfo/error-not-loaded.txt": "not_loaded",
    "rocminfo/error-invalid-override.txt": "hsa",
    "rocminfo/error-strange-error.txt": "unknown",
    "rocm-smi/6.1-not-loaded.txt": "not_loaded",
    "rocm-smi/6.4-no-json.txt": "no_gpu",
    "amd-smi/6.2-part-of-an-answer.json": "fragment",
    "amd-smi/7.0-driver-not-loaded.txt": "not_loaded",
    "amd-smi/7.0-empty-list.json": "no_gpu",
    "dkms/3.0-source-gone.txt": "broken_tree",
    "dkms/strange.txt": "unknown",
    "docker/27-version-client-without-server.json": "unknown",
    "docker/29-version-permission.txt": "EACCES",
    "lspci/no-tool.txt": "no_tool",
    "collect_env/no-torch.txt": "no_torch",
    "llama-server/list-devices-none.txt": "no_device",
    "llama-server/bench-rocm-label-on-cpu.txt": "no_device",
    "llama-server/2026-device-info-cpu-alone.txt": "no_device",
    "llama-server/2026-tagged-lines-cpu-alone.txt": "no_device",
}
EVERY_SAMPLE = sorted(f"{tool}/{path.name}" for tool in PARSERS for path in (SAMPLES / tool).iterdir())


def read(sample: str) -> dict[str, Any]:
    tool = sample.split("/")[0]
    return dict(PARSERS[tool].parse((SAMPLES / sample).read_text()))


@pytest.mark.parametrize("sample", EVERY_SAMPLE)
def test_an_error_has_its_kind_and_any_other_output_has_none(sample: str) -> None:
    said = read(sample)
    assert said.get("kind" if "error" in said else "") == ERRORS.get(sample)


@pytest.mark.parametrize("tool", PARSERS)
@pytest.mark.parametrize(
    "text", ["gibberish", "\x00\xff", "{", '{"a": []}', "[1, 2]", "null", '"text"', "GPU: x", "GPU[0]: x"]
)
def test_output_that_is_not_known_is_an_error_and_never_an_exception(tool: str, text: str) -> None:
    said = PARSERS[tool].parse(text)
    assert said["error"]
    assert said["kind"] in ("unknown", "fragment")


@pytest.mark.parametrize("sample", EVERY_SAMPLE)
def test_output_that_ends_early_is_read_without_an_exception(sample: str) -> None:
    tool = sample.split("/")[0]
    text = (SAMPLES / sample).read_text()
    for end in range(0, len(text), max(len(text) // 60, 1)):
        assert isinstance(PARSERS[tool].parse(text[:end]), dict)


@pytest.mark.parametrize("tool", PARSERS)
def test_nothing_at_all_is_an_error_except_where_it_is_an_answer(tool: str) -> None:
    said = PARSERS[tool].parse("")
    assert said == {"modules": []} if tool == "dkms" else said["kind"] == "unknown"


def test_rocminfo_counts_graphics_processors_and_neither_cpus_nor_an_npu() -> None:
    for sample, gpus in (
        ("rocminfo/6.4-rx6600-plus-igpu-ansi.txt", [("gfx1032", "03:00.0", 28), ("gfx1036", "0f:00.0", 2)]),
        ("rocminfo/7.2-apu-with-npu-empty-cpu-name.txt", [("gfx1151", "c5:00.0", 40)]),
        ("rocminfo/6.1-cpu-only.txt", []),
    ):
        assert [(g["name"], g["pci_bus"], g["compute_units"]) for g in read(sample)["gpus"]] == gpus


def test_rocminfo_tells_amds_module_from_the_kernels_own() -> None:
    assert read("rocminfo/7.2-apu-with-npu-empty-cpu-name.txt")["module_version"] == "6.16.6"
    assert read("rocminfo/6.4-rx6600-plus-igpu-ansi.txt")["module_version"] is None


def test_rocminfo_says_that_its_output_was_cut_off() -> None:
    assert read("rocminfo/6.4-cut-off.txt")["complete"] is False
    assert read("rocminfo/6.1-cpu-only.txt")["complete"] is True


def test_rocminfo_gives_the_larger_memory_to_the_integrated_gpu_as_the_tool_does() -> None:
    card, integrated = read("rocminfo/6.4-rx6600-plus-igpu-ansi.txt")["gpus"]
    assert integrated["memory_bytes"] > card["memory_bytes"] == 8372224 * 1024
    assert integrated["isas"] == ["amdgcn-amd-amdhsa--gfx1036", "amdgcn-amd-amdhsa--gfx10-3-generic"]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("4.3-rx6700xt.json", [("73df", None, "0000:07:00.0")]),
        (
            "5.7-mi100-x2.json",
            [
                ("738c", "Arcturus GL-XL [Instinct MI100]", "0000:1e:00.0"),
                ("738c", "Arcturus GL-XL [Instinct MI100]", "0000:22:00.0"),
            ],
        ),
        ("6.1-rx6600-after-warning.json", [("73ff", "Navi 23 [Radeon RX 6600]", "0000:03:00.0")]),
        ("5.x-concise-subsystem-id.txt", [(None, "Instinct MI210", None)] * 2),
        ("6.x-concise-nodes.txt", [("74a0", None, None)] * 2),
        ("6.2-virtual-function.txt", [(None, "AMD Instinct MI300X OAM", None)]),
    ],
)
def test_rocm_smi_never_gives_a_subsystem_or_vendor_id_as_the_device(sample: str, expected: list[Any]) -> None:
    assert [(g["device_id"], g["name"], g["pci"]) for g in read(f"rocm-smi/{sample}")["gpus"]] == expected


def test_amd_smi_reads_both_shapes_of_json_and_the_text() -> None:
    assert [g["pci"] for g in read("amd-smi/6.2-list.json")["gpus"]] == ["0000:03:00.0", "0000:0f:00.0"]
    new, text = read("amd-smi/7.0-static-in-tree-driver.json")["gpus"][0], read("amd-smi/6.2-static.txt")["gpus"]
    assert (new["gfx"], new["device_id"], new["vram_bytes"]) == ("gfx1100", "744c", 24560 * 1024**2)
    assert (text[0]["gfx"], text[0]["vram_bytes"], text[1]["name"]) == ("gfx942", 196592 * 1024**2, None)


def test_amd_smi_does_not_take_the_kernels_banner_for_a_driver_version() -> None:
    assert read("amd-smi/7.0-static-in-tree-driver.json")["gpus"][0]["driver_version"] is None
    assert read("amd-smi/6.2-static.txt")["gpus"][0]["driver_version"] == "6.8.5"


def test_dkms_reads_both_forms_and_what_is_only_added() -> None:
    two = read("dkms/3.0-two-kernels.txt")["modules"]
    old = read("dkms/2.8-comma-and-added.txt")["modules"]
    assert [(m["kernel"], m["state"], m["original"]) for m in two] == [
        ("6.8.0-90-generic", "installed", True),
        ("6.14.0-37-generic", "built", False),
    ]
    assert [(m["version"], m["kernel"], m["state"]) for m in old] == [
        ("18.50-756341.el7", None, "added"),
        ("2.4-25.el7", "3.10.0-957.el7.x86_64", "installed"),
    ]
    assert read("dkms/3.0-differs.txt")["modules"][0]["warning"] == "Diff between built and installed module!"


def test_docker_gives_the_servers_version_in_every_form() -> None:
    samples = ("29-version-api.json", "29-version.txt", "18.09-version-client.json", "29-info.json", "17-info-nulls.json")
    assert [read(f"docker/{name}")["version"] for name in samples] == ["29.6.1", "29.6.1", "18.09.1", "29.6.1", "17.09.0-ce"]


def test_docker_info_reads_nulls_of_old_engines_as_nothing() -> None:
    old, new = read("docker/17-info-nulls.json"), read("docker/29-info.json")
    assert (old["runtimes"], old["cdi_spec_dirs"], old["cgroup_version"], old["registry_mirrors"]) == ([], [], None, [])
    assert (new["runtimes"], new["registry_mirrors"]) == (["amd", "runc"], ["https://mirror.example.org/"])


def test_lspci_finds_every_class_of_gpu_and_what_it_is_bound_to() -> None:
    devices = read("lspci/rx6600-igpu-nn.txt")["devices"]
    found = [(d["pci"], d["device_id"]) for d in devices if d["gpu"] and d["amd"]]
    assert found == [("0000:03:00.0", "73ff"), ("0002:00:00.0", "73ae"), ("0000:0f:00.0", "75c1")]
    assert read("lspci/apu-vfio-nnk.txt")["devices"][0]["driver"] == "vfio-pci"
    unbound = read("lspci/apu-unbound-k.txt")
    assert (unbound["devices"][0]["driver"], unbound["driver_shown"], unbound["devices"][0]["amd"]) == (None, True, True)


def test_collect_env_tells_rocm_builds_from_cpu_builds() -> None:
    rocm, cpu = read("collect_env/2.9-rocm-after-warning.txt"), read("collect_env/2.9-cpu.txt")
    assert (rocm["rocm_build"], rocm["available"], rocm["wsl"]) == ("7.2.26015-fc0010cf6a", True, True)
    assert (cpu["rocm_build"], cpu["available"], cpu["gpus"], cpu["torch"]) == (None, False, [], "2.9.1+cpu")
    two = read("collect_env/2.9-two-gpus.txt")["gpus"]
    assert [g["gfx"] for g in two] == ["gfx1100", "gfx90a"]


@pytest.mark.parametrize(
    ("sample", "gpu", "libraries", "reasons"),
    [
        ("0.13-rocm-gpu.log", True, ["rocm"], []),
        ("0.13-igpu-then-out-of-memory.log", True, ["rocm"], ["out_of_memory"]),
        ("0.3-override-success.log", True, ["rocm"], []),
        ("0.3-kfd-permission.log", False, ["cpu"], ["EACCES", "no_gpu"]),
        ("0.9-not-supported-cut.log", None, [], ["not_supported"]),
        ("0.35-igpu-dropped.log", False, ["cpu"], ["integrated"]),
        ("0.21-discovery-crashed.log", None, [], ["crashed"]),
        ("0.9-nvidia-and-amd.log", True, ["cuda", "rocm"], []),
    ],
)
def test_ollamas_log_says_which_device_and_why_not_the_gpu(
    sample: str, gpu: bool | None, libraries: list[str], reasons: list[str]
) -> None:
    said = read(f"ollama/{sample}")
    assert (said["gpu"], [d["library"] for d in said["devices"]]) == (gpu, libraries)
    assert [r["kind"] for r in said["reasons"]] == reasons


def test_ollamas_log_shows_an_override_in_force() -> None:
    assert read("ollama/0.3-override-success.log")["override"] == "9.0.0"
    assert read("ollama/0.13-rocm-gpu.log")["override"] is None


@pytest.mark.parametrize(
    ("sample", "gpu", "devices"),
    [
        ("list-devices-none.txt", False, []),
        ("list-devices-apu-free-above-total.txt", True, ["ROCm0"]),
        ("2026-device-info-with-cpu.txt", True, ["ROCm0"]),
        ("2026-device-info-cpu-alone.txt", False, []),
        ("2026-tagged-lines-cpu-alone.txt", False, []),
        ("2024-compute-capability.txt", True, ["ROCm0", "ROCm1"]),
        ("bench-rocm-label-on-cpu.txt", False, []),
        ("bench-rocm-gpu.txt", True, ["ROCm0"]),
        ("load-one-tensor-on-cpu.txt", True, []),
        ("load-no-layer-offloaded.txt", False, ["ROCm0"]),
        ("vulkan-apu.txt", True, ["Vulkan0"]),
    ],
)
def test_llama_cpp_runs_on_the_gpu_only_where_its_log_shows_it(sample: str, gpu: bool, devices: list[str]) -> None:
    said = read(f"llama-server/{sample}")
    assert (said["gpu"], [d["id"] for d in said["devices"]]) == (gpu, devices)


def test_llama_cpps_devices_are_read_behind_the_part_of_the_program_that_names_them() -> None:
    line = "0.00.441.650 I cmn  common_param:   - Vulkan0 : AMD Radeon RX 6600 (RADV NAVI23) (8192 MiB, 8100 MiB free)\n"
    said = llama_server.parse((SAMPLES / "llama-server/2026-tagged-lines-cpu-alone.txt").read_text() + line)
    assert (said["gpu"], [one["id"] for one in said["devices"]]) == (True, ["Vulkan0"])


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90010, "gfx90a"),
        (90012, "gfx90c"),
        (90402, "gfx942"),
        (100302, "gfx1032"),
        (110501, "gfx1151"),
        (120001, "gfx1201"),
        (0, None),
    ],
)
def test_a_kfd_target_version_has_the_compilers_name(version: int, name: str | None) -> None:
    assert kfd.gfx_name(version) == name


def test_kfd_tells_a_gpu_from_a_cpu_and_does_not_guess_a_target() -> None:
    card, old, cpu = (read(f"kfd/{n}.txt") for n in ("6.1-rx6600", "4.19-vega10-without-target", "6.12-cpu"))
    assert (card["kind"], card["gfx"], card["compute_units"]) == ("gpu", "gfx1032", 28)
    assert (old["kind"], old["gfx"]) == ("gpu", None)
    assert (cpu["kind"], cpu["gfx"]) == ("cpu", None)


@pytest.mark.parametrize(
    ("location", "domain", "address"), [(768, 0, "0000:03:00.0"), (34304, 2, "0002:86:00.0"), (0x7B1A, 0, "0000:7b:03.2")]
)
def test_a_kfd_location_is_a_pci_address(location: int, domain: int, address: str) -> None:
    assert kfd.pci_address(location, domain) == address
