"""HSA_OVERRIDE_GFX_VERSION: set, must not be set, or already wrong here."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from control.planner import override
from control.planner.gpu import decide
from control.planner.model import Context
from control.support import Table
from tests.unit.planner.conftest import Make, container, snapshot, wishes

RX6600 = "debian-12-rx6600"
TWO = "ubuntu-24.04-rx6600-plus-igpu"
NAME = override.VARIABLE


def card(device: str, gfx: str, index: int = 0, gib: int = 8) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["gpus"][index].update(device_id=device, revision="00", gfx=gfx, vram_bytes=gib << 30)

    return edit


def context(table: Table, sample: str, *edits: Any) -> Context:
    host = snapshot(sample, *edits)
    system = table.system(host["os"])
    assert system is not None
    ctx = Context(host, wishes(), table, "gpu01", system)
    return replace(ctx, gpus=decide(ctx).part["gpus"])


def image(*targets: str) -> Any:
    return SimpleNamespace(reference="vendor/image:1", targets=list(targets))


# Published per chip: ollama docs/gpu.mdx, llama.cpp#19949, ROCm#2216 and #3808 (gfx90c, gfx902), ROCm#2527 (gfx101x).
@pytest.mark.parametrize(
    ("device", "gfx", "built_for", "value", "rule"),
    [
        ("73ff", "gfx1032", ("gfx1030",), "10.3.0", "override.set"),
        ("73ff", "gfx1032", ("gfx1030", "gfx1032"), None, "override.not-needed"),
        ("73bf", "gfx1030", ("gfx1030",), None, "override.not-needed"),
        ("747e", "gfx1101", ("gfx1100",), "11.0.0", "override.set"),
        ("747e", "gfx1101", ("gfx1100", "gfx1101"), None, "override.not-needed"),
        ("15bf", "gfx1103", ("gfx1100", "gfx1101", "gfx1102"), "11.0.0", "override.set"),
        ("1114", "gfx1152", ("gfx1150",), "11.5.0", "override.set"),
        ("1638", "gfx90c", ("gfx900", "gfx906"), None, "override.no-target"),
        ("15dd", "gfx902", ("gfx900",), None, "override.no-target"),
        ("731f", "gfx1010", ("gfx1030",), None, "override.no-target"),
        ("7340", "gfx1012", ("gfx1030",), None, "override.no-target"),
        ("73ff", "gfx1032", ("gfx1100",), None, "override.no-target"),
        ("744c", "gfx1100", ("gfx1030",), None, "override.no-target"),
    ],
)
def test_each_consumer_gets_what_its_kernels_ask_for(
    table: Table, device: str, gfx: str, built_for: Any, value: Any, rule: str
) -> None:
    fit = override.fit(context(table, RX6600, card(device, gfx)), "Ollama", image(*built_for))
    assert fit.override == value
    assert fit.decision is not None
    assert fit.decision.rule == rule
    assert fit.gpu is (rule != "override.no-target")


def test_the_answer_says_set_or_must_not_be_set(table: Table) -> None:
    ctx = context(table, RX6600)
    answers = [override.fit(ctx, "Ollama", image(*built)).decision for built in (["gfx1030"], ["gfx1032"], ["gfx942"])]
    assert [one.choice for one in answers if one] == ["set to 10.3.0", "must not be set", "must not be set"]


def test_no_chip_ever_gets_an_override_of_another_major_version(table: Table) -> None:
    wrong = [row.gfx for row in table.targets if row.override and override.major(row.gfx) != int(row.override.split(".")[0])]
    assert wrong == []


def test_no_chip_gets_an_override_in_an_image_that_has_its_kernels(table: Table) -> None:
    for gpu in table.gpus:
        for row in table.images:
            if gpu.gfx in row.targets:
                ctx = context(table, RX6600, card(gpu.device, gpu.gfx))
                assert override.fit(ctx, "x", row).override is None, (gpu.device, row.id)


def test_of_two_cards_the_one_with_kernels_is_used_and_the_other_gets_no_harmful_override(table: Table) -> None:
    ctx = context(table, TWO, card("744c", "gfx1100", 1, 24))
    fit = override.fit(ctx, "Ollama", image("gfx1030", "gfx1100"))
    assert [gpu.gfx for gpu in fit.gpus] == ["gfx1100"]
    assert fit.override is None
    assert [one.id for one in fit.findings] == ["GH-GPU-PARTLY"]
    assert "gfx1032" in fit.findings[0].seen


def test_two_cards_that_need_the_same_override_are_used_together(table: Table) -> None:
    ctx = context(table, TWO, card("73df", "gfx1031", 1, 12))
    fit = override.fit(ctx, "Ollama", image("gfx1030"))
    assert [gpu.gfx for gpu in fit.gpus] == ["gfx1031", "gfx1032"]
    assert (fit.override, fit.findings) == ("10.3.0", ())


def entry(value: str, path: str = "/etc/environment", name: str = NAME) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["override"]["env_files"] = [{"path": path, "name": name, "value": value}]

    return edit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "an empty value is not unset"),
        ("10.3", "not three numbers"),
        ("gfx1030", "not three numbers"),
        ("11.0.0", "of another architecture than gfx1032"),
        ("9.0.0", "of another architecture than gfx1032"),
        ("10.3.2", "gfx1032 is what the GPU is anyway"),
        ("10.3.0", "programs with kernels for gfx1032 run slower with it"),
        ("10.3.1", "kernels of gfx1031 are not known to run on gfx1032"),
    ],
)
def test_what_the_host_sets_for_every_program_is_told_with_file_line_and_harm(make: Make, value: str, words: str) -> None:
    plan = make(RX6600, entry(value))
    (finding,) = [one for one in plan.findings if one.id == "GH-OVERRIDE-STALE"]
    assert finding.level == "warn"
    assert finding.seen.startswith(f"/etc/environment: {NAME}={value}: ")
    assert words in finding.seen
    assert "/etc/environment" in finding.next
    (decision,) = [one for one in plan.decisions if one.rule == "override.stale"]
    assert decision.choice == f"already wrong here: {NAME}={value}"


def test_the_siblings_value_on_a_chip_that_has_no_sibling_is_told(make: Make) -> None:
    """10.3.0 on an RX 5500 XT, as many guides have it (ROCm#2527)."""
    (finding,) = [one for one in make(RX6600, card("7340", "gfx1012"), entry("10.3.0")).findings if "STALE" in one.id]
    assert "kernels of gfx1030 are not known to run on gfx1012" in finding.seen


def test_the_form_for_one_node_is_found_too(make: Make) -> None:
    (finding,) = [one for one in make(RX6600, entry("11.0.0", name=f"{NAME}_1")).findings if "OVERRIDE" in one.id]
    assert f"{NAME}_1=11.0.0" in finding.seen


UNIT = "/etc/systemd/system/ollama.service.d/rocm.conf"


@pytest.mark.parametrize(("value", "wrong"), [("10.3.0", False), ("11.0.0", True), ("", True)])
def test_what_one_service_sets_for_itself_is_wrong_only_where_it_cannot_work(make: Make, value: str, wrong: bool) -> None:
    plan = make(RX6600, entry(value, UNIT))
    assert any(one.id == "GH-OVERRIDE-STALE" for one in plan.findings) is wrong
    (decision,) = [one for one in plan.decisions if one.topic == f"override in {UNIT}"]
    assert "ollama.service" in decision.reason


def test_a_stale_override_on_the_host_changes_nothing_in_the_containers(make: Make) -> None:
    assert container(make(RX6600, entry("11.0.0")), "ollama")["env"][NAME] == "10.3.0"
    assert NAME not in container(make(RX6600, entry("11.0.0")), "jupyter")["env"]
