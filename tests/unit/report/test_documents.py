"""What machines read of a run: results.json by its published schema, and junit.xml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from control import report
from control.paths import ROOT
from control.report import json as results_json
from control.report import junit
from control.report.model import HostReport, RunReport
from tests.unit.checks import healthy
from tests.unit.report import run_folder
from verify.result import PASS, Result


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return report.write(run_folder.write(tmp_path_factory.mktemp("site") / run_folder.STARTED))


def schema(path: str) -> Any:
    found = json.loads((ROOT / path).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


RUN = "control/report/results-2.json"
HOST = "verify/schema/results-1.json"


def test_results_json_is_as_its_published_schema_says(written: dict[str, Path]) -> None:
    document = json.loads(written["json"].read_text(encoding="utf-8"))
    jsonschema.validate(document, schema(RUN))
    assert document["hosts"]["gpu03"]["results"] is None
    assert document["hosts"]["gpu03"]["comparison"] is None
    assert document["hosts"]["lab1"]["stand_ins"] == {"anythingllm": healthy.STAND_IN, "ollama": healthy.STAND_IN}
    assert document["hosts"]["gpu02"]["counts"]["fail"] == 1


def test_results_json_has_what_changed_since_the_run_before(site_files: dict[str, Path]) -> None:
    document = json.loads(site_files["json"].read_text(encoding="utf-8"))
    jsonschema.validate(document, schema(RUN))
    assert document["run"]["id"] == "2026-11-22T181500.250Z"
    host = document["hosts"]["gpu02"]
    assert (host["level"], host["facts"]["kernel"]) == ("burn", "6.12.57+deb13-amd64")
    found = host["comparison"]
    assert (found["run"], found["level"]) == ("2026-11-02T070000.000Z", "standard")
    [rate] = [one for one in found["rates"] if one["id"] == "rate.host.gpu1.gemm_float16"]
    assert (rate["change"], rate["unit"], rate["run"]) == ("slower", "TFLOP/s", "2026-11-02T070000.000Z")
    assert rate["ratio"] == pytest.approx(rate["now"] / rate["before"], abs=1e-4)
    assert {"id": "kernel", "before": "6.12.48+deb13-amd64", "now": "6.12.57+deb13-amd64"} in found["facts"]
    assert {"id": "containers.ollama.running", "before": "pass", "now": "fail"} in found["checks"]


def test_what_was_not_noted_then_is_not_told_as_unchanged() -> None:
    before = report.past.Past("then", "verify", "", {"results": [], "simulated": False})
    host = HostReport("gpu01", results=(), facts={"kernel": "6.12"}, previous=before)
    document = results_json.document(RunReport("verify", "", "", None, None, (host,)))
    jsonschema.validate(document, schema(RUN))
    assert document["hosts"]["gpu01"]["comparison"]["facts"] is None


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("schema",), 1),
        (("hosts", "gpu02", "verdict", "level"), "fine"),
        (("hosts", "gpu02", "comparison", "rates", 0, "change"), "slow"),
        (("hosts", "gpu02", "comparison", "checks", 0, "now"), None),
        (("hosts", "gpu02", "facts", "kernel"), ""),
        (("hosts", "gpu02", "more"), 1),
    ],
)
def test_the_schema_refuses_what_is_otherwise(site_files: dict[str, Path], path: tuple[Any, ...], wrong: Any) -> None:
    document = json.loads(site_files["json"].read_text(encoding="utf-8"))
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema(RUN))


@pytest.mark.parametrize("make", [run_folder.certified, run_folder.simulated, run_folder.stopped])
def test_results_of_a_host_are_as_their_published_schema_says(make: Any) -> None:
    jsonschema.validate(json.loads(json.dumps(make())), schema(HOST))


def test_results_of_a_host_with_facts_are_as_their_published_schema_says(site_run: Path) -> None:
    for path in sorted((site_run / "results").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schema(HOST))
        assert document["facts"]["kernel"]


def test_a_failure_without_a_next_step_is_against_the_schema() -> None:
    document = run_folder.stopped()
    next(row for row in document["results"] if row["status"] == "fail")["next"] = ""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema(HOST))


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


def test_junit_names_verdict_depth_and_what_became_slower(site_files: dict[str, Path]) -> None:
    root = ET.parse(site_files["junit"]).getroot()
    suite = next(suite for suite in root if suite.get("name") == "gpu02")
    said = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert (said["verdict"], said["level"], said["compared_with"]) == ("not certified", "burn", "2026-11-02T070000.000Z")
    assert float(str(said["slower.rate.host.gpu1.gemm_float16"])) == pytest.approx(0.63, abs=0.01)
    assert suite.get("timestamp") == "2026-11-22T18:15:00"


def suite_of(**facts: Any) -> ET.Element:
    text = junit.render(RunReport("verify", "", "", None, None, (HostReport("gpu01", **facts),)))
    return ET.fromstring(text.encode())[0]


PASSED = (Result("system.os.release", PASS, "debian-13", "debian-13"),)


@pytest.mark.parametrize(
    ("facts", "tag"),
    [
        ({"results": PASSED, "status": "failed"}, "error"),
        ({"results": PASSED}, "error"),  # what was planned is not known
        ({"results": None}, "error"),
        ({"results": PASSED, "simulated": True}, "skipped"),
    ],
)
def test_a_host_that_is_not_certified_is_not_green_though_each_check_passed(facts: dict[str, Any], tag: str) -> None:
    suite = suite_of(**facts)
    [found] = suite.findall(f"testcase/{tag}")
    assert found.get("message")
    assert suite.get({"error": "errors"}.get(tag, tag)) == "1"


def test_junit_survives_what_a_tool_printed() -> None:
    raw = Result("rocm.rocminfo.runs", "fail", "\x1b[37mred\x00", "ok", "it ended with \x1b[0m <&> \ud800", "run it")
    failure = suite_of(results=(raw,)).find("testcase/failure")
    assert failure is not None
    assert "it ended with" in str(failure.get("message"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text("{")
    with pytest.raises(ValueError, match=r"outcome\.json is no JSON document"):
        report.load(tmp_path)
