"""What ``support`` says of GPUs: it has to read right to someone who knows the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control import advice, answers, support
from control.commands import ask
from control.support import Table

NOBLE = "ubuntu-24.04"


@pytest.fixture(scope="module")
def table() -> Table:
    return support.load()


def about(table: Table, gpu: str, system: str = NOBLE) -> dict[str, Any]:
    """The answer for one GPU on one system, its only target and its only system at hand."""
    found = advice.on_gpu(table, answers.find(table, gpu), [table.system_by_id(system)])
    (target,) = found["answers"]
    (place,) = target["systems"]
    programs = {one["name"]: one for one in reversed(target["programs"])}
    return {"gpus": found["gpus"], "target": target["target"], "programs": programs, "of": target["programs"], **place}


def newest_wheel(answer: dict[str, Any], host: str) -> tuple[str, str | None]:
    """Kernels and override of the newest wheel of an index."""
    one = next(one for one in answer["of"] if one["kind"] == "wheel" and host in one["index"])
    return one["kernels"], one["override"]


def newest_rocm(answer: dict[str, Any], stream: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer["rocm"] if one["stream"] == stream)
    return found


@pytest.mark.parametrize(
    ("asked", "names", "gfx"),
    [
        ("RX 6600", {"Radeon RX 6600"}, "gfx1032"),
        ("amd radeon rx 6600xt", {"Radeon RX 6600 XT"}, "gfx1032"),
        ("7900 XTX", {"Radeon RX 7900 XTX"}, "gfx1100"),
        ("9070", {"Radeon RX 9070"}, "gfx1201"),
        ("MI300X", {"Instinct MI300X"}, "gfx942"),
        ("MI50", {"Instinct MI60 / MI50"}, "gfx906"),
        ("Radeon VII", {"Radeon VII"}, "gfx906"),
        ("890M", {"Radeon 890M"}, "gfx1150"),
        ("8060S", {"Radeon 8060S"}, "gfx1151"),
        ("strix halo", {"Radeon 8060S", "Radeon 8050S", "Radeon 8040S"}, "gfx1151"),
        ("Ryzen AI Max+ 395", {"Radeon 8060S", "Radeon 8050S", "Radeon 8040S"}, "gfx1151"),
        ("Steam Deck", {"Custom GPU 0405", "Custom GPU 0932"}, "gfx1033"),
        ("Vega 64", {"Radeon RX Vega"}, "gfx900"),
        ("vega56", {"Radeon RX Vega"}, "gfx900"),
        ("RX 580", {"Radeon RX 580 Series", "Radeon RX 580 2048SP"}, "gfx803"),
        ("1002:744c", {"Radeon RX 7900 XTX", "Radeon RX 7900 XT", "Radeon RX 7900 GRE", "Radeon RX 7900M"}, "gfx1100"),
        ("73ff:c7", {"Radeon RX 6600"}, "gfx1032"),
        ("1002:73FF rev C1", {"Radeon RX 6600 XT"}, "gfx1032"),
        ("0x7550:c3", {"Radeon RX 9070"}, "gfx1201"),
    ],
)
def test_a_gpu_is_found_by_name_nickname_chip_and_id(table: Table, asked: str, names: Any, gfx: str) -> None:
    found = answers.find(table, asked)
    assert {one.name for one in found} == names
    assert {one.gfx for one in found} == {gfx}


def test_a_revision_that_is_not_known_means_the_device(table: Table) -> None:
    assert len(answers.find(table, "73ff:99")) == len(answers.find(table, "73ff"))


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("RX 6650", "Radeon RX 6650 XT"),
        ("Stricks Halo", "Strix Halo"),
        ("gfx1033x", "gfx1033"),
        ("RX 66000", "Radeon RX 6600"),
        ("7900XTY", "Radeon RX 7900 XT"),
    ],
)
def test_what_is_not_known_by_that_name_leads_to_what_is(table: Table, asked: str, near: str) -> None:
    try:
        names = [one.name for one in answers.find(table, asked)]
    except answers.UnknownError as error:
        names = error.near
    assert near in names


def test_nothing_is_made_up_for_another_makers_card(table: Table) -> None:
    with pytest.raises(answers.UnknownError, match="does not know 'GTX 1080'"):
        answers.find(table, "GTX 1080")


@pytest.mark.parametrize("asked", ["RTX 4090", "rtx4090", "GTX 1080", "GeForce RTX 3060", "NVIDIA GeForce GTX 1660"])
def test_a_name_of_nvidias_is_said_to_be_one(table: Table, asked: str) -> None:
    with pytest.raises(answers.UnknownError, match="a name of NVIDIA's") as caught:
        answers.find(table, asked)
    assert caught.value.near == []


@pytest.mark.parametrize("asked", ["1002:ffff", "ffff", "0xffff", "1002:ffff rev c1"])
def test_a_pci_id_that_is_not_known_has_no_neighbours(table: Table, asked: str) -> None:
    with pytest.raises(answers.UnknownError, match="a PCI id that no row has") as caught:
        answers.find(table, asked)
    assert caught.value.near == []


@pytest.mark.parametrize(
    ("asked", "system"),
    [
        ("24.04", "ubuntu-24.04"),
        ("ubuntu 24.04", "ubuntu-24.04"),
        ("Ubuntu  24.04", "ubuntu-24.04"),
        (" ubuntu-24.04 ", "ubuntu-24.04"),
        ("ubuntu24.04", "ubuntu-24.04"),
        ("debian 13", "debian-13"),
        ("13", "debian-13"),
        ("Trixie", "debian-13"),
    ],
)
def test_a_system_is_found_however_its_name_is_set_apart_and_by_its_version(table: Table, asked: str, system: str) -> None:
    assert answers.find_system(table, asked).id == system


def test_a_version_that_two_systems_share_names_neither(table: Table) -> None:
    twice = replace(table, systems=[*table.systems, table.systems[0].model_copy(update={"id": "other-12", "os": "other"})])
    with pytest.raises(answers.UnknownError):
        answers.find_system(twice, "12")
    found = answers.find_elsewhere(table, "rhel 9.6")
    assert found is not None
    assert found.id == "rhel-9.6"


def test_every_id_of_vega_10_that_the_enumerator_has_is_there(table: Table) -> None:
    """rocm_agent_enumerator takes 6860 to 686f for gfx900."""
    ids = [f"{number:04x}" for number in range(0x6860, 0x6870)]
    assert {row.gfx if (row := table.gpu(one)) else one for one in ids} == {"gfx900"}


def test_memory_that_is_in_doubt_is_left_out(table: Table) -> None:
    assert [one.gib for one in answers.find(table, "RX 9070 GRE")] == [None]


def test_drivers_6_4_go_with_rocm_7_2_as_amds_matrix_of_7_2_3_has_it(table: Table) -> None:
    row = table.driver_by_version("6.4.0")
    assert row is not None
    assert row.rocm is not None
    assert (row.rocm.holds("7.2.3"), row.rocm.holds("7.14.0")) == (True, False)


def test_rx_6600_runs_on_the_kernels_driver_and_only_some_programs_take_the_override(table: Table) -> None:
    answer = about(table, "RX 6600")
    assert answer["target"]["official"] == "none"
    assert answer["driver"]["choice"] == "inbox"
    assert newest_wheel(answer, "stable.repo.amd.com") == ("own", None)
    assert newest_wheel(answer, "download.pytorch.org") == ("override", "10.3.0")
    assert answer["programs"]["ollama/ollama:rocm"]["override"] == "10.3.0"
    assert answer["programs"]["ghcr.io/ggml-org/llama.cpp:server-rocm"]["kernels"] == "own"
    assert (newest_rocm(answer, "core")["kernels"], newest_rocm(answer, "core")["listed"]) == ("own", False)
    assert newest_rocm(answer, "classic")["override"] == "10.3.0"


def test_7900_xtx_is_in_amds_lists_and_needs_no_override_anywhere(table: Table) -> None:
    answer = about(table, "7900 XTX")
    assert [one["listed"] for one in answer["gpus"]] == ["6.0.0"]
    assert {one["kernels"] for one in answer["of"]} == {"own"}
    assert all(one["listed"] for one in answer["rocm"] if one["stream"] != "distro")
    assert answer["driver"]["named"] == [
        {"kernel": "6.17 (hwe)", "package": "linux-image-generic-hwe-24.04"},
        {"kernel": "7.0 (hwe)", "package": "linux-image-generic-hwe-24.04"},
    ]
    assert answer["driver"]["amd_by_kernel"]["6.17"][-1] == "30.20.1"


def test_9070_is_unknown_to_the_ga_kernel_and_to_drivers_before_6_4_1(table: Table) -> None:
    driver = about(table, "9070")["driver"]
    assert driver["kernels"] == ["6.17 (hwe)", "6.17 (oem)", "7.0 (hwe)"]
    assert driver["amd"][-1] == "6.4.1"
    assert about(table, "9070", "debian-12")["driver"]["choice"] == "dkms"
    assert about(table, "9070", "debian-13")["driver"]["choice"] == "inbox"


def test_mi300x_is_named_with_the_ga_kernel_and_supported_with_amds_driver(table: Table) -> None:
    answer = about(table, "MI300X")
    assert answer["driver"]["named"] == [{"kernel": "6.8 (ga)", "package": "linux-image-generic"}]
    assert answer["driver"]["amd_supports"]
    assert {one["gib"] for one in answer["gpus"]} == {192}
    assert newest_rocm(answer, "classic")["listed"]


@pytest.mark.parametrize("gpu", ["890M", "Strix Halo"])
def test_ryzens_graphics_take_the_kernels_driver_and_the_oem_kernel(table: Table, gpu: str) -> None:
    driver = about(table, gpu)["driver"]
    assert driver["choice"] == "inbox"
    assert driver["amd"] == []
    assert driver["named"][0] == {"kernel": "6.17 (oem)", "package": "linux-oem-24.04c"}
    assert [one["kernel"] for one in driver["named"]] == ["6.17 (oem)", "7.0 (hwe)"]


def test_890m_has_to_be_switched_on_in_ollama_and_strix_halo_has_not(table: Table) -> None:
    assert about(table, "890M")["programs"]["ollama/ollama:rocm"]["env"] == {"OLLAMA_IGPU_ENABLE": "1"}
    assert about(table, "Strix Halo")["programs"]["ollama/ollama:rocm"]["env"] == {}


def test_strix_halo_needs_a_new_kernel_for_its_memory_and_rocm_from_7_2_on(table: Table) -> None:
    answer = about(table, "Strix Halo")
    assert answer["target"]["full_memory_since"] == "6.16.9"
    own = [one["version"] for one in answer["rocm"] if one["stream"] == "classic" and one["kernels"] == "own"]
    assert own == ["7.2.4", "7.2.3", "7.2.2", "7.2.1", "7.2.0"]


def test_vega_64_has_wheels_that_nobody_tests_and_no_image(table: Table) -> None:
    answer = about(table, "Vega 64")
    assert newest_wheel(answer, "stable.repo.amd.com") == ("own", None)
    assert newest_wheel(answer, "download.pytorch.org") == ("none", None)
    assert answer["programs"]["ollama/ollama:rocm"]["kernels"] == "none"
    assert "does not test them" in answer["target"]["note"]
    assert newest_rocm(answer, "classic")["kernels"] == "none"


def test_rx_580_computes_with_nothing_of_rocm_and_is_sent_to_vulkan(table: Table) -> None:
    answer = about(table, "RX 580")
    assert {one["kernels"] for one in answer["of"]} == {"none"}
    assert {one["kernels"] for one in answer["rocm"] if one["stream"] != "distro"} == {"none"}
    assert answer["driver"]["choice"] == "inbox"
    assert "Vulkan" in answer["target"]["note"]


def test_a_card_that_shares_its_chip_with_a_listed_one_is_not_listed_for_it(table: Table) -> None:
    assert not newest_rocm(about(table, "RX 6800"), "core")["listed"]
    assert newest_rocm(about(table, "W6800"), "core")["listed"]


def test_a_family_that_amd_does_not_name_for_a_system_is_said_to_be_so(table: Table) -> None:
    assert about(table, "7900 XTX", "debian-13")["driver"]["named"] == []
    assert "AMD names no kernel of this system for Radeon" in " ".join(ask.answered(table, "7900 XTX", "debian-13").split())


def test_the_text_says_per_program_whether_the_override_is_needed(table: Table) -> None:
    text = " ".join(ask.answered(table, "RX 6600", NOBLE).split())
    assert "runs with HSA_OVERRIDE_GFX_VERSION=10.3.0" in text
    assert "must not be set" in text
    assert "Ubuntu 24.04" in text
    assert "Debian" not in text


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        ("7.2.4", ["7.2.4"]),
        ("7.2", ["7.2.4", "7.2.3", "7.2.2", "7.2.1", "7.2.0"]),
        ("10", ["10.1.0", "10.0.0"]),
        ("v10.1", ["10.1.0"]),
    ],
)
def test_a_release_is_found_by_its_number_or_the_head_of_it(table: Table, asked: str, versions: Any) -> None:
    assert [row.version for row in answers.find_rocm(table, asked)] == versions


def test_a_release_says_what_it_needs_on_a_system(table: Table) -> None:
    need = advice.for_rocm(table, answers.find_rocm(table, "7.2.4")[0], [table.system_by_id("debian-13")], [])
    (system,) = need["systems"]
    assert need["driver"]["range"] == "6.4.0 to 31.60.0"
    assert system["drivers"][0] == "31.50.0"
    assert set(need["driver"]["cautions"]) == {"31.60.0"}
    assert system["repositories"][0] == {
        "url": "https://repo.radeon.com/rocm/apt/7.2.4",
        "suite": "noble",
        "key": {
            "url": "https://repo.radeon.com/rocm/rocm.gpg.key",
            "fingerprint": "CA8BB4727A47B4D09B4EE8969386B48A1A693C5C",
        },
    }


def test_a_release_takes_the_graphics_libraries_of_the_release_that_amd_says(table: Table) -> None:
    noble = [table.system_by_id(NOBLE)]
    for version, folder in (("7.2.2", "7.2.1"), ("7.2.3", "7.2.3")):
        need = advice.for_rocm(table, answers.find_rocm(table, version)[0], noble, [])
        assert [one["url"] for one in need["systems"][0]["repositories"]] == [
            f"https://repo.radeon.com/rocm/apt/{version}",
            f"https://repo.radeon.com/graphics/{folder}/ubuntu",
        ]


def test_a_release_that_is_not_for_a_system_leads_to_the_newest_that_is(table: Table) -> None:
    need = advice.for_rocm(table, answers.find_rocm(table, "7.2.4")[0], table.systems, [])
    assert need["not_for"] == {"ubuntu-26.04": "10.1.0"}


def test_a_driver_says_its_kernels_and_its_rocm(table: Table) -> None:
    need = advice.for_driver(table, answers.find_driver(table, "30.30.4")[0], table.systems)
    assert need["rocm"]["range"] == "6.3.0 to 10.1.0"
    assert {one["id"]: one["builds"] for one in need["systems"]}[NOBLE] == ["6.8", "6.17", "6.17"]
    assert need["not_for"] == {"ubuntu-26.04": "31.50.0"}


def test_a_driver_with_a_caution_is_recommended_nowhere_and_its_caution_is_said_where_it_is_asked_for(table: Table) -> None:
    (asked,) = answers.find_driver(table, "31.60")
    assert asked.caution
    driver = about(table, "7900 XTX")["driver"]
    assert driver["amd"][0] == "31.50.0"
    assert all("31.60.0" not in found for found in driver["amd_by_kernel"].values())
    assert driver["cautions"] == {"31.60.0": asked.caution}
    assert answers.find_driver(table, "31")[0].version == "31.50.0"
    assert "31.60.0" not in ask.answered(table)
    for text in (
        ask.answered(table, driver="31.60"),
        ask.answered(table, rocm="10.1"),
        ask.answered(table, "7900 XTX", NOBLE),
    ):
        assert "withdrawn" in text


def test_the_plan_and_the_answer_know_the_same_kernels_for_a_driver(table: Table) -> None:
    """Every driver of the table builds for at least one kernel of each system that it is for."""
    lost = [
        (row.version, system.id)
        for system in table.systems
        for row in table.drivers_for(system.id)
        if not any(row.builds_for(kernel.version) for kernel in system.kernels)
    ]
    assert lost == []
