"""A site's model cache, seen from the control node: it fetches what it lacks, and is waited for where that makes sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control import lease, modelcache, modelwork, planner, preflight, support
from control.paths import PLAYBOOKS_DIR, ROLES_DIR
from onhost.lease import TAKEOVER_SECONDS
from tests.unit.contract import repository
from tests.unit.control.test_modelwork import DONE, SERVER, Host
from tests.unit.planner.conftest import snapshot, wishes
from tests.unit.planner.test_models import RX6600

OFFER = {"url": "https://10.0.0.1:11440", "certificate": "pem"}
ASKED = {"host": "gpu02", "models": ["a:1"], "certificate": "mine", "addresses": ["gpu01"], "port": 11440}


class Cache:
    """Answers as the cache does: each state's answers one after the other, the last one again and again."""

    def __init__(self, steps: list[dict[str, Any]] | None = None, **states: list[dict[str, Any]]) -> None:
        self.states, self.steps = states, steps or []
        self.sizes: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.offered: list[str] = []

    def __call__(self, module: str, given: dict[str, Any]) -> dict[str, Any]:
        if module == "gpuhost_step":
            self.asked.append(f"step {given['spec']['model']}")
            return self.steps.pop(0)
        if module == "gpuhost_model_info":
            return {"models": {"asked": {name: self.sizes.get(name, {"error": "no answer"}) for name in given["models"]}}}
        self.asked.append(given["state"])
        self.offered = given["models"]
        answers = self.states[given["state"]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


GB = 10**9


def known(*missing: str, **changed: Any) -> dict[str, Any]:
    server = {"url": "http://127.0.0.1:11434", "folder": "/models", "missing": list(missing)}
    room = {"free_bytes": 100 * GB, "at_work": [], "held": "", "lease": None}
    return {"problem": "", "known": {**server, **room, **changed}}


OPENED = {"problem": "", "offer": OFFER}


def offer(cache: Cache, *models: str, hope: bool = False, waited: float = 0) -> dict[str, Any]:
    asked = {**ASKED, "models": list(models) or ["a:1"]}
    return modelcache.offer("gpu02", "gpu01", asked, cache, lambda: hope, {"waited": waited})


def test_a_cache_fetches_first_what_it_lacks_itself() -> None:
    cache = Cache([DONE], known=[known("a:1")], offered=[{"problem": "", "offer": OFFER}])
    assert offer(cache) == {"offer": OFFER, "problem": "", "left_out": []}
    assert cache.asked == ["known", "step a:1", "offered"]


def test_what_does_not_come_to_the_cache_keeps_nothing_else_from_being_copied() -> None:
    gone = {"failed": True, "gpuhost_finding": {"id": "GH-MODEL-UNKNOWN", "seen": "b:1: gone"}}
    cache = Cache([DONE, gone, DONE], known=[known("a:1", "b:1", "c:1")], offered=[OPENED])
    found = offer(cache, "a:1", "b:1", "c:1", "d:1")
    assert found == {"offer": OFFER, "problem": "it could not fetch b:1: gone", "left_out": ["b:1"]}
    assert cache.offered == ["a:1", "c:1", "d:1"]


def test_a_cache_fetches_nothing_that_its_disk_has_no_room_for() -> None:
    cache = Cache([DONE], known=[known("a:1", "b:1", "c:1")], offered=[OPENED])
    cache.sizes = {"a:1": {"missing_bytes": 60 * GB}, "b:1": {"missing_bytes": 40 * GB}, "c:1": {"missing_bytes": 30 * GB}}
    cache.steps = [DONE, DONE]
    found = offer(cache, "a:1", "b:1", "c:1")
    assert found["problem"] == "b:1 takes 40.0 GB, and its disk has 40.0 GB free, of which 500.0 MB stay free"
    assert found["left_out"] == ["b:1"]
    assert cache.asked == ["known", "step a:1", "step c:1", "offered"]


def test_what_comes_to_the_cache_already_is_waited_for_whatever_room_is_left() -> None:
    cache = Cache([DONE], known=[known("a:1", at_work=[modelwork.step_name("a:1")], free_bytes=0)], offered=[OPENED])
    cache.sizes = {"a:1": {"missing_bytes": 60 * GB}}
    assert offer(cache)["offer"] == OFFER
    assert cache.asked == ["known", "step a:1", "offered"]


def test_nothing_is_fetched_on_a_cache_that_another_run_works_on() -> None:
    held = {"held": "ada on desk has worked on it since noon", "lease": {"owner": {"machine_id": "another", "pid": 1}}}
    cache = Cache(known=[known("a:1", **held)], offered=[OPENED])
    found = offer(cache, "a:1", "b:1")
    assert found["problem"] == "a:1 is not there, and not fetched meanwhile: ada on desk has worked on it since noon"
    assert (found["offer"], found["left_out"], cache.offered) == (OFFER, ["a:1"], ["b:1"])
    assert offer(cache)["offer"] is None, "there is nothing left to offer"


def test_a_run_of_this_machine_that_ended_is_in_nobody_s_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "dead_holder", lambda found: found["owner"])
    held = {"held": "ada on desk has worked on it since noon", "lease": {"owner": {"pid": 1}}}
    cache = Cache([DONE], known=[known("a:1", **held)], offered=[OPENED])
    assert offer(cache)["problem"] == ""


@pytest.mark.parametrize(
    ("cache", "problem"),
    [
        (Cache(known=[{"problem": "it has no models of gpuhost's yet"}]), "it has no models of gpuhost's yet"),
        (Cache(known=[{"failed": True, "msg": "first\nssh: no route to gpu01"}]), "ssh: no route to gpu01"),
        (Cache([{"failed": True, "gpuhost_finding": {"id": "GH-MODEL-UNKNOWN", "seen": "a:1: gone"}}], known=[known("a:1")]),
         "it could not fetch a:1: gone"),
        (Cache(known=[known()], offered=[{"problem": "no address"}]), "no address"),
    ],
)  # fmt: skip
def test_a_cache_that_is_of_no_use_says_why(cache: Cache, problem: str) -> None:
    found = offer(cache)
    assert (found["offer"], found["problem"]) == (None, problem)


def test_a_cache_that_is_being_set_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelcache, "LOOK_SECONDS", 0)
    not_yet = {"problem": "it has no models of gpuhost's yet"}
    cache = Cache(known=[not_yet, not_yet, known()], offered=[{"problem": "", "offer": OFFER}])
    assert offer(cache, hope=True)["offer"] == OFFER
    assert offer(Cache(known=[not_yet]), hope=False)["offer"] is None


class Clock:
    """Time that goes by only where somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(modelcache.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(modelcache.time, "sleep", self.pass_by)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def progress(folder: Path) -> Any:
    return json.loads((folder / "progress" / "gpu02.json").read_text())


def test_who_waits_says_for_what_and_comes_back_in_time_to_show_that_it_lives(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUHOST_RUN_DIR", str(tmp_path))
    not_yet = {"problem": "it has no models of gpuhost's yet"}
    found = offer(Cache(known=[not_yet]), hope=True, waited=600)
    assert (found["offer"], found["problem"]) == (None, "")
    turn = found["again"]["waited"] - 600
    assert modelcache.TURN_SECONDS <= turn <= modelcache.TURN_SECONDS + modelcache.LOOK_SECONDS
    assert 2 * modelcache.TURN_SECONDS <= TAKEOVER_SECONDS
    assert progress(tmp_path) == {"text": "waits for the model cache gpu01: it has no models of gpuhost's yet"}
    assert offer(Cache(known=[known()], offered=[OPENED]), hope=True, waited=900)["offer"] == OFFER
    assert progress(tmp_path) == {}


def test_nobody_waits_for_ever_for_a_cache_that_is_being_set_up(clock: Clock) -> None:
    found = offer(Cache(known=[{"problem": "not yet"}]), hope=True, waited=modelcache.PATIENCE_SECONDS)
    assert (found["problem"], found.get("again")) == ("not yet", None)


def test_what_comes_to_the_cache_is_followed_in_turns_and_seen(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUHOST_RUN_DIR", str(tmp_path))
    running = {"state": "running", "progress": {"text": "model a:1", "done": 1, "total": 2, "unit": "bytes"}}
    cache = Cache([], known=[known("a:1")], offered=[OPENED])

    def slow(module: str, given: dict[str, Any]) -> dict[str, Any]:
        clock.pass_by(3)
        return running if module == "gpuhost_step" else cache(module, given)

    found = modelcache.offer("gpu02", "gpu01", ASKED, slow, lambda: True, {})
    assert (found["again"]["left_out"], cache.asked) == ({}, ["known"])
    assert progress(tmp_path)["text"] == "on the model cache gpu01: model a:1"
    found = modelcache.offer("gpu02", "gpu01", ASKED, slow, lambda: True, {"waited": modelcache.MOST_SECONDS})
    assert found["problem"] == "what it lacks was still on its way after 8:00:00"
    assert not found.get("again")


def test_what_the_cache_could_not_fetch_in_one_turn_is_not_tried_in_the_next(clock: Clock) -> None:
    gone = {"failed": True, "gpuhost_finding": {"id": "GH-MODEL-UNKNOWN", "seen": "b:1: gone"}}
    asked = {**ASKED, "models": ["b:1", "c:1"]}
    cache = Cache([gone, DONE], known=[known("b:1", "c:1")], offered=[OPENED])

    def slow(module: str, given: dict[str, Any]) -> dict[str, Any]:
        answer = cache(module, given)
        clock.pass_by(modelcache.TURN_SECONDS if answer is gone else 0)
        return answer

    found = modelcache.offer("gpu02", "gpu01", asked, slow, lambda: True, {})
    assert found["again"]["left_out"] == {"b:1": "it could not fetch b:1: gone"}
    found = modelcache.offer("gpu02", "gpu01", asked, slow, lambda: True, found["again"])
    assert found == {"offer": OFFER, "problem": "it could not fetch b:1: gone", "left_out": ["b:1"]}
    assert cache.asked == ["known", "step b:1", "known", "step c:1", "offered"]


def test_while_a_host_waits_its_own_lease_stays_fresh() -> None:
    ask, live, again = repository.load(ROLES_DIR / "services" / "tasks" / "model_cache.yml")
    assert ask["gpuhost_model_cache"]["before"] == "{{ (__services_model_cache | default({})).again | default({}) }}"
    assert live["gpuhost_lease"] == {"state": "touched"}
    assert again["ansible.builtin.include_tasks"] == "model_cache.yml"
    assert live["when"] == again["when"] == "__services_model_cache.again is defined"


def test_the_tasks_that_end_all_hope_are_those_of_the_plays() -> None:
    (block,) = [one for one in repository.load(ROLES_DIR / "services" / "tasks" / "models.yml") if "block" in one]
    assert block["block"][-1]["name"] == modelcache.FETCH
    for playbook in ("site", "models_pull"):
        last = repository.load(PLAYBOOKS_DIR / f"{playbook}.yml")[-1]["tasks"][-1]
        assert last["always"][-1]["name"] == modelcache.GIVE_BACK


def event(name: str, task: str = "x", host: str = "gpu01", **more: Any) -> dict[str, Any]:
    return {"host": host, "event": name, "task": task, **more}


PLAY, BEGUN = event("play", "Bring", ""), event("start")


@pytest.mark.parametrize(
    ("hosts", "forks", "events", "hope"),
    [
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN], True),
        (["gpu02"], 25, [PLAY, BEGUN], False),
        (["gpu01", "gpu02"], 2, [PLAY, BEGUN], False),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("failed")], False),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("failed", rescued=True)], True),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("failed", host="gpu02")], True),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("unreachable")], False),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, PLAY, event("start", host="gpu02")], False),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("start", modelcache.FETCH)], True),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("ok", modelcache.FETCH)], False),
        (["gpu01", "gpu02"], 25, [PLAY, BEGUN, event("start", modelcache.GIVE_BACK)], False),
    ],
    ids=["begun", "not in the run", "few forks", "failed", "rescued", "another failed", "unreachable", "nothing is due",
         "models are coming", "models have come", "given back"],
)  # fmt: skip
def test_only_a_cache_that_may_yet_come_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: list[str], forks: int, events: list[dict[str, Any]], hope: bool
) -> None:
    monkeypatch.setenv("GPUHOST_RUN_DIR", str(tmp_path))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events) + '{"host": "gpu01", "ev')
    assert modelcache.being_set_up("gpu01", hosts, forks)() is hope


def test_without_a_run_folder_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUHOST_RUN_DIR", raising=False)
    assert not modelcache.being_set_up("gpu01", ["gpu01"], 25)()


KEY = {"missing": ["a"], "certificate": "mine", "key_folder": "/run/gpuhost/model-key", "problem": ""}


def bring(told: dict[str, Any], answer: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
    host = Host(a=[answer or DONE])
    result = modelwork.bring("gpu02", {"server": SERVER, "models": ["a"], "presets": None, "cache": told}, host)
    (step,) = [given for module, given in host.asked if module == "gpuhost_step"]
    return result, step["spec"]["cache"]


def test_a_host_is_told_where_the_cache_is_and_by_what_to_know_it() -> None:
    result, cache = bring({"host": "gpu01", "key": KEY, "offer": {"offer": OFFER, "problem": ""}})
    assert cache == {"host": "gpu01", "key_folder": "/run/gpuhost/model-key", **OFFER}
    assert result["gpuhost_findings"] == []


def test_what_the_cache_does_not_have_comes_from_the_registry_and_the_rest_from_the_cache() -> None:
    host = Host(a=[DONE], b=[DONE])
    told = {"host": "gpu01", "key": KEY, "offer": {"offer": OFFER, "problem": "it could not fetch b", "left_out": ["b"]}}
    result = modelwork.bring("gpu02", {"server": SERVER, "models": ["a", "b"], "presets": None, "cache": told}, host)
    caches = {one["spec"]["model"]: one["spec"]["cache"] for module, one in host.asked if module == "gpuhost_step"}
    assert caches == {"a": {"host": "gpu01", "key_folder": "/run/gpuhost/model-key", **OFFER}, "b": None}
    assert [(one["id"], one["seen"]) for one in result["gpuhost_findings"]] == [
        ("GH-MODEL-CACHE", "gpu01: it could not fetch b")
    ]


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({"host": "gpu01", "key": {"problem": "no openssl"}, "offer": {"skipped": True}}, "gpu01: no openssl"),
        ({"host": "gpu01", "key": KEY, "offer": {"offer": None, "problem": "it is off"}}, "gpu01: it is off"),
        ({"host": "gpu01", "key": KEY, "offer": {"failed": True, "msg": "unexpected"}}, "gpu01: unexpected"),
        ({"host": "gpu01", "key": {**KEY, "missing": [], "certificate": ""}, "offer": {"skipped": True}}, None),
        ({"host": "", "key": {"skipped": True}, "offer": {"skipped": True}}, None),
    ],
    ids=["no key", "no offer", "failed", "nothing missing", "no cache"],
)
def test_without_its_cache_a_host_asks_the_registry_and_says_why(told: dict[str, Any], seen: str | None) -> None:
    result, cache = bring(told)
    assert cache is None
    assert not result["failed"]
    found = [(one["id"], one["level"], one["seen"]) for one in result["gpuhost_findings"]]
    assert found == ([("GH-MODEL-CACHE", "warn", seen)] if seen else [])


def test_a_copy_that_was_cut_off_for_good_is_told_and_no_failure() -> None:
    warned = {**DONE, "result": {"rc": 0, "warnings": [{"id": "GH-MODEL-CACHE", "seen": "a from gpu01: broke off"}]}}
    result, _ = bring({"host": "gpu01", "key": KEY, "offer": {"offer": OFFER}}, warned)
    assert [one["seen"] for one in result["gpuhost_findings"]] == ["a from gpu01: broke off"]
    assert not result["failed"]


def test_the_plan_names_the_cache_for_all_but_itself() -> None:
    def cache(**changed: Any) -> Any:
        made = planner.plan(snapshot(RX6600), wishes(**changed), support.load(), "gpu01")
        return made.roles["services"]["model_cache"]

    assert cache() is None
    assert cache(services_model_cache="gpu01") is None, "the host is the cache"
    named = {"services_model_cache": "gpu02", "services_model_cache_address": "10.0.0.2"}
    assert cache(**named) == {"host": "gpu02", "address": "10.0.0.2", "port": 11440}


def test_a_cache_that_is_no_host_of_the_site_is_bad_input() -> None:
    def look(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"snapshot": snapshot(RX6600)} if module == "gpu_host_info" else {}

    def examine(groups: Any) -> list[Any]:
        given = {"groups": groups} if groups else {}
        found = preflight.examine("gpu01", wishes(services_model_cache="gpu0"), look, given, False).findings
        return [one for one in found if one.id == "GH-INPUT-MODEL-CACHE"]

    (finding,) = examine({"all": ["gpu01", "other"]})
    assert finding.next.endswith("the nearest is gpu01")
    assert examine({"all": ["gpu0"]}) == []
    assert examine(None) == []
