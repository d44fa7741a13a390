"""What can be wrong with a card, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify.checks import CHECKS, health
from verify.parsers import gpu_log
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]

CARD = "health.0000-03-00-0"


def of_card(**changes: Any) -> Change:
    return lambda seen: seen["cards"][0].update(changes)


def link(**changes: Any) -> Change:
    return lambda seen: seen["cards"][0]["links"][0].update(changes)


def logged(kind: str, text: str, *pci: str, count: int = 1) -> Change:
    """So many lines of a kind, the last of them an hour ago."""
    event = {"kind": kind, "pci": list(pci), "count": count, "first_s": 100.0, "last_s": 82_800.0, "text": text}
    return lambda seen: seen["log"]["events"].append(event)


#: As the kernel of a machine wrote them: kind, line.
LINES = {
    "bus": "amdgpu 0000:03:00.0: amdgpu: device lost from bus!",
    "memory": "amdgpu 0000:03:00.0: amdgpu: 2 uncorrectable hardware errors detected in umc block",
    "heat": "amdgpu 0000:03:00.0: amdgpu: ERROR: GPU over temperature range(SW CTF) detected!",
    "start": "amdgpu 0000:03:00.0: amdgpu: Fatal error during GPU init",
    "fault": "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:32 vmid:0 pasid:0)",
    "hang": "amdgpu 0000:03:00.0: amdgpu: ring comp_1.1.1 timeout, signaled seq=151, emitted seq=153",
    "reset": "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!. Source:  1",
}
#: Words of the sentence, and of the next step.
SAID = {
    "bus": ("Radeon RX 6600 was lost from the bus, or its link failed", "Reseat the card"),
    "memory": ("Radeon RX 6600 had errors in its memory that could not be corrected", "Take the card out of use"),
    "heat": ("Radeon RX 6600 came to the temperature at which it is switched off", "fans, dust, thermal pads"),
    "start": ("Radeon RX 6600 could not be brought up", "missing firmware file"),
    "fault": ("Radeon RX 6600 reached for memory that is not mapped", "the program that the log names is at fault"),
    "hang": ("Radeon RX 6600 stopped answering to work", "driver, firmware or power"),
    "reset": ("Radeon RX 6600 was reset by the driver", "restart the containers"),
}

ROWS: list[Row] = [
    ("health", link(lanes=4), f"{CARD}.link_width", "at 0000:03:00.0 runs on 4 of the 8 lanes", "Reseat the card"),
    ("health", of_card(temperatures={"junction": 93.5}), f"{CARD}.temperature", "with next to nothing to do", "fans, dust"),
    (
        "health",
        of_card(temperatures={"edge": 61.0, "junction": 110.0}, load_percent=10),
        f"{CARD}.temperature",
        "too hot at work (junction 110 °C of at most 110)",
        "gpuhost monitor",
    ),
    *(
        (
            "health",
            of_card(performance_level=level),
            f"{CARD}.clocks",
            f"performance_level is {level})",
            "echo auto | sudo tee",
        )
        for level in health.SLOW_LEVELS
    ),
    (
        "health",
        of_card(memory_errors={"umc": {"ue": 1, "ce": 40}, "gfx": {"ue": 0, "ce": 0}}, bad_pages=2),
        f"{CARD}.memory_errors",
        "could not be corrected (1 in umc), 2 pages out of use: results",
        "Take the card out of use",
    ),
    ("health", of_card(bus_errors={"fatal": 1}), f"{CARD}.bus_errors", "had errors since boot (1 fatal)", "grep -i aer"),
    ("health", of_card(bus_errors={"nonfatal": 2}), f"{CARD}.bus_errors", "(2 nonfatal)", "without a riser"),
    ("health", of_card(bus_errors={"correctable": 1441}), f"{CARD}.bus_errors", "(1441 correctable)", "another slot"),
    *(
        (
            "health",
            logged(kind, line, "0000:03:00.0"),
            f"health.log.{health.EVENTS[kind].name}",
            SAID[kind][0],
            SAID[kind][1],
        )
        for kind, line in LINES.items()
    ),
    (
        "health",
        logged("hang", "ring gfx timeout", count=3),
        "health.log.hangs",
        "A GPU stopped answering to work that it was given (3 lines in the kernel's log, the last 60 min ago: “ring gfx "
        "timeout”)",
        "sudo dmesg --clear",
    ),
    ("health", logged("bus", "AER: x", "0000:01:00.0"), "health.log.bus", "A GPU was lost from the bus", "Reseat"),
]

UNKNOWN: list[Unknown] = [
    (
        "health",
        lambda seen: seen.update(log={"error": "only root may read the kernel's log"}),
        f"health.log.{event.name}",
        "only root",
    )
    for event in health.EVENTS.values()
]


def judge(seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == "health")
    return {result.id: result for result in check.judge(seen, healthy.expected() | changes)}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (link(lanes=8, could_lanes=8, card_lanes=16), "link_width"),
        (of_card(temperatures={"junction": 93.4}), "temperature"),
        (of_card(temperatures={"junction": 109.0}, load_percent=10), "temperature"),
        (of_card(temperatures={"vddgfx": 200.0}), "temperature"),
        (of_card(performance_level="high"), "clocks"),
        (of_card(performance_level=None), "clocks"),
        (of_card(bus_errors={"correctable": 99, "fatal": 0}), "bus_errors"),
        (of_card(bus_errors={"correctable": 1440}), "bus_errors"),
        (of_card(memory_errors={"umc": {"ue": 0, "ce": 100_000}}), "memory_errors"),
    ],
)
def test_what_is_normal_is_no_fault(change: Change, name: str) -> None:
    seen = healthy.seen("health")
    change(seen)
    assert judge(seen)[f"{CARD}.{name}"].status == PASS


def test_few_repaired_errors_are_few_however_short_the_time() -> None:
    seen = healthy.seen("health") | {"uptime_s": 60.0}
    of_card(bus_errors={"correctable": 99})(seen)
    assert judge(seen)[f"{CARD}.bus_errors"].status == PASS
    of_card(bus_errors={"correctable": 100})(seen)
    assert judge(seen)[f"{CARD}.bus_errors"].status == FAIL


def test_a_slot_with_fewer_lanes_than_the_card_is_told() -> None:
    seen = healthy.seen("health")
    link(lanes=4, could_lanes=4, card_lanes=16)(seen)
    assert judge(seen)[f"{CARD}.link_width"].seen == "4 lanes, the card has 16 and the slot no more"


def test_the_worst_link_on_the_way_counts() -> None:
    seen = healthy.seen("health")
    narrow = {**seen["cards"][0]["links"][0], "lanes": 2, "could_lanes": 16, "at": "0000:01:00.0"}
    seen["cards"][0]["links"].append(narrow)
    assert "at 0000:01:00.0 runs on 2 of the 16 lanes" in judge(seen)[f"{CARD}.link_width"].why


def test_a_link_of_one_lane_hides_none_that_lost_lanes() -> None:
    seen = healthy.seen("health")
    whole = {**seen["cards"][0]["links"][0], "lanes": 1, "could_lanes": 1}
    half = {**whole, "lanes": 8, "could_lanes": 16, "at": "0000:01:00.0"}
    seen["cards"][0]["links"] = [whole, half]
    assert judge(seen)[f"{CARD}.link_width"].status == FAIL


def test_what_happens_just_now_is_no_second_ago() -> None:
    seen = healthy.seen("health") | {"uptime_s": 82_800.0}
    logged("hang", LINES["hang"], "0000:03:00.0")(seen)
    assert "the last 0 s ago" in next(row.why for row in judge(seen).values() if row.status == FAIL)


def test_what_a_card_does_not_have_is_not_asked() -> None:
    seen = healthy.seen("health")
    of_card(links=[], temperatures={}, memory_errors=None, bus_errors=None)(seen)
    assert [id for id in judge(seen) if id.startswith(CARD)] == [f"{CARD}.clocks"]


def test_a_card_that_sleeps_is_let_sleep() -> None:
    seen = healthy.seen("health")
    of_card(asleep=True, performance_level=None, temperatures=None, memory_errors=None)(seen)
    assert judge(seen)[f"{CARD}.clocks"].seen == "asleep"
    assert judge(seen)[f"{CARD}.clocks"].status == PASS


def test_what_the_log_says_of_other_devices_is_not_about_the_planned_card() -> None:
    seen = healthy.seen("health")
    for kind in health.EVENTS:
        logged(kind, "of the processor's own graphics", "0000:0c:00.0")(seen)
    assert {result.status for result in judge(seen).values()} == {PASS}
    assert judge(seen)["health.log.hangs"].seen == "nothing since boot"


def test_a_log_that_does_not_begin_with_the_kernel_says_where_it_begins() -> None:
    seen = healthy.seen("health")
    seen["log"]["since_s"] = 7200.0
    assert judge(seen)["health.log.hangs"].seen == "nothing since 2 h after boot"


CHAINS = [
    (("fault", "hang", "reset"), "health.log.page_faults"),
    (("bus", "hang", "reset"), "health.log.bus"),
    (("heat", "hang"), "health.log.overheating"),
    (("memory", "fault", "reset"), "health.log.memory_errors"),
    (("start", "hang"), "health.log.starts"),
    (("hang", "reset"), "health.log.hangs"),
]


@pytest.mark.parametrize(("kinds", "red"), CHAINS, ids=[row[1] for row in CHAINS])
def test_of_a_chain_of_troubles_the_first_is_red(kinds: tuple[str, ...], red: str) -> None:
    seen = healthy.seen("health")
    for kind in kinds:
        logged(kind, LINES[kind], "0000:03:00.0")(seen)
    results = settle(judge(seen).values())
    assert {result.id for result in results if result.status == FAIL} == {red}
    assert sum(result.status == UNVERIFIABLE for result in results) == len(kinds) - 1


COUNTED = [
    ("memory", of_card(memory_errors={"umc": {"ue": 1}}), f"{CARD}.memory_errors"),
    ("bus", of_card(bus_errors={"fatal": 1}), f"{CARD}.bus_errors"),
    ("heat", of_card(temperatures={"edge": 120.0}), f"{CARD}.temperature"),
]


@pytest.mark.parametrize(("kind", "change", "red"), COUNTED, ids=[row[0] for row in COUNTED])
def test_what_the_card_counts_and_the_log_tells_is_one_fault(kind: str, change: Change, red: str) -> None:
    seen = healthy.seen("health")
    change(seen)
    logged(kind, LINES[kind], "0000:03:00.0")(seen)
    assert {result.id for result in settle(judge(seen).values()) if result.status == FAIL} == {red}


def test_the_lines_of_this_file_are_what_the_parser_takes_them_for() -> None:
    assert {kind: gpu_log.kind_of(line) for kind, line in LINES.items()} == {kind: kind for kind in LINES}


def test_nothing_of_a_simulated_card_is_proven() -> None:
    results = judge(healthy.seen("health") | {"simulated": True})
    assert {result.status for result in results.values()} == {UNVERIFIABLE}


def test_on_a_host_without_gpu_nothing_is_asked() -> None:
    assert judge(healthy.seen("health"), gpus=[]) == {}
