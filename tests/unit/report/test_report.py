"""What people and machines read of a run: facts, not bytes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
from rich.console import Console

from control import report
from control.paths import ROOT
from control.report import html, junit, terminal
from control.report.model import HostReport, RunReport
from tests.unit.checks import healthy
from tests.unit.report import run_folder
from verify.result import PASS, UNVERIFIABLE, Result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder.write(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def written(folder: Path) -> dict[str, Path]:
    return report.write(folder)


@pytest.fixture(scope="module")
def loaded(folder: Path) -> RunReport:
    return report.load(folder)


def host(loaded: RunReport, name: str) -> HostReport:
    return next(host for host in loaded.hosts if host.name == name)


def printed(loaded: RunReport, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, no_color=True)
    with console.capture() as captured:
        terminal.show(loaded, console)
        console.print(terminal.services_table(loaded))
    return captured.get()


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
STAND_IN = Result("containers.ollama.image", PASS, {"image": "ollama", "STAND-IN": "made in the lab"}, {"image": "ollama"})
OPEN = Result("access.alice.opens.kfd", UNVERIFIABLE, None, "ok", "only root can start a process as another user")
GPU_PLAN = {"roles": {"verify": {"expected": {"gpus": [{"pci": "0000:03:00.0"}]}}}}
WARNING = {"id": "GH-X", "level": "warn", "seen": "s", "why": "w", "next": "n"}

CARE: list[tuple[dict[str, Any], str, str]] = [
    ({"results": (PASSED,)}, "certified", "certified"),
    ({"results": (PASSED,), "plan": {}}, "certified", "certified, for the CPU alone"),
    ({"results": (PASSED, OPEN)}, "warnings", "certified with warnings"),
    ({"results": (PASSED,), "findings": (WARNING,)}, "warnings", "certified with warnings"),
    ({"results": (PASSED,), "drift": ({"item": "file:/x"},)}, "warnings", "certified with warnings"),
    ({"results": (PASSED,), "drift": ({"item": "file:/x"},), "due": ("rocm",)}, "certified", "certified"),
    ({"results": (PASSED, STAND_IN)}, "simulated", "works as far as can be seen — STAND-IN"),
    ({"results": (PASSED,), "simulated": True}, "simulated", "works as far as can be seen without a GPU — SIMULATED"),
    ({"results": (PASSED,), "status": "failed"}, "failed", "not certified"),
    ({"results": None}, "unverified", "not verified"),
]


@pytest.mark.parametrize(("facts", "level", "words"), CARE)
def test_what_is_no_proof_never_reads_as_certified(facts: dict[str, Any], level: str, words: str) -> None:
    verdict = HostReport("gpu01", **{"plan": GPU_PLAN, **facts}).verdict
    assert (verdict.level, verdict.words) == (level, words)
    assert verdict.reason


def test_results_json_is_as_its_published_schema_says(written: dict[str, Path]) -> None:
    schema = json.loads((ROOT / "control/report/results-1.json").read_text(encoding="utf-8"))
    document = json.loads(written["json"].read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert document["hosts"]["gpu03"]["results"] is None
    assert document["hosts"]["lab1"]["stand_ins"] == {"anythingllm": healthy.STAND_IN, "ollama": healthy.STAND_IN}
    assert document["hosts"]["gpu02"]["counts"]["fail"] == 1


@pytest.mark.parametrize("make", [run_folder.certified, run_folder.simulated, run_folder.stopped])
def test_results_of_a_host_are_as_their_published_schema_says(make: Any) -> None:
    schema = json.loads((ROOT / "verify/schema/results-1.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(make())), schema)


def test_a_failure_without_a_next_step_is_against_the_schema() -> None:
    schema = json.loads((ROOT / "verify/schema/results-1.json").read_text(encoding="utf-8"))
    document = run_folder.stopped()
    next(row for row in document["results"] if row["status"] == "fail")["next"] = ""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_junit_has_a_case_per_check_and_an_error_for_a_host_without_results(written: dict[str, Path]) -> None:
    root = ET.parse(written["junit"]).getroot()
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["lab1", "gpu01", "gpu02", "gpu03"]
    assert root.get("failures") == "1"
    assert root.get("errors") == "1"
    assert root.get("tests") == str(len(root.findall(".//testcase")))
    assert root.get("skipped") == str(len(root.findall(".//skipped")))
    [failure] = root.findall(".//failure")
    assert "ollama is not running" in str(failure.get("message"))
    assert "next: docker start gpuhost-ollama" in str(failure.text)
    assert suites["gpu03"].find("testcase/error") is not None


def test_junit_survives_what_a_tool_printed() -> None:
    raw = Result("rocm.rocminfo.runs", "fail", "\x1b[37mred\x00", "ok", "it ended with \x1b[0m <&> \ud800", "run it")
    text = junit.render(RunReport("verify", "", "", None, None, (HostReport("gpu01", results=(raw,)),)))
    assert "it ended with" in str(ET.fromstring(text.encode()).find(".//failure").get("message"))  # type: ignore[union-attr]  # it is there


class Links(HTMLParser):
    """Every address that a page could load, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.follows: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name in ("src", "srcset", "href", "data", "poster", "action"):
                (self.follows if tag == "a" else self.loads).append(str(value))


def test_the_page_loads_nothing_and_runs_nothing(written: dict[str, Path]) -> None:
    text = written["html"].read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.loads == ["data:,"]
    assert links.scripts == 0
    assert all(address.startswith("#host-") for address in links.follows)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "default-src 'none'" in text


FACTS = [
    "SIMULATED",
    "STAND-IN",
    "works as far as can be seen without a GPU — SIMULATED",
    "certified",
    "containers.ollama.running",
    "docker start gpuhost-ollama",
    "follows from containers.ollama.running",
    "the kernel&#39;s own amdgpu knows this GPU since Linux 5.14",
    "Debian GNU/Linux 13 (trixie)",
    "6.12.48+deb13-amd64",
    "ssh -N -L 3001:127.0.0.1:3001 -L 8888:127.0.0.1:8888 -L 11434:127.0.0.1:11434 lab1",
    "restart policy: unless-stopped → no",
    "GH-SSH-UNREACHABLE",
    "2026-11-22 18:15 UTC",
    "took 41 s",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


@pytest.mark.parametrize("fact", FACTS)
def test_the_page_says(written: dict[str, Path], fact: str) -> None:
    assert fact in written["html"].read_text(encoding="utf-8")


def test_a_run_that_reached_no_host_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"command": "up", "site": "north", "hosts": []}')
    assert "reached no host" in report.write(tmp_path)["html"].read_text(encoding="utf-8")


def test_a_host_that_left_no_trace_is_reported_and_not_certified(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"command": "up", "site": "north", "hosts": ["gpu09"]}')
    [lost] = report.load(tmp_path).hosts
    assert lost.verdict.level == "failed"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text("{")
    with pytest.raises(ValueError, match=r"outcome\.json is no JSON document"):
        report.load(tmp_path)


def test_the_terminal_begins_with_the_banners_and_shows_what_failed(loaded: RunReport) -> None:
    text = printed(loaded)
    assert text.splitlines()[0].strip().startswith("SIMULATED")
    assert "✗ FAIL  containers.ollama.running" in text
    assert "docker start gpuhost-ollama" in text
    assert "✓ 6 pass" in text
    assert re.search(r"ollama +lab1 +http://127\.0\.0\.1:11434 +✓ works +STAND-IN", text)
    assert re.search(r"ollama +gpu02 +http://127\.0\.0\.1:11434 +✗ fails", text)


def test_without_a_terminal_the_text_is_plain(loaded: RunReport) -> None:
    assert "\x1b" not in printed(loaded)


def test_what_a_host_printed_is_no_markup_on_the_terminal() -> None:
    odd = Result("services.ollama.health", "fail", "[bold]x[/bold] [/]", "ok", "it says [red]no[/red] [/]", "look [here]")
    text = printed(RunReport("verify", "", "", None, None, (HostReport("gpu01", results=(odd,)),)))
    assert "it says [red]no[/red] [/]" in text
    assert "look [here]" in text


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (None, ""),
        (True, "yes"),
        ([], "none"),
        (["a", 1], "a, 1"),
        ({"size": 3, "on": False}, "size: 3, on: no"),
        ("x" * 300, "x" * 237 + "…"),
    ],
)
def test_values_are_written_for_people(seen: Any, text: str) -> None:
    assert html.value(seen) == text
