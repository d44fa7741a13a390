"""Kernel parameters: which the plan sets, where it leaves them to a person, and when they mean a reboot."""

from __future__ import annotations

from typing import Any

import pytest

from onhost import kernel_parameters
from tests.unit.planner import edits
from tests.unit.planner.conftest import Make, ids, rules

NOBLE = "ubuntu-24.04-rx7900xtx"
GIB = 1 << 30
PAGES = {"name": "ttm.pages_limit", "value": str(95 * GIB // 4096)}


def halo(host: dict[str, Any]) -> None:
    """A Strix Halo with 128 GB, of which the firmware keeps 0.5 GiB for graphics."""
    edits.gpu("1586", "gfx1151", vram_bytes=GIB // 2)(host)
    edits.kernel("6.17.0-1006-oem")(host)
    host["memory"]["total_bytes"] = 125 * GIB


def two_cards(host: dict[str, Any]) -> None:
    host["gpus"].append({**host["gpus"][0], "pci": "0000:43:00.0", "render_minor": 129, "kfd_node": 2})
    host["iommu"] = {"groups": 40, "type": "DMA-FQ"}


def started_with(words: str) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["kernel"]["cmdline"] += f" {words}"

    return edit


def loader(name: str | None) -> Any:
    return lambda host: host["kernel"]["boot"].update(loader=name)


@pytest.mark.parametrize(
    ("changes", "parameters", "rule"),
    [((halo,), [PAGES], "memory.ttm"), ((two_cards,), [{"name": "iommu", "value": "pt"}], "memory.iommu"), ((), [], None)],
    ids=["shared memory", "several cards", "one card"],
)
def test_the_parameters_come_with_their_reason_and_are_what_verify_expects(
    make: Make, changes: Any, parameters: Any, rule: str | None
) -> None:
    plan = make(NOBLE, *changes)
    assert plan.roles["amdgpu"]["parameters"] == parameters
    assert plan.roles["verify"]["expected"]["driver"]["parameters"] == parameters
    assert plan.cost["reboot"] is bool(parameters)
    assert rule is None or rule in rules(plan)


def test_parameters_that_are_in_force_mean_no_reboot_and_stay_planned(make: Make) -> None:
    plan = make(NOBLE, halo, started_with(f"ttm.pages_limit={PAGES['value']}"))
    assert plan.roles["amdgpu"]["parameters"] == [PAGES]
    assert plan.cost["reboot"] is False


def test_parameters_beside_a_driver_that_stays_mean_a_reboot_too(make: Make) -> None:
    plan = make(NOBLE, two_cards, edits.dkms("30.30.4"))
    assert plan.roles["amdgpu"]["driver"] == "none"
    assert plan.roles["amdgpu"]["parameters"] == [{"name": "iommu", "value": "pt"}]
    assert plan.cost["reboot"] is True
    assert make(NOBLE, two_cards, edits.dkms("30.30.4"), started_with("iommu=pt")).cost["reboot"] is False


@pytest.mark.parametrize("name", ["grub", "systemd-boot"])
@pytest.mark.parametrize(
    ("change", "word", "wanted"),
    [
        (two_cards, "iommu=soft", "iommu=pt"),
        (halo, "ttm.pages_limit=1000", f"ttm.pages_limit={PAGES['value']}"),
        (halo, "ttm.pages-limit=1000", f"ttm.pages_limit={PAGES['value']}"),
    ],
)
def test_what_somebody_set_otherwise_stays_and_is_not_promised(
    make: Make, change: Any, word: str, wanted: str, name: str
) -> None:
    plan = make(NOBLE, change, started_with(word), loader(name))
    assert plan.roles["amdgpu"]["parameters"] == plan.roles["verify"]["expected"]["driver"]["parameters"] == []
    assert plan.cost["reboot"] is False
    assert "memory.ttm" not in rules(plan)
    assert "GH-KERNEL-PARAMETER-MANUAL" not in ids(plan)
    (found,) = [one for one in plan.findings if one.id == "GH-KERNEL-PARAMETER-KEPT"]
    assert found.level == "warn"
    assert found.seen == f"{word} is set; {wanted} was wanted"


def test_a_value_of_gpuhosts_own_gives_way_to_the_one_that_is_wanted_now(make: Make) -> None:
    def ours(host: dict[str, Any]) -> None:
        text = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ttm.pages_limit=1000"\n'
        host["kernel"]["boot"]["parameter_files"].append({"path": kernel_parameters.DROP_IN, "text": text})

    plan = make(NOBLE, halo, started_with("ttm.pages_limit=1000"), ours)
    assert plan.roles["amdgpu"]["parameters"] == [PAGES]
    assert plan.cost["reboot"] is True
    assert "GH-KERNEL-PARAMETER-KEPT" not in ids(plan)


def test_of_several_values_the_last_one_counts(make: Make) -> None:
    plan = make(NOBLE, two_cards, started_with("iommu=soft iommu=pt"))
    assert plan.roles["amdgpu"]["parameters"] == [{"name": "iommu", "value": "pt"}]
    assert "GH-KERNEL-PARAMETER-KEPT" not in ids(plan)


def test_a_site_may_want_no_parameters(make: Make) -> None:
    plan = make(NOBLE, halo, amdgpu_kernel_parameters="none")
    assert plan.roles["amdgpu"]["parameters"] == []
    assert plan.cost["reboot"] is False


def test_a_driver_that_is_left_to_the_site_gets_no_parameters(make: Make) -> None:
    assert make(NOBLE, halo, amdgpu_driver="none").roles["amdgpu"]["parameters"] == []


@pytest.mark.parametrize("name", ["systemd-boot", None])
def test_without_grub_a_person_sets_them(make: Make, name: str | None) -> None:
    plan = make(NOBLE, halo, loader(name))
    assert plan.roles["amdgpu"]["parameters"] == []
    (found,) = [one for one in plan.findings if one.id == "GH-KERNEL-PARAMETER-MANUAL"]
    assert f"add ttm.pages_limit={PAGES['value']} to" in found.next
    assert plan.cost["reboot"] is False
    there = make(NOBLE, halo, loader(name), started_with(f"ttm.pages_limit={PAGES['value']}"))
    assert "GH-KERNEL-PARAMETER-MANUAL" not in ids(there)
