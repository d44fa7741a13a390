"""The line that a host comes down to: what is no proof never reads as certified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control import report
from control.report.model import HostReport, RunReport
from control.report.verdict import LEVELS
from control.run import CODES
from tests.unit.report import run_folder
from verify.result import FAIL, PASS, UNVERIFIABLE, Result


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    return report.load(run_folder.write(tmp_path_factory.mktemp("site") / "run"))


def host(loaded: RunReport, name: str) -> HostReport:
    return next(host for host in loaded.hosts if host.name == name)


VERDICTS = [
    ("gpu01", "certified", "certified", "checks passed"),
    ("gpu02", "failed", "not certified", "ollama is not running"),
    ("gpu03", "failed", "not certified", "unreachable: ssh: connect to host gpu03"),
    ("lab1", "simulated", "works as far as can be seen without a GPU — SIMULATED", "nothing here proves that a GPU works"),
]


@pytest.mark.parametrize(("name", "level", "words", "reason"), VERDICTS)
def test_each_host_has_its_verdict(loaded: RunReport, name: str, level: str, words: str, reason: str) -> None:
    verdict = host(loaded, name).verdict
    assert (verdict.level, verdict.words) == (level, words)
    assert reason in verdict.reason


PASSED = Result("system.os.release", PASS, "debian-13", "debian-13")
ON_GPU = Result("torch.host.matmul_gpu0", PASS, "0.02 of the bound", "within its error bound")
ON_CPU = Result("torch.host.matmul_cpu", PASS, "0.02 of the bound", "within its error bound")
IN_VRAM = Result("generate.ollama.residency", PASS, "100 % in GPU memory", "GPU memory")
STAND_IN = Result("containers.ollama.image", PASS, {"image": "ollama", "STAND-IN": "made in the lab"}, {"image": "ollama"})
OPEN = Result("access.alice.opens.kfd", UNVERIFIABLE, None, "ok", "only root can start a process as another user")


def planned(
    gpus: int = 1, torch: bool = True, ollama_on_gpu: bool = True, parts: int = 1, model: str = "tiny:1b"
) -> dict[str, Any]:
    expected = {
        "gpus": [{"pci": f"0000:0{at + 3}:00.0", "name": "Radeon RX 6600", "parts": parts} for at in range(gpus)],
        "torch": [{"where": "host", "python": "python3", "gpu": gpus > 0}] if torch else [],
        "services": [{"name": "ollama", "url": "", "image": "", "gpu": ollama_on_gpu, "model": model}],
    }
    return {"roles": {"verify": {"expected": expected}}}


WARNING = {"id": "GH-X", "level": "warn", "seen": "the BIOS is old", "why": "w", "next": "n"}
DRIFT = {"role": "rocm", "item": "file:/x", "difference": "changed"}
CERTIFIED, WARNED, NOT = "certified", "certified with warnings", "not certified"

REFUSED = {"id": "GH-Y", "level": "refuse", "seen": "no room on /", "why": "w", "next": "n"}
BROKEN = Result("rocm.rocminfo.runs", FAIL, "hangs", "ends", "rocminfo hangs", "look")
ANSWERED = Result("generate.ollama.text", PASS, "a text", "a text")

CARE: dict[str, tuple[dict[str, Any], str, str]] = {
    "all passed": ({}, CERTIFIED, "all 2 checks passed"),
    "quick": ({"level": "quick"}, CERTIFIED, "in a quick look"),
    "for the CPU": ({"plan": planned(0), "results": (ON_CPU,)}, "certified, for the CPU alone", "all 1 check passed"),
    "a CPU of which PyTorch alone is planned": (
        {"plan": planned(0, model=""), "results": (PASSED, ON_CPU)},
        "certified, for the CPU alone",
        "all 2 checks passed",
    ),
    "a CPU of which Ollama alone is planned": (
        {"plan": planned(0, torch=False), "results": (PASSED, ANSWERED)},
        "certified, for the CPU alone",
        "all 2 checks passed",
    ),
    "a CPU on which nothing is to compute": (
        {"plan": planned(0, torch=False, model=""), "results": (PASSED,)},
        "certified, for the CPU alone",
        "all 1 check passed",
    ),
    "one open": ({"results": (ON_GPU, OPEN)}, WARNED, "1 check could not be verified here (only root"),
    "several open, for two reasons": (
        {"results": (OPEN, replace(OPEN, why="no time"), replace(OPEN, why="no time"), ON_GPU)},
        WARNED,
        "3 checks could not be verified here (no time)",
    ),
    "a note": ({"findings": ({**WARNING, "level": "note"},)}, CERTIFIED, "passed"),
    "a warning": ({"findings": (WARNING,)}, WARNED, "1 warning (the BIOS is old)"),
    "drift": ({"drift": (DRIFT,)}, WARNED, "1 thing changed"),
    "drift that this run mended": ({"drift": (DRIFT,), "due": ("rocm",)}, CERTIFIED, "passed"),
    "Ollama alone": ({"plan": planned(torch=False), "results": (IN_VRAM,)}, CERTIFIED, "passed"),
    "a stand-in": ({"results": (ON_GPU, STAND_IN)}, "works as far as can be seen — STAND-IN", "not the real images"),
    "simulated": ({"simulated": True}, "works as far as can be seen without a GPU — SIMULATED", "nothing here proves"),
    "one check failed": ({"results": (ON_GPU, BROKEN)}, NOT, "rocminfo hangs"),
    "two checks failed": ({"results": (BROKEN, replace(BROKEN, why="other"))}, NOT, "rocminfo hangs, and 1 more"),
    "refused": ({"status": "refused", "findings": (WARNING, REFUSED)}, NOT, "refused: no room on /"),
    "refused without a word": ({"status": "refused", "findings": (WARNING,)}, NOT, "the run ended with: refused"),
    "a step failed": ({"status": "failed"}, NOT, "the run ended with: failed"),
    "nothing run": ({"results": None}, "not verified", "`gpuhost verify` runs them"),
    "no check": ({"results": ()}, NOT, "no check could be verified here"),
    "all open": ({"results": (OPEN,)}, NOT, "no check could be verified here"),
    "no plan": ({"plan": {}}, NOT, "what was planned for this host is not known"),
    "nothing computed": ({"results": (PASSED, ON_CPU)}, NOT, "no check has computed anything on GPU 0 (Radeon RX 6600)"),
    "one GPU of two": ({"plan": planned(2)}, NOT, "no check has computed anything on GPU 1 (Radeon RX 6600)"),
    "a part of a card": (
        {"plan": planned(parts=2)},
        NOT,
        "no check has computed anything on GPU 1 (Radeon RX 6600)",
    ),
    "a GPU that is open": (
        {"results": (PASSED, replace(ON_GPU, status=UNVERIFIABLE, why="the driver is busy"))},
        NOT,
        "on GPU 0 (Radeon RX 6600): the driver is busy",
    ),
    "only the worker came back": (
        {"results": (Result("correctness.host.gpu0.finished", PASS, "finished", "finished"),)},
        NOT,
        "no check has computed anything on GPU 0",
    ),
    "Ollama for two GPUs": ({"plan": planned(2, torch=False), "results": (IN_VRAM,)}, NOT, "without a PyTorch"),
    "Ollama on the CPU": (
        {"plan": planned(torch=False, ollama_on_gpu=False), "results": (IN_VRAM,)},
        NOT,
        "without a PyTorch",
    ),
    "a CPU that computed nothing": ({"plan": planned(0), "results": (PASSED,)}, NOT, "no check has computed anything here"),
    "an Ollama that computed nothing": (
        {"plan": planned(0, torch=False), "results": (PASSED,)},
        NOT,
        "no check has computed anything here",
    ),
    "a PyTorch that computed nothing": (
        {"plan": planned(0, model=""), "results": (PASSED,)},
        NOT,
        "no check has computed anything here",
    ),
}


@pytest.mark.parametrize("case", CARE)
def test_what_is_no_proof_never_reads_as_certified(case: str) -> None:
    facts, words, reason = CARE[case]
    verdict = HostReport("gpu01", **{"plan": planned(), "results": (PASSED, ON_GPU), **facts}).verdict
    assert verdict.words == words
    assert reason in verdict.reason
    assert (", and " in verdict.reason) == (case == "two checks failed")
    assert verdict.level in LEVELS
    # The word stands alone only where it is meant.
    assert verdict.words.startswith("certified") == (verdict.level in ("certified", "warnings"))


@pytest.mark.parametrize("status", [*sorted(set(CODES) - {"done", "unproven"}), "lost"])
def test_a_host_that_the_run_did_not_bring_to_its_end_is_not_certified(loaded: RunReport, status: str) -> None:
    assert replace(host(loaded, "gpu01"), status=status).verdict.words == NOT


@pytest.mark.parametrize("to", [FAIL, UNVERIFIABLE])
def test_no_check_of_a_certified_host_can_turn_without_a_trace(loaded: RunReport, to: str) -> None:
    whole = host(loaded, "gpu01")
    for at, result in enumerate(whole.results or ()):
        turned = replace(result, status=to, why="because", next="look")
        results = (*(whole.results or ())[:at], turned, *(whole.results or ())[at + 1 :])
        verdict = replace(whole, results=results).verdict
        assert verdict.words == (NOT if to == FAIL else WARNED), result.id
        assert "because" in verdict.reason


def test_without_what_was_computed_on_its_gpu_a_host_is_not_certified(loaded: RunReport) -> None:
    whole = host(loaded, "gpu01")
    left = tuple(result for result in whole.results or () if "gpu0" not in result.id)
    assert len(left) > 50
    assert replace(whole, results=left).verdict.words == NOT


def test_a_part_of_the_checks_certifies_nobody(loaded: RunReport) -> None:
    part = replace(host(loaded, "gpu01"), only=("driver", "containers.ollama"))
    assert (part.verdict.level, part.verdict.words) == ("unverified", "not certified")
    assert part.verdict.reason == "only driver, containers.ollama was asked for in this run"
    failed = replace(host(loaded, "gpu02"), only=("containers",))
    assert failed.verdict.level == "failed"


def test_a_simulated_host_stays_simulated_whichever_file_says_so(tmp_path: Path) -> None:
    for part in ("snapshot", "plan"):
        folder = tmp_path / part / "run"
        run_folder.save(folder / "results/gpu01.json", run_folder.certified())
        examined = run_folder.examined("gpu01")
        examined[part]["simulated"] = True
        run_folder.save(folder / "hosts/gpu01.json", examined)
        [one] = report.load(folder).hosts
        assert one.verdict.level == "simulated"


def test_a_host_that_left_no_trace_is_reported_and_not_certified(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"command": "up", "site": "north", "hosts": ["gpu09"]}')
    [lost] = report.load(tmp_path).hosts
    assert lost.verdict.level == "failed"
