"""`status`, `drift`, `services` and `info`: what a person is told, also where only root could have looked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control import findings, roles, run, seals
from control.commands import survey
from control.inventory import Selection
from tests.unit.planner.conftest import snapshot

HOST = "ubuntu-24.04-rx7900xtx"
PARTIAL = findings.make("GH-LOOK-WITHOUT-ROOT", "gpu01", "sudo: a password is required; root would add: seals").as_dict()
CONTAINER = {"name": "gpuhost-ollama", "service": "ollama", "ports": ["127.0.0.1:11434:11434"]}


def examined(due: dict[str, str], *found: Any, **sections: Any) -> dict[str, Any]:
    plan = {"gpus": [], "roles": {"services": {"containers": [CONTAINER]}}}
    host = {**snapshot(HOST), **sections}
    return {"snapshot": host, "plan": plan, "due": due, "drift": [], "findings": list(found)}


def without_root() -> dict[str, Any]:
    engine = {"present": True, "containers": [], "error": "permission denied"}
    return examined(dict.fromkeys(roles.ROLES, seals.UNSEEN), PARTIAL, engine=engine)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command prints for one host: its output, and what it says beside that."""

    def tell(command: Any, host: dict[str, Any]) -> tuple[str, str]:
        record = {"status": "done", "changed": 0, "findings": [], "role": "", "task": ""}
        chosen = Selection("lab", (), ("gpu01",), False)
        finished = run.Run(Path("x"), chosen, {"gpu01": record}, {"gpu01": host}, 1.0, 0, "status")
        monkeypatch.setattr(survey, "perform", lambda *given, **named: finished)
        assert command(survey.Options()) == 0
        said = capsys.readouterr()
        return said.out, said.err

    return tell


@pytest.mark.parametrize(
    ("seen", "state"),
    [({"ports": [{"unit": "gpuhost-ollama.service", "port": 11434}]}, "running"), ({"ports": []}, "absent")],
)
def test_a_service_on_the_host_itself_runs_where_it_listens(told: Any, seen: dict[str, Any], state: str) -> None:
    host = examined({}, **seen)
    unit = {"service": "ollama", "unit": "gpuhost-ollama.service", "listen": "127.0.0.1:11434"}
    host["plan"]["roles"]["services"] = {"containers": [], "units": [unit]}
    out, _ = told(survey.services, host)
    assert state in out
    assert "127.0.0.1:11434" in out


def test_a_sealed_host_is_all_sealed(told: Any) -> None:
    assert "all sealed" in told(survey.status, examined({}))[0]
    assert "nothing drifted" in told(survey.drift, examined({}))[0]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (survey.status, "for root to tell"),
        (survey.drift, f"{seals.UNSEEN}: sources"),
        (survey.services, "unknown"),
    ],
)
def test_what_only_root_could_see_is_not_made_up(told: Any, command: Any, words: str) -> None:
    out, beside = told(command, without_root())
    assert words in out
    assert "drifted" not in out
    assert "GH-LOOK-WITHOUT-ROOT" in beside
    assert "root would add: seals" in beside
