"""A host's models, one after the other: what one of them meets does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import modelwork, progress_words
from onhost import steps as onhost_steps

SERVER = {"url": "http://127.0.0.1:11434", "folder": "/srv/gpuhost/ollama/models"}
DONE = {"state": "done", "changed": True, "result": {"rc": 0}}


class Host:
    """Answers modules by what a test says: each model's answers one after the other, and that of the presets."""

    def __init__(self, presets: dict[str, Any] | None = None, **models: list[dict[str, Any]]) -> None:
        self.answers = models
        self.presets = presets or {"changed": False, "made": [], "problems": [], "set_aside": []}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((module, dict(arguments)))
        if module == "gpuhost_models":
            return self.presets
        return self.answers[arguments["spec"]["model"]].pop(0)


def bring(host: Host, *names: str, presets: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return modelwork.bring("gpu01", {"server": SERVER, "models": list(names), "presets": presets or []}, host)


def failed(id: str, seen: str) -> dict[str, Any]:
    return {"failed": True, "msg": seen, "gpuhost_finding": {"id": id, "seen": seen}}


def test_every_model_is_tried_and_all_that_failed_is_told() -> None:
    host = Host(a=[failed("GH-MODEL-UNKNOWN", "a: gone")], b=[DONE], c=[failed("GH-MODEL-DIGEST", "c: lies")])
    result = bring(host, "a", "b", "c")
    assert (result["failed"], result["changed"], result["fetched"]) == (True, True, ["b"])
    assert [one["id"] for one in result["gpuhost_findings"]] == ["GH-MODEL-UNKNOWN", "GH-MODEL-DIGEST"]
    assert host.asked[-1][0] == "gpuhost_models", "presets are made of what is there"


def test_a_host_knows_where_its_ollama_is_before_the_first_model_comes() -> None:
    host = Host(a=[DONE])
    modelwork.bring("gpu01", {"server": SERVER, "models": ["a"], "presets": None}, host)
    assert [module for module, _ in host.asked] == ["gpuhost_models", "gpuhost_step"]
    assert host.asked[0][1] == {"server": SERVER}


def test_a_step_that_runs_is_followed_and_started_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUHOST_RUN_DIR", str(tmp_path))
    running = {"state": "running", "progress": {"text": "model a", "done": 1, "total": 2, "unit": "bytes"}}
    host = Host(a=[running, running, {**DONE, "changed": False}])
    assert bring(host, "a")["fetched"] == ["a"]
    steps = [asked for module, asked in host.asked if module == "gpuhost_step"]
    assert [asked.get("follow", False) for asked in steps] == [False, True, True]
    assert steps[0]["step"] == modelwork.step_name("a")
    assert json.loads((tmp_path / "progress" / "gpu01.json").read_text()) == {}


def test_what_is_there_already_changes_nothing() -> None:
    result = bring(Host(a=[{"state": "not_needed", "changed": False}]), "a")
    assert (result["failed"], result["changed"], result["fetched"]) == (False, False, [])


def test_in_check_mode_no_preset_is_asked_of_a_model_that_is_to_come() -> None:
    host = Host(a=[{"state": "needed", "changed": True}])
    assert bring(host, "a", presets=[{"name": "p"}])["changed"]
    assert [module for module, given in host.asked if "presets" in given or module == "gpuhost_step"] == ["gpuhost_step"]


def test_presets_that_failed_and_those_that_were_kept_are_told() -> None:
    told = {
        "changed": True,
        "made": ["p:latest"],
        "set_aside": ["p:by-hand-1"],
        "problems": [{"id": "GH-PRESET-TAKEN", "seen": "q"}],
    }
    result = bring(Host(told))
    assert [(one["id"], one["level"]) for one in result["gpuhost_findings"]] == [
        ("GH-PRESET-TAKEN", "refuse"),
        ("GH-PRESET-KEPT", "note"),
    ]
    assert result["failed"]
    assert not bring(Host({**told, "problems": []}))["failed"]


@pytest.mark.parametrize(
    ("answer", "id"),
    [
        (failed("GH-MODEL-SERVER", "no answer"), "GH-MODEL-SERVER"),
        ({"failed": True, "msg": "Traceback"}, "GH-PRESET-FAILED"),
    ],
)
def test_presets_that_could_not_be_asked_for_are_a_failure(answer: dict[str, Any], id: str) -> None:
    result = bring(Host(answer))
    assert result["failed"]
    assert [one["id"] for one in result["gpuhost_findings"]] == [id]


def test_a_failure_of_the_module_itself_names_the_model() -> None:
    (finding,) = bring(Host(a=[{"failed": True, "msg": "MODULE FAILURE"}]), "a")["gpuhost_findings"]
    assert (finding["id"], finding["seen"]) == ("GH-MODEL-FAILED", "a: MODULE FAILURE")


def test_without_a_server_there_is_nothing_to_do() -> None:
    assert modelwork.bring("gpu01", {"server": None, "models": ["a"]}, Host()) == {
        "changed": False,
        "fetched": [],
        "gpuhost_findings": [],
    }


@pytest.mark.parametrize(
    ("model", "step"),
    [("llama3.2:1b", "model-llama3-2-1b-"), ("hf.co/ada/M-GGUF:Q4_K_M", "model-hf-co-ada-M-GGUF-Q4-K-M-"),
     (f"hf.co/ada/{'long-' * 40}:Q4_K_M", "model-hf-co-ada-long-long-")],
)  # fmt: skip
def test_a_model_s_step_has_a_name_that_a_unit_can_have(model: str, step: str) -> None:
    assert modelwork.step_name(model).startswith(step)
    assert onhost_steps._NAME.match(modelwork.step_name(model))


def test_models_of_names_that_are_alike_have_steps_of_their_own() -> None:
    alike = ["llama3.2:1b", "llama3-2:1b", f"{'m' * 80}:a", f"{'m' * 80}:b"]
    assert len({modelwork.step_name(one) for one in alike}) == len(alike)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"text": "model a", "done": 1_000_000_000, "total": 4_000_000_000, "unit": "bytes", "rate": 50_000_000},
         "model a  1.0 GB of 4.0 GB, 50.0 MB/s, 1:00 left"),
        ({"text": "model a", "done": 0, "total": 400_000_000_000, "unit": "bytes", "rate": 50_000_000},
         "model a  0 B of 400.0 GB, 50.0 MB/s, 2:13:20 left"),
        ({"text": "model a", "done": 5, "total": 10, "unit": "bytes", "rate": None}, "model a  5 B of 10 B"),
        ({"text": "model a", "done": 5, "total": 10, "unit": "bytes", "rate": 0}, "model a  5 B of 10 B"),
        ({"text": "packages", "done": 5, "total": 10, "unit": "items", "rate": 2}, "packages  5 of 10"),
    ],
)  # fmt: skip
def test_progress_tells_bytes_their_rate_and_the_time_that_is_left(step: dict[str, Any], words: str) -> None:
    assert progress_words.amount(step) == words
