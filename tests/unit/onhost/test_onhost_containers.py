"""Containers that can go back."""

from __future__ import annotations

from typing import Any

import pytest

from onhost import lease
from onhost.containers import Containers, works
from onhost.siblings import Engine
from tests.unit.onhost.fake_engine import FakeEngine, framed

pytestmark = pytest.mark.usefixtures("root")


class Docker:
    """Containers by name on a fake engine, with the four requests that change them."""

    def __init__(self, engine: FakeEngine, **containers: dict[str, Any]) -> None:
        self.engine = engine
        self.containers = {name.replace("_", "-"): state for name, state in containers.items()}
        for name in list(self.containers):
            for other in (name, f"{name}-previous", name.replace("-previous", "")):
                self._serve(other)

    def _serve(self, name: str) -> None:
        at = f"/containers/{name}"
        self.engine.answers["GET", f"{at}/json"] = lambda path: self._shown(name)
        self.engine.answers["DELETE", at] = lambda path: (204, self.containers.pop(name) and None)
        self.engine.answers["POST", f"{at}/stop"] = lambda path: self._set(name, False)
        self.engine.answers["POST", f"{at}/start"] = lambda path: self._set(name, True)
        self.engine.answers["POST", f"{at}/rename"] = lambda path: self._rename(name, path.rpartition("=")[2])

    def _shown(self, name: str) -> tuple[int, Any]:
        state = self.containers.get(name)
        return (404, {"message": f"No such container: {name}"}) if state is None else (200, state)

    def _set(self, name: str, running: bool) -> tuple[int, None]:
        self.containers[name]["State"]["Running"] = running
        return 204, None

    def _rename(self, name: str, new: str) -> tuple[int, Any]:
        if new in self.containers:
            return 409, {"message": f"the name {new} is in use"}
        self.containers[new] = self.containers.pop(name)
        return 204, None

    def versions(self) -> dict[str, Any]:
        return {name: (state["version"], state["State"]["Running"]) for name, state in self.containers.items()}


def box(version: int, running: bool = True, health: str | None = None) -> dict[str, Any]:
    state: dict[str, Any] = {"Running": running, "Status": "running" if running else "exited", "ExitCode": 1}
    if health:
        state["Health"] = {"Status": health, "Log": [{"Output": "curl: (7) refused"}]}
    return {"version": version, "State": state}


def containers(engine: FakeEngine) -> Containers:
    return Containers(Engine(engine.socket))


def test_the_present_one_is_stopped_and_kept(engine: FakeEngine) -> None:
    docker = Docker(engine, ollama=box(1))
    assert containers(engine).set_aside("ollama")
    assert docker.versions() == {"ollama-previous": (1, False)}


def test_nothing_to_set_aside_is_no_change(engine: FakeEngine) -> None:
    assert not containers(engine).set_aside("ollama")
    assert not containers(engine).drop("ollama")
    assert not containers(engine).restore("ollama")


@pytest.mark.parametrize("act", ["set_aside", "drop", "restore"])
def test_every_turn_of_an_exchange_shows_that_the_run_is_alive(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(lease, "touch", lambda: heard.append(act))
    getattr(containers(engine), act)("ollama")
    assert heard == [act], "also where there is no container yet: its first start is waited for as well"


def test_the_one_before_comes_back_in_the_place_of_the_new_one(engine: FakeEngine) -> None:
    docker = Docker(engine, ollama=box(2, health="unhealthy"), ollama_previous=box(1, running=False))
    assert containers(engine).restore("ollama")
    assert docker.versions() == {"ollama": (1, True)}


def test_a_proven_one_lets_the_one_before_go(engine: FakeEngine) -> None:
    docker = Docker(engine, ollama=box(2), ollama_previous=box(1, running=False))
    assert containers(engine).drop("ollama")
    assert docker.versions() == {"ollama": (2, True)}


@pytest.mark.parametrize(
    ("newer", "kept"),
    [
        (box(2, health="unhealthy"), 1),
        (box(2, health="starting"), 1),
        (box(2, running=False), 1),
        (None, 1),
        (box(2, health="healthy"), 2),
        (box(2), 2),
    ],
    ids=["unhealthy", "never ready", "stopped", "not there", "healthy", "no check"],
)
def test_after_an_interruption_the_last_one_that_worked_runs_alone(
    engine: FakeEngine, newer: dict[str, Any] | None, kept: int
) -> None:
    there = {"ollama_previous": box(1, running=False)} | ({"ollama": newer} if newer else {})
    docker = Docker(engine, **there)
    assert containers(engine).settle("ollama", patience=0)
    assert docker.versions() == {"ollama": (kept, True)}
    assert not containers(engine).settle("ollama", patience=0)


def test_one_that_is_still_starting_is_waited_for(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = box(2, health="starting")
    docker = Docker(engine, ollama=newer, ollama_previous=box(1, running=False))
    monkeypatch.setattr("time.sleep", lambda seconds: newer["State"]["Health"].update(Status="healthy"))
    assert containers(engine).settle("ollama", patience=60)
    assert docker.versions() == {"ollama": (2, True)}


def test_a_replacement_that_was_never_interrupted_has_nothing_to_settle(engine: FakeEngine) -> None:
    docker = Docker(engine, ollama=box(1, health="unhealthy"))
    assert not containers(engine).settle("ollama", patience=60)
    assert docker.versions() == {"ollama": (1, True)}


def test_a_failure_is_told_in_the_words_of_state_check_and_log(engine: FakeEngine) -> None:
    Docker(engine, ollama=box(2, running=False, health="unhealthy"))
    engine.answers["GET", "/containers/ollama/logs"] = (200, framed((2, b"panic: no GPU\n")))
    told = containers(engine).explain_failure("ollama")
    assert told.splitlines() == ["ollama is exited, exit code 1", "health check: curl: (7) refused", "panic: no GPU"]
    assert containers(engine).explain_failure("gone") == ""


def test_a_container_without_a_check_works_when_it_runs() -> None:
    assert works(box(1))
    assert not works(box(1, running=False))
