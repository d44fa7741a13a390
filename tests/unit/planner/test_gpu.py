"""Which GPU is used, and what is said of those that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner.conftest import Make, container, ids, rules, snapshot

RX6600 = "debian-12-rx6600"
BOTH = "ubuntu-24.04-rx6600-plus-igpu"


def driverless(host: dict[str, Any]) -> None:
    for gpu in host["gpus"]:
        gpu.update(driver=None, kfd_node=None, gfx=None, render_minor=None)
    host["kernel"]["modules"]["amdgpu"]["loaded"] = False
    host["kfd"] = {"present": False, "nodes": []}
    host["devices"] = []


def bound_to(driver: str, index: int = 0) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["gpus"][index].update(driver=driver, kfd_node=None, gfx=None, render_minor=None)

    return edit


@pytest.mark.parametrize(
    ("sample", "edits", "finding"),
    [
        ("debian-13-nogpu", (), "GH-GPU-NONE"),
        ("debian-12-nvidia", (), "GH-GPU-NONE"),
        ("debian-13-driver-init-failed", (), "GH-GPU-INIT-FAILED"),
        (RX6600, (bound_to("vfio-pci"),), "GH-GPU-VFIO"),
        (RX6600, (bound_to("radeon"),), "GH-GPU-NO-DRIVER"),
        (RX6600, (bound_to("amdgpu"),), "GH-GPU-INIT-FAILED"),
        (RX6600, (driverless, lambda host: host["gpus"][0].update(device_id="ffff")), "GH-GPU-UNKNOWN"),
    ],
)
def test_a_host_without_a_usable_amd_gpu_is_refused_and_told_why(make: Make, sample: str, edits: Any, finding: str) -> None:
    plan = make(sample, *edits)
    assert [one for one in ids(plan, "refuse") if one.startswith("GH-GPU")] == [finding]
    assert not any(gpu.use for gpu in plan.gpus)


@pytest.mark.parametrize("sample", ["debian-13-nogpu", "debian-13-driver-init-failed", RX6600])
def test_cpu_only_is_never_refused_for_its_gpu_and_gets_no_device(make: Make, sample: str) -> None:
    plan = make(sample, preflight_cpu_only=True)
    assert ids(plan, "refuse") == []
    assert plan.roles["amdgpu"]["driver"] == plan.roles["rocm"]["stream"] == "none"
    assert plan.roles["gpu_access"] == {"members": [], "devices": [], "udev": False}
    assert plan.roles["pytorch"]["build"] == "cpu"
    for one in plan.roles["services"]["containers"]:
        assert (one["devices"], one["groups"], one["override"]) == ([], [], None)
        assert "HSA_OVERRIDE_GFX_VERSION" not in one["env"]


def test_kfd_with_only_the_processor_is_no_gpu(make: Make) -> None:
    plan = make("debian-13-driver-init-failed")
    assert "GH-KFD-CPU-ONLY" in ids(plan, "warn")
    refusal = next(one for one in plan.findings if one.level == "refuse")
    assert "KFD lists only the processor" in refusal.seen


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [{"node": 0, "kind": "cpu", "simd_count": 0}, {"node": 1, "error": "PermissionError"}],
        [{"node": 0, "kind": "cpu", "simd_count": 0}, {"node": 1, "kind": "gpu", "simd_count": 56, "gfx": "gfx1100"}],
    ],
    ids=["no node", "one unread", "another GPU"],
)
def test_that_only_the_processor_is_listed_is_said_only_where_it_is_so(make: Make, nodes: Any) -> None:
    plan = make("debian-13-driver-init-failed", lambda host: host["kfd"].update(nodes=nodes))
    refusal = next(one for one in plan.findings if one.id == "GH-GPU-INIT-FAILED")
    assert "only the processor" not in refusal.seen


def test_a_card_of_its_own_wins_over_the_processors_graphics_whatever_their_memory(make: Make) -> None:
    def big_igpu(host: dict[str, Any]) -> None:
        host["gpus"][1]["vram_bytes"] = 96 << 30

    plan = make(BOTH, big_igpu)
    assert [(gpu.gfx, gpu.use) for gpu in plan.gpus] == [("gfx1032", True), ("gfx1036", False)]
    assert "gpu.discrete-first" in rules(plan)
    assert "GH-GPU-IGNORED" in ids(plan, "note")


def test_only_the_used_gpus_nodes_are_handed_out(make: Make) -> None:
    plan = make(BOTH)
    assert plan.roles["gpu_access"]["devices"] == ["/dev/kfd", "/dev/dri/renderD128"]
    assert container(plan, "ollama")["devices"] == ["/dev/kfd", "/dev/dri/renderD128"]


def test_programs_on_the_host_are_shown_the_used_gpu_only_where_there_is_another(make: Make) -> None:
    assert make(BOTH).roles["pytorch"]["environment"] == {"ROCR_VISIBLE_DEVICES": "0"}
    assert make(RX6600).roles["pytorch"]["environment"] == {}


def named(*uuids: str | None) -> Any:
    """Unique ids for the compute nodes of the GPUs, in KFD's order."""

    def edit(host: dict[str, Any]) -> None:
        nodes = [node for node in host["kfd"]["nodes"] if node["kind"] == "gpu"]
        for node, uuid in zip(nodes, uuids, strict=True):
            node["unique_id"] = uuid

    return edit


UUID = "00b2c3d4e5f60718"


@pytest.mark.parametrize(
    ("uuids", "value"),
    [
        ((UUID, None), f"GPU-{UUID}"),
        ((None, UUID), "0"),
        # ROCr takes the beginning of an id, and stops at one that fits two devices: no device would be left.
        ((UUID, UUID), "0"),
    ],
    ids=["has one", "has none", "shares it"],
)
def test_a_gpu_is_named_by_uuid_where_that_names_it_alone(make: Make, uuids: Any, value: str) -> None:
    assert make(BOTH, named(*uuids)).roles["pytorch"]["environment"] == {"ROCR_VISIBLE_DEVICES": value}


def two_cards(host: dict[str, Any]) -> None:
    host["gpus"][1].update(device_id="744c", revision="c8", gfx="gfx1100", vram_bytes=24 << 30)


def test_cards_of_two_targets_are_used_each_by_the_programs_that_have_kernels_for_it(make: Make) -> None:
    plan = make(BOTH, two_cards)
    assert {gpu.gfx for gpu in plan.gpus if gpu.use} == {"gfx1032", "gfx1100"}
    assert "gpu.targets" in rules(plan)
    ollama, jupyter = container(plan, "ollama"), container(plan, "jupyter")
    assert (ollama["override"], ollama["devices"]) == (None, ["/dev/kfd", "/dev/dri/renderD129"])
    assert set(jupyter["devices"]) == {"/dev/kfd", "/dev/dri/renderD128", "/dev/dri/renderD129"}
    assert set(plan.roles["gpu_access"]["devices"]) == set(jupyter["devices"])
    (left_out,) = [one for one in plan.findings if one.id == "GH-GPU-PARTLY"]
    assert left_out.seen.startswith("Ollama uses gfx1100 and leaves out Radeon RX 6600")


def test_two_cards_of_one_target_are_used_together(make: Make) -> None:
    def twins(host: dict[str, Any]) -> None:
        host["gpus"][1].update(device_id="73ff", revision="c7", gfx="gfx1032", vram_bytes=8 << 30)

    plan = make(BOTH, twins)
    assert "gpu.all" in rules(plan)
    assert container(plan, "ollama")["devices"] == ["/dev/kfd", "/dev/dri/renderD128", "/dev/dri/renderD129"]
    assert plan.roles["pytorch"]["environment"] == {}


def partitioned(host: dict[str, Any]) -> None:
    """An MI300X in CPX mode, as one of its kind looks in KFD: eight nodes at one address, one after the other's function."""
    host["gpus"][0].update(device_id="74a1", revision="00", gfx="gfx942", vram_bytes=192 << 30)
    cpu, first = host["kfd"]["nodes"][:2]
    parts = [
        {**first, "node": 1 + n, "gfx": "gfx942", "location_id": 0x300 + n, "drm_render_minor": 128 + n, "unique_id": UUID}
        for n in range(8)
    ]
    host["kfd"]["nodes"] = [cpu, *parts]


def test_every_part_of_a_partitioned_card_is_handed_out(make: Make) -> None:
    plan = make(RX6600, partitioned)
    nodes = [f"/dev/dri/renderD{128 + n}" for n in range(8)]
    assert plan.roles["gpu_access"]["devices"] == ["/dev/kfd", *nodes]
    assert container(plan, "ollama")["devices"] == ["/dev/kfd", *nodes]
    (decision,) = [one for one in plan.decisions if one.rule == "gpu.partitioned"]
    assert decision.choice == "all 8"
    assert plan.roles["pytorch"]["environment"] == {}


def test_parts_beside_another_gpu_are_named_by_number_since_they_share_one_id(make: Make) -> None:
    def beside(host: dict[str, Any]) -> None:
        igpu = host["kfd"]["nodes"][2]
        partitioned(host)
        host["kfd"]["nodes"].append({**igpu, "node": 9})
        host["gpus"][1]["kfd_node"] = 9

    environment = make(BOTH, beside).roles["pytorch"]["environment"]
    assert environment == {"ROCR_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7"}


def test_a_guests_gpu_is_left_alone_beside_a_usable_one(make: Make) -> None:
    plan = make(BOTH, bound_to("vfio-pci", 0))
    assert [gpu.gfx for gpu in plan.gpus if gpu.use] == ["gfx1036"]
    assert "GH-GPU-RESERVED" in ids(plan, "warn")


def test_a_driver_that_is_not_loaded_yet_is_loaded_and_the_target_comes_from_the_pci_id(make: Make) -> None:
    plan = make(RX6600, driverless)
    assert ids(plan, "refuse") == []
    assert "GH-GPU-NOT-LOADED" in ids(plan, "note")
    assert plan.gpus[0].gfx == "gfx1032"
    part = plan.roles["amdgpu"]
    assert (part["driver"], part["module"], part["load"]) == ("inbox", "amdgpu", True)
    assert part["packages"] == ["firmware-amd-graphics"]
    assert plan.roles["gpu_access"]["devices"] == ["/dev/kfd", "/dev/dri/renderD128"]
    assert container(plan, "ollama")["groups"] == [str(snapshot(RX6600)["groups"]["render"]["gid"])]


def test_without_a_driver_and_without_leave_to_load_one_the_host_is_refused(make: Make) -> None:
    assert "GH-GPU-NO-DRIVER" in ids(make(RX6600, driverless, amdgpu_driver="none"), "refuse")
