"""`models.pull`, `models.list`, `models.remove`: what a person and a script are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import findings, modellist, preflight, run
from control.commands import models
from control.commands.common import Target
from control.inventory import Selection
from control.progress_words import model_lines
from tests.unit.planner.conftest import snapshot, wishes
from tests.unit.planner.test_models import LLAMA_1B, NAME, RX6600, free
from verify import model_names

FIGURE = {
    "name": NAME, "preset": False, "asked": True, "here": False, "problem": None, "missing_bytes": 1_321_098_329,
    "size_bytes": 1_321_098_329, "fit": "gpu",
    "verdict": "fits the GPU: needs 1.7 GB with a context of 4096, 8.1 GB are there",
}  # fmt: skip
ROW = {
    "name": NAME, "here": True, "wanted": True, "preset": False, "whose": "pull", "size_bytes": 1_321_098_329,
    "parameters": "1.2B", "quantisation": "Q8_0", "context": 4096, "need_bytes": 1_722_163_008, "fit": "gpu", "verdict": "x",
    "loaded": None, "problem": None,
}  # fmt: skip


class Commands:
    """Runs a command over hosts that ended as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._patch, self._said, self._folder = monkeypatch, capsys, folder
        self.asked: list[Any] = []

    def __call__(self, command: Any, hosts: dict[str, dict[str, Any]], code: int = 0, **options: Any) -> tuple[int, str]:
        """:param hosts: by name: ``left`` (what the task left in the run folder), ``plan`` (its models), ``found``."""
        (self._folder / "models").mkdir(exist_ok=True)
        for host, one in hosts.items():
            if "left" in one:
                (self._folder / "models" / f"{host}.json").write_text(json.dumps(one["left"]))
        records = {
            host: {
                "status": "done" if not code else "failed",
                "changed": 0,
                "findings": one.get("found", []),
                "role": "",
                "task": "",
            }
            for host, one in hosts.items()
        }
        examined = {
            host: {"plan": {"models": one.get("plan", [])}, "due": {}, "findings": []} for host, one in hosts.items()
        }
        finished = run.Run(self._folder, Selection("lab", (), tuple(hosts), False), records, examined, 1.0, code, "models")

        def perform(*given: Any, **named: Any) -> run.Run:
            self.asked.append(given)
            return finished

        self._patch.setattr(models, "perform", perform)
        ended = command(models.Options(Target(), **options))
        return ended, self._said.readouterr().out


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    return Commands(monkeypatch, capsys, tmp_path)


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_pull_tells_of_each_model_whether_it_came_and_fits(commands: Commands) -> None:
    plan = [FIGURE, {**FIGURE, "name": "gemma:2b", "here": True}, {**FIGURE, "name": "foo:1"}]
    code, said = commands(
        models.pull, {"gpu01": {"plan": plan, "left": {"fetched": [NAME]}}}, models=(NAME, "gemma:2b", "foo:1")
    )
    assert code == 0
    text = one_line(said)
    assert f"gpu01 {NAME} fetched fits the GPU: needs 1.7 GB" in text
    assert "gemma:2b was here already" in text
    assert "foo:1 not fetched" in text
    assert commands.asked[0][1:2] == ("models_pull",)
    assert commands.asked[0][3] == {"gpuhost_models": [NAME, "gemma:2b", "foo:1"]}


def test_a_pull_as_json_has_figures_and_what_came(commands: Commands) -> None:
    code, said = commands(models.pull, {"gpu01": {"plan": [FIGURE], "left": {"fetched": [NAME]}}}, models=(NAME,), json=True)
    document = json.loads(said)
    assert (code, document["exit_code"]) == (0, 0)
    assert document["hosts"]["gpu01"]["models"] == [FIGURE]
    assert document["hosts"]["gpu01"]["fetched"] == [NAME]


def test_a_host_that_failed_says_why_with_its_code(commands: Commands) -> None:
    finding = findings.make("GH-MODEL-DIGEST", "gpu01", f"{NAME}: digest mismatch").as_dict()
    code, said = commands(models.pull, {"gpu01": {"plan": [FIGURE], "found": [finding]}}, code=17, models=(NAME,))
    assert code == 17
    assert "GH-MODEL-DIGEST" in said
    assert "not fetched" in said


@pytest.mark.parametrize("command", [models.pull, models.remove])
def test_without_a_name_no_host_is_contacted(commands: Commands, command: Any) -> None:
    code, said = commands(command, {"gpu01": {}})
    assert code == 10
    assert "no model was named" in said
    assert commands.asked == []


def test_a_list_has_a_row_for_each_model_and_says_whose_it_is(commands: Commands) -> None:
    rows = [
        ROW,
        {
            **ROW,
            "name": "careful:latest",
            "preset": True,
            "whose": "preset",
            "loaded": {"size": 2 * 10**9, "size_vram": 10**9},
        },
        {**ROW, "name": "old:latest", "wanted": False},
        {**ROW, "name": "mine:latest", "wanted": False, "whose": "theirs", "fit": "partly"},
        {**ROW, "name": "gone:latest", "here": False, "whose": None, "fit": None, "size_bytes": None, "need_bytes": None},
        {**ROW, "name": "odd:latest", "problem": "no manifest of a model"},
    ]
    code, said = commands(models.show, {"gpu01": {"left": {"models": rows, "error": "Ollama does not answer"}}})
    assert code == 0
    text = one_line(said)
    assert f"gpu01 {NAME} 1.3 GB 1.2B Q8_0 1.7 GB with 4096 tokens fits the GPU gpuhost's" in text
    for words in ("careful:latest", "preset", "1.0 GB of 2.0 GB on the GPU", "no longer listed", "yours",
                  "partly on the GPU", "missing", "no manifest of a model", "Ollama does not answer"):  # fmt: skip
        assert words in text


def test_a_site_without_models_says_so(commands: Commands) -> None:
    assert "no host has a model" in commands(models.show, {"gpu01": {"left": {"models": []}}})[1]


def removed(**changed: Any) -> dict[str, Any]:
    return {"removed": [], "theirs": [], "kept": [], "absent": {}, "wanted": [], **changed}


def test_a_removal_tells_what_went_what_stayed_and_what_comes_back(commands: Commands) -> None:
    left = removed(removed=[NAME], theirs=["mine:latest"], kept=["other:latest"], wanted=[NAME])
    code, said = commands(models.remove, {"gpu01": {"left": left}}, models=("*", "mine:latest"))
    assert code == 0
    text = one_line(said)
    assert f"{NAME} removed" in text
    assert "mine:latest removed gpuhost had not brought it" in text
    assert "GH-MODEL-THEIRS" in text
    assert "./gpuhost models.remove other:latest" in text
    assert "GH-MODEL-WANTED" in text


def test_a_name_that_no_host_has_is_bad_input_and_one_that_some_have_is_none(commands: Commands) -> None:
    hosts = {
        "gpu01": {"left": removed(absent={"lama": ["llama3.2"], "b": []})},
        "gpu02": {"left": removed(removed=["b:latest"], absent={"lama": ["llama3.1"]})},
    }
    code, said = commands(models.remove, hosts, models=("lama", "b"), json=True)
    document = json.loads(said)
    assert (code, document["exit_code"]) == (10, 10)
    (finding,) = document["findings"]
    assert finding["id"] == "GH-MODEL-ABSENT"
    assert finding["next"].startswith("did you mean llama3.2, llama3.1?")
    assert document["hosts"]["gpu02"]["removed"] == ["b:latest"]


def test_what_is_about_to_be_fetched_is_told_with_its_figures() -> None:
    figures = [FIGURE, {**FIGURE, "name": "b:1", "here": True}, {**FIGURE, "name": "c:1", "problem": "unknown"},
               {**FIGURE, "name": "d:1", "missing_bytes": None, "verdict": None},
               {**FIGURE, "name": "e:1", "problem": "disk"}]  # fmt: skip
    assert model_lines("gpu01", {"plan": {"models": figures}}) == [
        f"gpu01  {NAME}: 1.3 GB to fetch; {FIGURE['verdict']}",
        f"gpu01  b:1: is here already; {FIGURE['verdict']}",
        "gpu01  d:1: size unknown; nobody knows what it takes",
        f"gpu01  e:1: 1.3 GB to fetch, which the disk has no room for; {FIGURE['verdict']}",
    ]
    assert model_lines("gpu01", {"plan": {}}) == []


def listed(seen: dict[str, Any], **wanted: Any) -> dict[str, dict[str, Any]]:
    return {
        one["name"]: one
        for one in modellist.rows("gpu01", wishes(**{"services_enabled": ["ollama"], **wanted}), snapshot(RX6600), seen)
    }


def test_the_list_knows_what_is_here_wanted_and_loaded() -> None:
    mine = {**LLAMA_1B, "name": "mine:latest", "here": True, "missing_bytes": 0}
    seen = {
        "described": {"mine:latest": mine, "careful:latest": {**mine, "options": {"num_ctx": 65536}}},
        "whose": {"mine:latest": "theirs", "careful:latest": "preset"},
        "loaded": [{"name": "mine:latest", "size": 5, "size_vram": 4}],
    }
    rows = listed(seen, services_model_presets={"careful": {"from": NAME, "context": 65536}})
    assert {name: (one["here"], one["wanted"], one["preset"], one["whose"]) for name, one in rows.items()} == {
        NAME: (False, True, False, None),
        "mine:latest": (True, False, False, "theirs"),
        "careful:latest": (True, True, True, "preset"),
    }
    assert rows["mine:latest"]["loaded"] == {"size": 5, "size_vram": 4}
    assert (rows["mine:latest"]["fit"], rows["mine:latest"]["context"]) == ("gpu", 4096)
    assert rows["careful:latest"]["context"] == 65536
    assert rows[NAME]["need_bytes"], "the table knows about how large it is"


def test_a_wanted_model_in_another_case_is_the_one_that_is_here() -> None:
    seen = {"described": {NAME: {**LLAMA_1B, "here": True, "missing_bytes": 0}}, "whose": {NAME: "pull"}}
    (row,) = listed(seen, services_models=[NAME.upper()]).values()
    assert (row["name"], row["here"], row["wanted"]) == (NAME, True, True)


def test_only_what_gpuhost_brought_and_nobody_lists_is_unlisted() -> None:
    rows = [ROW, {**ROW, "name": "old", "wanted": False}, {**ROW, "name": "mine", "wanted": False, "whose": "theirs"},
            {**ROW, "name": "gone", "wanted": False, "here": False}]  # fmt: skip
    assert modellist.unlisted(rows) == ["old"]


def test_a_host_without_a_model_server_has_an_empty_list() -> None:
    assert listed({}, services_enabled=["jupyter"]) == {}


def of_size(count: int) -> dict[str, Any]:
    return {**LLAMA_1B, "missing_bytes": count, "size_bytes": count}


def examine(
    names: list[str], told: dict[str, Any], free_gigabytes: float | None = None, **changed: Any
) -> preflight.Examination:
    edits = [] if free_gigabytes is None else [free(free_gigabytes)]

    def look(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if module == "gpuhost_model_info":
            return {"models": {"asked": told, "here": []}}
        return {"snapshot": snapshot(RX6600, *edits)}

    return preflight.examine("gpu01", wishes(**changed), look, {}, models=names)


UNKNOWN = {"error": "HTTP 404", "kind": "unknown"}


def test_a_run_goes_on_with_the_models_that_can_come() -> None:
    result = examine(
        ["gemma:2b", "typo", "bad name"],
        {"gemma:2b": LLAMA_1B, "typo:latest": UNKNOWN, "bad name": {"error": "x", "kind": "name"}},
    ).as_result(True)
    assert "failed" not in result
    assert result["models"] == ["gemma:2b"]
    assert [one["id"] for one in result["problems"]] == ["GH-MODEL-UNKNOWN", "GH-MODEL-UNKNOWN"]
    assert [one for one in result["gpuhost_findings"] if one["level"] == "refuse"] == []


def test_a_run_without_a_model_that_can_come_ends_before_anything_changes() -> None:
    result = examine(["typo"], {"typo:latest": UNKNOWN}).as_result(True)
    assert result["failed"]
    assert [one["id"] for one in result["gpuhost_findings"] if one["level"] == "refuse"] == ["GH-MODEL-UNKNOWN"]


def test_a_disk_that_is_too_small_for_the_only_model_stops_the_run() -> None:
    result = examine(["gemma:2b"], {"gemma:2b": of_size(10**15)}).as_result(True)
    assert result["failed"]
    (finding,) = [one for one in result["gpuhost_findings"] if one["level"] == "refuse"]
    assert finding["id"] == "GH-DISK-SMALL"
    assert "/ needs 1000.0 TB and has" in finding["seen"], "nothing but the model is counted"
    assert result["plan"]["cost"]["items"] == []


def test_a_model_that_the_disk_has_no_room_for_stops_no_other() -> None:
    told = {"huge:latest": of_size(10**15), "gemma:2b": LLAMA_1B, "large:latest": of_size(10**13)}
    result = examine(["huge", "gemma:2b", "large"], told).as_result(True)
    assert "failed" not in result
    assert result["models"] == ["gemma:2b"]
    (finding,) = result["problems"]
    assert finding["id"] == "GH-DISK-SMALL"
    assert finding["seen"].endswith("free; huge:latest and large:latest stay away")
    assert [one for one in result["gpuhost_findings"] if one["level"] == "refuse"] == []
    assert [one["name"] for one in result["plan"]["cost"]["items"]] == ["model gemma:2b"]


@pytest.mark.parametrize("typo", ["typo:70b", "typo"], ids=["its tag tells a size", "nobody knows its size"])
def test_a_model_that_is_not_to_be_had_takes_no_room_from_the_others(typo: str) -> None:
    told = {model_names.full(typo): UNKNOWN, "large:latest": of_size(20 * 10**9), "huge:latest": of_size(10**15)}
    result = examine([typo, "large", "huge"], told, free_gigabytes=30).as_result(True)
    assert result["models"] == ["large:latest"]
    assert [one["id"] for one in result["problems"]] == ["GH-MODEL-UNKNOWN", "GH-DISK-SMALL"]
    assert result["problems"][1]["seen"] == "/ needs 1000.0 TB and has 30.0 GB free; huge:latest stays away"


def test_what_up_is_to_bring_has_room_as_a_whole_or_nothing_of_it_comes() -> None:
    told = {"huge:latest": of_size(10**15), "gemma:2b": LLAMA_1B}
    result = examine([], told, services_enabled=["ollama"], services_models=["huge", "gemma:2b"]).as_result(True)
    assert result["failed"]
    (finding,) = [one for one in result["gpuhost_findings"] if one["id"] == "GH-DISK-SMALL"]
    assert finding["level"] == "refuse"
    assert "stay" not in finding["seen"]
    assert [one["problem"] for one in result["plan"]["models"]] == [None, None]


def test_what_would_stop_up_is_not_in_the_way_of_a_model() -> None:
    result = examine(["gemma:2b"], {"gemma:2b": LLAMA_1B}, services_bind_address="0.0.0.0")
    assert result.findings == []


def test_a_host_that_is_to_serve_no_models_says_so() -> None:
    result = examine(["gemma:2b"], {}, services_enabled=["jupyter"]).as_result(True)
    assert result["failed"]
    assert "GH-MODEL-SERVER" in [one["id"] for one in result["gpuhost_findings"]]
