"""Models through Ollama: fetched over any number of cuts, known as ours, taken away; presets of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onhost import footprint, model_check, model_records, models, paths, presets, removal, seals, step_model
from onhost.finding import FindingError
from onhost.host import Host
from onhost.ollama import Ollama, OllamaError
from onhost.report import Report
from tests.unit.models.parts import digest, keep, model
from tests.unit.onhost import fake_ollama
from tests.unit.onhost.fake_ollama import FakeOllama
from verify import model_store

FOLDER = "/srv/gpuhost/ollama/models"
BIG = "sha256:" + "b" * 64


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("model"), "model")


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with fake_ollama.running() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_model, "PAUSES", (0, 0))


def piece(done: int, total: int = 1000) -> dict[str, Any]:
    return {"status": "pulling bbbbbbbbbbbb", "digest": BIG, "total": total, "completed": done}


def spec(server: FakeOllama, name: str = "tiny") -> dict[str, str]:
    return {"url": server.url, "model": name}


@pytest.mark.parametrize(
    ("name", "needed"), [("llama3.2:1b", False), ("tiny", False), ("Tiny", False), ("llama3.2:3b", True), ("x", True)]
)
def test_a_model_is_needed_when_ollama_does_not_list_it(ollama: FakeOllama, name: str, needed: bool) -> None:
    ollama.models = {"llama3.2:1b": "1", "tiny:latest": "2"}
    assert step_model.needed(spec(ollama, name)) is needed


def test_a_model_comes_with_its_bytes_told_and_is_ours(ollama: FakeOllama, report: Report) -> None:
    seen: list[Any] = []

    def read() -> None:
        seen.append(json.loads((report.folder / "progress.json").read_text()))

    ollama.pulls = [
        [{"status": "pulling manifest"}, piece(400), read, ollama.has("tiny:latest", "d1"), {"status": "success"}]
    ]
    assert step_model.run(spec(ollama), report) == {"installed": [], "digest": "d1"}
    assert model_records.ours("tiny:latest", "d1")
    assert model_records.read()["tiny:latest"]["how"] == "pull"


@pytest.mark.parametrize(
    "cut",
    [
        {"error": "max retries exceeded: unexpected EOF"},
        {"error": 'Get "https://registry.ollama.ai/v2/": dial tcp: lookup registry.ollama.ai: no such host'},
        {"error": "500: internal error"},
        None,
    ],
    ids=["dropped", "no name server", "the registry's fault", "Ollama went away"],
)
def test_a_cut_is_followed_by_another_try(ollama: FakeOllama, report: Report, cut: Any) -> None:
    ollama.pulls = [[piece(500), cut], [piece(500), piece(900), ollama.has("tiny:latest", "d1"), {"status": "success"}]]
    assert step_model.run(spec(ollama), report)["digest"] == "d1"
    assert len(ollama.asked_for("/api/pull")) == 2
    assert "asking again" in report.tail()


def test_a_model_that_comes_onto_one_in_another_case_is_the_one_that_ollama_lists(
    ollama: FakeOllama, report: Report
) -> None:
    ollama.pulls = [[ollama.has("tiny:latest", "d1"), {"status": "success"}]]
    assert step_model.run(spec(ollama, "Tiny"), report)["digest"] == "d1"
    assert model_records.ours("tiny:latest", "d1")


def test_as_long_as_bytes_come_no_number_of_cuts_is_too_many(ollama: FakeOllama, report: Report) -> None:
    cut = {"error": "max retries exceeded: unexpected EOF"}
    ollama.pulls = [[piece(done), cut] for done in range(100, 1000, 100)]
    ollama.pulls.append([ollama.has("tiny:latest", "d1"), {"status": "success"}])
    assert step_model.run(spec(ollama), report)["digest"] == "d1"


def test_where_nothing_comes_any_more_it_ends_with_what_was_said(ollama: FakeOllama, report: Report) -> None:
    ollama.pulls = [[piece(500), {"error": "max retries exceeded: unexpected EOF"}] for _ in range(9)]
    with pytest.raises(FindingError, match="tiny:latest: max retries exceeded") as caught:
        step_model.run(spec(ollama), report)
    assert caught.value.id == "GH-MODEL-FAILED"
    assert len(ollama.asked_for("/api/pull")) == 1 + len(step_model.PAUSES)


@pytest.mark.parametrize(
    ("said", "id", "words"),
    [
        ("pull model manifest: file does not exist", "GH-MODEL-UNKNOWN", "does not exist"),
        ("write /ollama/blobs/x: no space left on device", "GH-DISK-FULL", "no space"),
        ("digest mismatch, file must be downloaded again: want sha256:a, got sha256:b", "GH-MODEL-DIGEST", "want sha256:a"),
        ("this model requires MLX support", "GH-MODEL-FAILED", "MLX"),
        ("Get https://ada:secret@proxy/: forbidden", "GH-MODEL-FAILED", r"https://\*\*\*@proxy"),
    ],
)
def test_what_another_try_would_not_mend_is_said_at_once(
    ollama: FakeOllama, report: Report, said: str, id: str, words: str
) -> None:
    ollama.pulls = [[piece(500), {"error": said}]]
    with pytest.raises(FindingError, match=words) as caught:
        step_model.run(spec(ollama), report)
    assert caught.value.id == id
    assert len(ollama.asked_for("/api/pull")) == 1
    assert model_records.read() == {}


def test_an_ollama_that_does_not_answer_is_named(report: Report) -> None:
    nobody = {"url": "http://127.0.0.1:1", "model": "tiny"}
    assert step_model.needed(nobody)
    with pytest.raises(FindingError, match=r"does not answer at http://127\.0\.0\.1:1"):
        step_model.run(nobody, report)


def test_a_success_without_a_model_is_none(ollama: FakeOllama, report: Report) -> None:
    ollama.pulls = [[{"status": "success"}]]
    with pytest.raises(FindingError, match="does not list it"):
        step_model.run(spec(ollama), report)


class Pieces:
    """A model in Ollama's folder that comes in two requests, the weights in the first one."""

    def __init__(self, ollama: FakeOllama, root: Path, came: bytes = b"weights") -> None:
        self.manifest, self.blobs = model(b"weights")
        self.folder, self._ollama = root / FOLDER.lstrip("/"), ollama
        self.weights = self.folder / "blobs" / digest(b"weights").replace(":", "-")
        self.spec = {**spec(ollama), "folder": FOLDER}
        self.folder.mkdir(parents=True)
        self._first = {**self.blobs, digest(b"weights"): came}
        cut = {"error": "max retries exceeded: unexpected EOF"}
        self.cut, self.rest = [piece(500), self._weigh, cut], [piece(900), self._keep, {"status": "success"}]

    def _weigh(self) -> None:
        self.weights.parent.mkdir(exist_ok=True)
        self.weights.write_bytes(self._first[digest(b"weights")])

    def _keep(self) -> None:
        keep(self.folder, "tiny", self.manifest, self.blobs if not self.weights.exists() else self._first)
        self._ollama.models["tiny:latest"] = digest(self.manifest)[7:]


def test_what_came_before_a_cut_and_is_something_else_is_refused_and_gone(
    ollama: FakeOllama, root: Path, report: Report
) -> None:
    pieces = Pieces(ollama, root, came=b"changed")
    ollama.pulls = [pieces.cut, pieces.rest]
    with pytest.raises(FindingError, match=digest(b"weights")) as caught:
        step_model.run(pieces.spec, report)
    assert caught.value.id == "GH-MODEL-DIGEST"
    assert (ollama.models, pieces.weights.exists(), model_records.read()) == ({}, False, {})
    ollama.pulls = [pieces.rest]
    assert step_model.run(pieces.spec, report)["digest"] == digest(pieces.manifest)[7:]


def test_what_came_before_a_kill_is_checked_by_the_run_after_it(ollama: FakeOllama, root: Path, report: Report) -> None:
    pieces = Pieces(ollama, root, came=b"changed")
    ollama.pulls = [[*pieces.cut[:2], {"error": "the host goes down"}]]
    with pytest.raises(FindingError):
        step_model.run(pieces.spec, report)
    ollama.pulls = [pieces.rest]
    with pytest.raises(FindingError) as caught:
        step_model.run(pieces.spec, report)
    assert caught.value.id == "GH-MODEL-DIGEST"


def test_a_check_that_was_killed_is_still_due(
    ollama: FakeOllama, root: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = Pieces(ollama, root)
    ollama.pulls = [pieces.cut, pieces.rest]
    with monkeypatch.context() as patch:
        patch.setattr(step_model, "_as_owner", lambda *_: -9)
        with pytest.raises(FindingError, match="could not be compared"):
            step_model.run(pieces.spec, report)
    assert step_model.needed(pieces.spec)
    ollama.pulls = [[{"status": "success"}]]
    assert step_model.run(pieces.spec, report)["digest"] == digest(pieces.manifest)[7:]
    assert not step_model.needed(pieces.spec)


def test_what_came_in_one_request_or_was_there_before_is_not_read_again(
    ollama: FakeOllama, root: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = Pieces(ollama, root)
    ollama.pulls = [pieces.rest]
    with monkeypatch.context() as patch:
        patch.setattr(step_model, "_as_owner", lambda *_: pytest.fail("Ollama has checked it"))
        step_model.run(pieces.spec, report)
    pieces.weights.write_bytes(b"of somebody")
    store = model_store.Store(pieces.folder)
    assert {"wrong": digest(b"weights")} not in list(model_check.check(store, "tiny", [pieces.weights.name]))


CAREFUL = {"name": "careful:latest", "from": "llama3.2:1b", "system": "Be brief.", "parameters": {"temperature": 0.2}}


@pytest.fixture
def server(ollama: FakeOllama, root: Path) -> FakeOllama:
    ollama.models = {"llama3.2:1b": "base"}
    return ollama


def apply(server: FakeOllama, *wanted: dict[str, Any], check: bool = False) -> presets.Outcome:
    return presets.apply(Ollama(server.url), model_store.Store(paths.under(FOLDER)), list(wanted), check)


def test_a_preset_is_made_once(server: FakeOllama) -> None:
    assert apply(server, CAREFUL).made == ["careful:latest"]
    (asked,) = server.asked_for("/api/create")
    assert {key: asked[key] for key in ("model", "from", "system", "parameters")} == {
        "model": "careful:latest", "from": "llama3.2:1b", "system": "Be brief.", "parameters": {"temperature": 0.2}
    }  # fmt: skip
    assert not apply(server, CAREFUL).changed
    assert len(server.asked_for("/api/create")) == 1


@pytest.mark.parametrize("what", ["its settings", "the model it is made of", "it is gone"])
def test_a_preset_is_made_again_when_something_of_it_changed(server: FakeOllama, what: str) -> None:
    apply(server, CAREFUL)
    changed = {**CAREFUL, "system": "Be long."} if what == "its settings" else CAREFUL
    if what == "the model it is made of":
        server.models["llama3.2:1b"] = "newer"
    if what == "it is gone":
        del server.models["careful:latest"]
    outcome = apply(server, changed)
    assert (outcome.made, outcome.set_aside) == (["careful:latest"], [])


def test_a_model_of_somebody_else_is_never_overwritten(server: FakeOllama) -> None:
    server.models["careful:latest"] = "theirs"
    outcome = apply(server, CAREFUL, {**CAREFUL, "name": "other:latest"})
    assert [one["id"] for one in outcome.problems] == ["GH-PRESET-TAKEN"]
    assert (outcome.made, server.models["careful:latest"]) == (["other:latest"], "theirs")


def test_a_model_of_somebody_else_is_never_overwritten_in_another_case_either(server: FakeOllama) -> None:
    server.models["careful:latest"] = "theirs"
    (problem,) = apply(server, {**CAREFUL, "name": "Careful:latest"}).problems
    assert problem == {"id": "GH-PRESET-TAKEN", "seen": "a model careful:latest is here that gpuhost did not make"}
    assert not server.asked_for("/api/create")


def test_a_preset_in_another_case_is_the_one_that_is_ours(server: FakeOllama) -> None:
    apply(server, CAREFUL)
    other = {**CAREFUL, "name": "Careful:latest", "from": "LLAMA3.2:1b"}
    assert (apply(server, other).made, apply(server, other).changed) == (["Careful:latest"], False)
    assert sorted(server.models) == ["careful:latest", "llama3.2:1b"]
    assert list(model_records.read()) == ["careful:latest"]
    assert apply(server).removed == ["careful:latest"]


def test_what_somebody_made_of_a_preset_is_kept_under_another_name(server: FakeOllama) -> None:
    apply(server, CAREFUL)
    server.models["careful:latest"] = "by hand"
    (kept,) = apply(server, CAREFUL).set_aside
    assert kept.startswith("careful:by-hand-")
    assert server.models[kept] == "by hand"
    assert server.models["careful:latest"] == "made-2"
    assert not apply(server, CAREFUL).changed


def test_what_is_kept_of_a_preset_is_kept_once_however_often_it_cannot_be_made(server: FakeOllama) -> None:
    apply(server, CAREFUL)
    server.models["careful:latest"] = "by hand"
    server.models["careful:by-hand-20200101-000000"] = "by hand"
    server.refuses = "invalid parameter"
    for _ in range(2):
        assert apply(server, CAREFUL).set_aside == ["careful:by-hand-20200101-000000"]
    assert server.asked_for("/api/copy") == []


def put(name: str, system: str) -> str:
    """The folder has a model of the same weights; its digest."""
    manifest, blobs = model(b"weights", options={"temperature": 0.2, "top_k": 5}, system=system)
    keep(paths.under(FOLDER), name, manifest, blobs)
    return digest(manifest)[7:]


@pytest.fixture
def killed(server: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> FakeOllama:
    """A host where a run ended between making a preset and noting it."""
    keep(paths.under(FOLDER), "llama3.2:1b", *model(b"weights"))
    note = model_records.note
    with monkeypatch.context() as patch:
        patch.setattr(model_records, "note", lambda *given, **more: note(*given, **more) if "making" in more else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(server, CAREFUL)
    return server


def test_a_preset_that_was_made_and_not_noted_is_ours(killed: FakeOllama) -> None:
    killed.models["careful:latest"] = put("careful", "Be brief.")
    assert not apply(killed, CAREFUL, check=True).changed
    assert not apply(killed, CAREFUL).changed
    assert model_records.ours("careful:latest", killed.models["careful:latest"])
    assert apply(killed).removed == ["careful:latest"]


def test_a_preset_that_was_not_noted_goes_when_nobody_wants_it_any_more(killed: FakeOllama) -> None:
    killed.models["careful:latest"] = put("careful", "Be brief.")
    assert apply(killed).removed == ["careful:latest"]


def test_what_somebody_made_where_a_run_was_killed_is_theirs(killed: FakeOllama) -> None:
    killed.models["careful:latest"] = put("careful", "Be long.")
    assert [one["id"] for one in apply(killed, CAREFUL).problems] == ["GH-PRESET-TAKEN"]


def test_a_preset_that_is_no_longer_wanted_goes_unless_somebody_changed_it(server: FakeOllama) -> None:
    apply(server, CAREFUL, {**CAREFUL, "name": "other:latest"})
    server.models["other:latest"] = "by hand"
    outcome = apply(server)
    assert outcome.removed == ["careful:latest"]
    assert sorted(server.models) == ["llama3.2:1b", "other:latest"]
    assert not apply(server).changed


def test_one_preset_that_fails_stops_no_other(server: FakeOllama) -> None:
    outcome = apply(server, {**CAREFUL, "from": "none:latest"}, {**CAREFUL, "name": "other:latest"})
    assert outcome.made == ["other:latest"]
    (problem,) = outcome.problems
    assert problem == {
        "id": "GH-PRESET-FAILED",
        "seen": "careful:latest: the model none:latest, which it is made of, is not here",
    }
    server.refuses = "invalid parameter"
    (problem,) = apply(server, CAREFUL).problems
    assert problem["seen"] == "careful:latest: invalid parameter"


def test_asking_what_would_be_done_does_nothing(server: FakeOllama) -> None:
    assert apply(server, CAREFUL, check=True).made == ["careful:latest"]
    assert (server.models, model_records.read()) == ({"llama3.2:1b": "base"}, {})
    apply(server, CAREFUL)
    server.models["careful:latest"] = "by hand"
    assert apply(server, check=True).removed == []
    assert apply(server, CAREFUL, check=True).set_aside
    assert sorted(server.models) == ["careful:latest", "llama3.2:1b"]


@pytest.fixture
def mixed(ollama: FakeOllama, root: Path) -> FakeOllama:
    """Two models of ours, one that somebody made, one of ours that somebody made anew."""
    ollama.models = {"llama3.2:1b": "a", "llama3.1:latest": "b", "mine:latest": "c", "llama3.3:latest": "changed"}
    for name, known in {"llama3.2:1b": "a", "llama3.1:latest": "b", "llama3.3:latest": "d"}.items():
        model_records.note(name, "pull", known)
    return ollama


def remove(server: FakeOllama, *asked: str, check: bool = False) -> models.Removal:
    return models.remove(Ollama(server.url), list(asked), check)


def test_ours_go_by_name_or_pattern(mixed: FakeOllama) -> None:
    assert remove(mixed, "Llama3.1").removed == ["llama3.1:latest"]
    outcome = remove(mixed, "llama3*")
    assert (outcome.removed, outcome.kept) == (["llama3.2:1b"], ["llama3.3:latest"])
    assert sorted(mixed.models) == ["llama3.3:latest", "mine:latest"]
    assert "llama3.2:1b" not in model_records.read()


def test_theirs_go_only_by_their_whole_name(mixed: FakeOllama) -> None:
    assert remove(mixed, "mine").kept == ["mine:latest"]
    assert remove(mixed, "Mine:latest").kept == ["mine:latest"]
    assert remove(mixed, "*").kept == ["mine:latest", "llama3.3:latest"]
    assert "mine:latest" in mixed.models
    assert remove(mixed, "mine:latest").theirs == ["mine:latest"]
    assert "mine:latest" not in mixed.models


def test_what_is_not_there_is_told_with_what_is_like_it(mixed: FakeOllama) -> None:
    outcome = remove(mixed, "lama3.1", "zzz*")
    assert not outcome.changed
    assert outcome.absent["lama3.1"][0] == "llama3.1"
    assert outcome.absent["zzz*"] == []


def test_a_name_given_twice_is_gone_once(mixed: FakeOllama) -> None:
    outcome = remove(mixed, "llama3.1", "llama3.1:latest", "mine", "mine:latest")
    assert (outcome.removed, outcome.theirs, outcome.kept) == (["llama3.1:latest"], ["mine:latest"], [])
    assert outcome.absent == {}


def test_asking_what_would_go_takes_nothing(mixed: FakeOllama) -> None:
    assert remove(mixed, "llama3.1", check=True).removed == ["llama3.1:latest"]
    assert "llama3.1:latest" in mixed.models
    assert models.how("llama3.1:latest", "b") == "pull"
    assert models.how("llama3.3:latest", "changed") == models.THEIRS


def test_an_error_of_ollama_is_quoted(ollama: FakeOllama) -> None:
    with pytest.raises(OllamaError, match="does not answer"):
        Ollama("http://127.0.0.1:1").models()
    assert not Ollama(ollama.url).delete("none:latest")


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "model", "name": name, "folder": FOLDER, "data": True, **more}


def test_a_model_s_fingerprint_is_that_it_is_there_and_a_preset_s_what_it_is(root: Path) -> None:
    first, second = model(b"one"), model(b"two")
    for name in ("m:1b", "careful:latest"):
        keep(root / FOLDER.lstrip("/"), name, *first)
    plain, preset = item("m:1b"), item("careful:latest", preset=True)
    assert footprint.item_id(plain) == "model:m:1b"
    assert footprint.explain(preset, Host()) == {"digest": digest(first[0])}
    before = [footprint.fingerprint(one, Host()) for one in (plain, preset)]
    for name in ("m:1b", "careful:latest"):
        keep(root / FOLDER.lstrip("/"), name, *second)
    after = [footprint.fingerprint(one, Host()) for one in (plain, preset)]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)
    assert footprint.fingerprint(item("none:latest"), Host()) == footprint.ABSENT


def test_models_are_the_users_data_and_go_only_with_it(root: Path) -> None:
    seals.begin("services", [item("m:1b")])
    keep(root / FOLDER.lstrip("/"), "m:1b", *model(b"one"))
    manifest = root / FOLDER.lstrip("/") / "manifests/registry.ollama.ai/library/m/1b"
    model_records.note("m:1b", "pull", "d")
    seals.seal("services", "i", [item("m:1b")])
    outcome = removal.remove("services")
    assert outcome.kept["model:m:1b"] == removal.USER_DATA
    removal.finish("services", outcome)
    assert manifest.exists()
    assert model_records.read(), "whose it is stays known"
    outcome = removal.remove("services", purge_data=True)
    removal.finish("services", outcome)
    assert not manifest.exists()
    assert not paths.models().exists()
