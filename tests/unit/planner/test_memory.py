"""Memory of integrated GPUs, and the IOMMU under several GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control.planner import memory
from control.planner.gpu import decide
from control.planner.model import Context
from control.support import Table
from tests.unit.planner.conftest import Make, ids, rules, snapshot, wishes

RX6600 = "debian-12-rx6600"
TWO = "ubuntu-24.04-rx6600-plus-igpu"
GIB = 1 << 30


def halo(total_gib: float, carve_out_gib: float = 0.5, kernel: str = "6.18.4-generic") -> Any:
    """A Strix Halo machine: its one GPU is in the processor."""

    def edit(host: dict[str, Any]) -> None:
        host["gpus"] = host["gpus"][:1]
        host["gpus"][0].update(device_id="1586", revision="c1", gfx="gfx1151", vram_bytes=int(carve_out_gib * GIB))
        host["memory"]["total_bytes"] = int(total_gib * GIB)
        host["kernel"]["release"] = kernel

    return edit


def limit(module: str, pages: int) -> Any:
    return lambda host: host["kernel"].setdefault("parameters", {}).update({module: {"pages_limit": str(pages)}})


def context(table: Table, sample: str, *edits: Any, **parts: Any) -> Context:
    host = snapshot(sample, *edits)
    system = table.system(host["os"])
    assert system is not None
    ctx = Context(host, wishes(), table, "gpu01", system, parts=parts)
    return replace(ctx, gpus=decide(ctx).part["gpus"])


def wanted(table: Table, *edits: Any, sample: str = RX6600, **parts: Any) -> dict[str, str]:
    found = memory.wanted(context(table, sample, *edits, **parts))
    assert all(reason and "." in rule for _, _, reason, rule in found)
    return {name: value for name, value, _, _ in found}


@pytest.mark.parametrize(
    ("total", "carve_out", "gib"),
    [
        (125.65, 0.5, 95),  # 128 GiB, as in AMD's example: the kernel's own would be 62.8
        (122.8, 4, 92),
        (93.0, 0.5, 71),
        (61.2, 0.5, 47),
        (30.9, 0.5, 23),
        (23.2, 0.5, 17),
        (15.1, 0.5, None),
        (7.2, 0.5, None),
        (31.0, 96, None),  # the carve-out is more than could be mapped
        (63.0, 64, None),
        (95.0, 32, 64),
    ],
)
def test_the_gpu_may_map_three_quarters_of_what_is_installed(
    table: Table, total: float, carve_out: float, gib: int | None
) -> None:
    pages = {"ttm.pages_limit": str(gib * GIB // 4096)} if gib else {}
    assert wanted(table, halo(total, carve_out)) == pages


def test_before_the_reserved_memory_is_told_no_limit_is_set(table: Table, make: Make) -> None:
    def untold(host: dict[str, Any]) -> None:
        halo(125.65)(host)
        host["gpus"][0]["vram_bytes"] = None

    assert wanted(table, untold) == {}
    plan = make(RX6600, untold)
    assert plan.roles["amdgpu"]["parameters"] == []
    assert "memory.unknown" in rules(plan)


def test_a_card_of_its_own_needs_no_such_limit(table: Table) -> None:
    assert wanted(table, lambda host: host["memory"].update(total_bytes=128 * GIB)) == {}
    assert wanted(table, lambda host: host["memory"].update(total_bytes=128 * GIB), sample=TWO) == {}


def test_under_amds_own_driver_the_limit_is_that_of_its_own_module(table: Table) -> None:
    def dkms(host: dict[str, Any]) -> None:
        host["kernel"]["modules"]["amdgpu"].update(in_tree=False, version="6.16.13")

    assert list(wanted(table, halo(125.6), dkms)) == ["amdttm.pages_limit"]
    assert list(wanted(table, halo(125.6), amdgpu={"driver": "dkms", "version": "30.30.4"})) == ["amdttm.pages_limit"]
    assert list(wanted(table, halo(125.6), dkms, amdgpu={"driver": "inbox", "version": None})) == ["ttm.pages_limit"]


def test_a_limit_that_is_set_already_stays_wanted_and_a_higher_one_is_left_alone(table: Table) -> None:
    first = wanted(table, halo(125.65))
    pages = int(first["ttm.pages_limit"])
    assert wanted(table, halo(125.65), limit("ttm", pages)) == first
    assert wanted(table, halo(125.65), limit("ttm", pages - 1)) == first
    assert wanted(table, halo(125.65), limit("ttm", pages + 262144)) == {}


def test_a_higher_limit_on_the_command_line_counts_where_the_kernel_does_not_tell(table: Table) -> None:
    def given(host: dict[str, Any]) -> None:
        host["kernel"]["cmdline"] = "ro ttm.pages_limit=25165824"

    assert wanted(table, halo(125.65), given) == {}


def test_a_gpu_that_no_program_has_kernels_for_needs_no_memory(table: Table, make: Make) -> None:
    def cezanne(host: dict[str, Any]) -> None:
        halo(61.5)(host)
        host["gpus"][0].update(device_id="1638", revision="c9", gfx="gfx90c")

    assert wanted(table, cezanne) == {}
    assert not any(rule.startswith("memory.") for rule in rules(make(RX6600, cezanne)))


def iommu(kind: Any, groups: int = 30, cmdline: str = "ro quiet") -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["iommu"] = {"groups": groups, "type": kind}
        host["kernel"]["cmdline"] = f"BOOT_IMAGE=/vmlinuz {cmdline}"

    return edit


def second_card(host: dict[str, Any]) -> None:
    host["gpus"][1].update(device_id="73ff", revision="c7", gfx="gfx1032", vram_bytes=8 << 30)


@pytest.mark.parametrize(
    ("edits", "parameters"),
    [
        ((second_card, iommu("DMA-FQ")), {"iommu": "pt"}),
        ((second_card, iommu("DMA")), {"iommu": "pt"}),
        ((second_card, iommu(None)), {"iommu": "pt"}),
        ((second_card, iommu("identity")), {}),
        ((second_card, iommu("identity", cmdline="ro iommu=pt")), {"iommu": "pt"}),
        ((second_card, iommu(None, groups=0)), {}),
        ((iommu("DMA-FQ"),), {}),
    ],
    ids=["translating", "strict", "unknown", "passed through by itself", "set already", "off", "one card in use"],
)
def test_several_gpus_want_an_iommu_that_does_not_translate(table: Table, edits: Any, parameters: Any) -> None:
    assert wanted(table, *edits, sample=TWO) == parameters


@pytest.mark.parametrize(
    "edit", [lambda host: host["kernel"].update(container="lxc"), lambda host: host.update(simulated=True)]
)
def test_nothing_is_asked_of_a_kernel_that_is_not_the_hosts_own(table: Table, edit: Any) -> None:
    assert wanted(table, halo(125.6), edit) == {}


@pytest.mark.parametrize(
    ("total", "carve_out", "reported"), [(125.6, 0.5, False), (122.8, 4, False), (31.0, 96, True), (63.5, 64, True)]
)
def test_a_large_reservation_of_the_bios_is_told(make: Make, total: float, carve_out: float, reported: bool) -> None:
    assert ("GH-APU-CARVEOUT" in ids(make(RX6600, halo(total, carve_out)), "note")) is reported


def test_the_plan_says_how_much_the_gpu_may_use(make: Make) -> None:
    (decision,) = [one for one in make(RX6600, halo(125.65)).decisions if one.topic.startswith("memory")]
    assert (decision.choice, decision.rule) == ("95 GiB", "memory.ttm")
    assert "memory.kept" in rules(make(RX6600, halo(125.65), amdgpu_kernel_parameters="none"))
    assert "memory.little" in rules(make(RX6600, halo(15.0)))
    assert not any(rule.startswith("memory.") for rule in rules(make(RX6600)))


def test_the_deprecated_parameter_beside_the_limit_is_told(make: Make) -> None:
    plan = make(RX6600, halo(125.6), lambda host: host["kernel"].update(cmdline="ro amdgpu.gttsize=122880 quiet"))
    (finding,) = [one for one in plan.findings if one.id == "GH-APU-GTTSIZE"]
    assert "amdgpu.gttsize=122880" in finding.seen


@pytest.mark.parametrize(
    ("kernel", "told"),
    [("6.12.57+deb13-amd64", True), ("6.18.4-generic", False), ("6.14.0-1014-oem", True), ("6.14.0-1018-oem", False)],
)
def test_a_kernel_that_keeps_memory_from_the_gpu_is_told(
    make: Make, table: Table, monkeypatch: pytest.MonkeyPatch, kernel: str, told: bool
) -> None:
    target = table.target("gfx1151")
    assert target is not None
    since = target.model_copy(update={"full_memory_since": "6.16.9"})
    monkeypatch.setattr(type(table), "target", lambda self, gfx: since)
    found = [one for one in make(RX6600, halo(125.6, kernel=kernel)).findings if one.id == "GH-APU-KERNEL"]
    assert bool(found) is told
    assert all("6.16.9" in one.next for one in found)
