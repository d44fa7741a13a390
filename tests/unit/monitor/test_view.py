"""The live view: what people read, at every width."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from control.monitor import view
from control.monitor.state import AWAY, CONNECTING, LIVE, HostState
from tests.unit.monitor import trees
from verify.probes import live

GIB = 2**30
DASH = view.NOTHING


def names(device: str, revision: str) -> str:
    return {"73ff": "Radeon RX 6600", "1586": "Radeon 8060S", "74a1": "Instinct MI300X"}.get(device, f"card {device}")


def sample(root: Path, *cards: str, **changed: Any) -> dict[str, Any]:
    """A line of a host with these cards."""
    for number, name in enumerate(cards):
        trees.add_card(root, name, f"0000:0{number + 3}:00.0")
    gpus = [{**gpu.look(), "processes": []} for gpu in live.live_gpus(trees.Tree(root))]
    head = {"schema": 1, "host": "h", "as_root": True, "user": "ada", "time": "2026-11-22T12:00:05Z", "sequence": 9}
    body = {"simulated": False, "cpu_percent": 12.4, "memory": {"total_bytes": 32 * GIB, "available_bytes": 24 * GIB}}
    return {**head, **body, "gpus": gpus, "services": None, "own_cpu_percent": 0.9, **changed}


def process(name: str, vram: int, **more: Any) -> dict[str, Any]:
    row = {
        "pid": 41,
        "name": name,
        "user": "root",
        "container": None,
        "vram_bytes": vram,
        "gtt_bytes": 0,
        "load_percent": None,
    }
    return {**row, **more}


def shown(said: dict[str, Any], width: int = 160, processes: int = 5) -> list[str]:
    state = HostState("gpu01").arrived(said, 100.0)
    return [line.plain for line in view.lines([state], names, 100.0, width, processes)]


def test_a_busy_card_on_a_wide_terminal_takes_one_line(tmp_path: Path) -> None:
    title, gpu = shown(sample(tmp_path, "rx6600-busy"))
    assert title == "● gpu01  CPU 12 %   memory 8.0/32.0 GiB   12:00:05 UTC   this look costs 0.9 % of a core"
    assert re.sub(r" +", " ", gpu) == (
        " Radeon RX 6600 03:00.0 97 % █████████▊ VRAM 5.6/8.0 GiB GTT 0.3/15.6 GiB "
        "66/81/74 °C 99/100 W 2438/875 MHz fan 49 %"
    )


def test_a_narrow_terminal_gets_the_same_figures_in_two_lines(tmp_path: Path) -> None:
    _, first, second = shown(sample(tmp_path, "rx6600-busy"), width=80)
    assert re.sub(r" +", " ", first) == " Radeon RX 6600 03:00.0 97 % VRAM 5.6/8.0 GiB GTT 0.3/15.6 GiB "
    assert re.sub(r" +", " ", second) == " 66/81/74 °C 99/100 W 2438/875 MHz fan 49 % 1893 rpm"


@pytest.mark.parametrize("card", trees.NAMES)
@pytest.mark.parametrize("width", [80, view.WIDE])
def test_no_figure_is_cut_off(tmp_path: Path, card: str, width: int) -> None:
    assert [line for line in shown(sample(tmp_path, card), width) if "…" in line or len(line) > width] == []


def test_what_a_card_does_not_have_is_a_dash(tmp_path: Path) -> None:
    gpu = shown(sample(tmp_path, "mi300x"))[1]
    assert f"{DASH}/45/37 °C" in gpu
    assert gpu.rstrip().endswith(f"fan {DASH}")


def test_an_apu_shows_its_shared_memory_and_one_temperature(tmp_path: Path) -> None:
    gpu = shown(sample(tmp_path, "strix-halo"))[1]
    assert "VRAM 0.1/0.5 GiB" in gpu
    assert "GTT 66.2/120.0 GiB" in gpu
    assert re.search(r"  41 °C", gpu)


@pytest.mark.parametrize(("card", "word"), [("rx6800m-asleep", "sleeps"), ("not-driven", "no driver")])
def test_a_card_that_cannot_be_busy_says_why(tmp_path: Path, card: str, word: str) -> None:
    gpu = shown(sample(tmp_path, card))[1]
    assert word in gpu
    assert "0 %" not in gpu


def test_a_simulated_gpu_is_called_simulated(tmp_path: Path) -> None:
    trees.add_card(tmp_path / "opt/gpuhost-lab/sim", "rx6600-busy")
    trees.write(tmp_path, "/etc/gpuhost/simulated.json", '{"sysroot": "/opt/gpuhost-lab/sim"}')
    said = sample(tmp_path)
    assert " SIMULATED " in shown(said)[0]
    state = HostState("gpu01").arrived(said, 0.0)
    assert view.plain(state, names)[0].startswith("gpu01 SIMULATED  ")
    assert " SIMULATED " in view.lines([state.lost("gone", 1.0)], names, 2.0, 80)[0].plain


def test_the_largest_processes_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    said = sample(tmp_path, "rx6600-busy")
    said["gpus"][0]["processes"] = [
        process("small", 5 * 2**20),
        process("ollama", 5 * GIB, container="gpuhost-ollama", load_percent=88, gtt_bytes=2 * GIB),
        process("python3", GIB, user="ada"),
    ]
    rows = [re.sub(r" +", " ", line).strip() for line in shown(said, processes=2)[2:]]
    assert rows == [
        "ollama in gpuhost-ollama 41 (root) 5.0 GiB VRAM 2.0 GiB GTT 88 %",
        "python3 41 (ada) 1.0 GiB VRAM",
        "and 1 more",
    ]
    assert len(shown(said, processes=0)) == 2


def service(name: str, state: str, health: str | None, stand_in: bool = False) -> dict[str, Any]:
    return {"service": name, "container": f"gpuhost-{name}", "state": state, "health": health, "stand_in": stand_in}


def test_services_stand_in_one_line_with_their_health(tmp_path: Path) -> None:
    rows = [service("jupyter", "exited", None), service("ollama", "running", "healthy", stand_in=True)]
    line = shown(sample(tmp_path, "rx580", services=rows))[-1]
    assert re.sub(r" +", " ", line).strip() == "services ● jupyter exited ● ollama healthy STAND-IN"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"services": {"error": "the engine did not answer in time"}}, "services: the engine did not answer in time"),
        ({"gpus": {"error": "no folder"}}, "GPUs: no folder"),
        ({"gpus": []}, "no AMD GPU"),
        ({"as_root": False}, "as ada, not root: others' processes are not seen"),
        ({"cpu_percent": None}, f"CPU {DASH}"),
        ({"memory": {"total_bytes": None, "available_bytes": None}}, "CPU 12 %   12:00:05 UTC"),
    ],
)
def test_what_could_not_be_seen_is_said(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    assert any(words in line for line in shown(sample(tmp_path, "rx580", **changed)))


def test_a_host_that_is_away_keeps_its_last_figures_and_says_since_when_and_why(tmp_path: Path) -> None:
    state = HostState("gpu01").arrived(sample(tmp_path, "rx6600-busy"), 100.0)
    away = state.lost("ssh: connect to host gpu01 port 22: No route to host", 101.0).connects(102.0).connects(104.0)
    title, why, gpu = (line.plain for line in view.lines([away], names, 130.0, 160))
    assert title == "✗ gpu01  no answer for 30 s, tried 2 times"
    assert why.strip() == "GH-HOST-UNREACHABLE  ssh: connect to host gpu01 port 22: No route to host"
    assert "97 %" in gpu
    back = away.arrived(state.sample or {}, 131.0)
    assert (back.status, back.findings, back.attempts) == (LIVE, [], 0)


def test_a_host_that_was_never_reached_counts_from_the_begin() -> None:
    state = HostState("gpu01").connects(10.0)
    assert view.lines([state], names, 11.0, 80)[0].plain == "○ gpu01  connecting …"
    away = state.lost("Permission denied (publickey).", 12.0).connects(13.0)
    assert [line.plain for line in view.lines([away], names, 15.0, 80)] == [
        "✗ gpu01  no answer for 3 s, tried 2 times",
        "  GH-SSH-KEY  Permission denied (publickey).",
    ]


def test_states_change_only_by_what_happens() -> None:
    state = HostState("a")
    assert state.status == CONNECTING
    assert state.lost("x", 5.0).lost("y", 9.0).since == 5.0
    assert state.lost("x", 5.0).status == AWAY
    live_now = state.arrived({"gpus": []}, 3.0)
    assert live_now.arrived({"gpus": []}, 8.0).since == 3.0
    assert live_now.arrived({"gpus": []}, 8.0).came == 8.0


def test_what_does_not_fit_loses_processes_first_and_is_then_cut_and_said_to_be(tmp_path: Path) -> None:
    said = sample(tmp_path, "rx6600-busy", "mi300x", "strix-halo")
    said["gpus"][0]["processes"] = [process(f"p{number}", GIB) for number in range(8)]
    states = [HostState("gpu01").arrived(said, 0.0)]
    assert len(view.fitted(states, names, 0.0, 160, 40)) == 4 + 8
    assert len(view.fitted(states, names, 0.0, 160, 10)) == 4 + 5 + 1
    assert len(view.fitted(states, names, 0.0, 160, 4)) == 4
    cut = view.fitted(states, names, 0.0, 160, 3)
    assert len(cut) == 3
    assert cut[-1].plain == "… 2 lines more: a taller window, or --host"


def test_hosts_are_parted_by_an_empty_line(tmp_path: Path) -> None:
    states = [HostState("a").connects(0.0), HostState("b").connects(0.0)]
    assert [line.plain for line in view.lines(states, names, 0.0, 80)] == ["○ a  connecting …", "", "○ b  connecting …"]


@pytest.mark.parametrize(("used", "style"), [(5 * GIB, ""), (7 * GIB, "yellow"), (7.8 * GIB, "red")])
def test_memory_that_runs_out_is_coloured(tmp_path: Path, used: float, style: str) -> None:
    said = sample(tmp_path, "rx6600-busy")
    said["gpus"][0].update(vram_used_bytes=used, vram_total_bytes=8 * GIB)
    line = view.lines([HostState("a").arrived(said, 0.0)], names, 0.0, 160)[1]
    at = line.plain.index("VRAM")
    assert [span.style for span in line.spans if span.start == at and span.style] == ([style] if style else [])


def test_a_temperature_is_coloured_by_the_cards_own_limit(tmp_path: Path) -> None:
    said = sample(tmp_path, "rx6600-busy")
    said["gpus"][0]["temperatures"] = {"edge": 70.0, "junction": 108.0, "mem": 88.0}
    line = view.lines([HostState("a").arrived(said, 0.0)], names, 0.0, 160)[1]
    coloured = {line.plain[span.start : span.end]: span.style for span in line.spans if span.style in ("red", "yellow")}
    assert coloured["108"] == "red"
    assert coloured["88"] == "yellow"
    assert "70" not in coloured


@pytest.mark.parametrize(
    ("share", "bar"), [(None, " " * 10), (0.0, "·" * 10), (0.5, "█" * 5 + "·" * 5), (1.7, "█" * 10), (0.03, "▎" + "·" * 9)]
)
def test_a_bar_has_ten_cells(share: float | None, bar: str) -> None:
    assert view._bar(share) == bar


def test_for_a_log_a_gpu_is_one_line(tmp_path: Path) -> None:
    state = HostState("gpu01").arrived(
        sample(tmp_path, "rx6600-busy", services=[service("ollama", "running", "healthy")]), 0.0
    )
    assert [re.sub(r" +", " ", line) for line in view.plain(state, names)] == [
        "gpu01 Radeon RX 6600 03:00.0 97 % VRAM 5.6/8.0 GiB GTT 0.3/15.6 GiB "
        "66/81/74 °C 99/100 W 2438/875 MHz fan 49 % 1893 rpm"
    ]
    assert view.plain_services(state) == "gpu01  services  ● ollama healthy"
    assert view.plain(HostState("x").arrived(sample(tmp_path, gpus=[]), 0.0), names) == ["x  no AMD GPU"]
