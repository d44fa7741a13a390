"""A look at a host where sudo refuses: as whoever logs in; before a change, or with a wrong password, not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.plugins.conftest import Play, outcome

REFUSES = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n"
LOOK = [
    {
        "hosts": "gpuhost",
        "gather_facts": False,
        "become": True,
        "tasks": [{"name": "Look", "gpuhost_preflight": {"refuse": False, "without_root": "{{ asked }}"}}],
    }
]


@pytest.fixture(scope="module")
def run(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sudo = tmp_path_factory.mktemp("bin") / "sudo"
    sudo.write_text(REFUSES)
    sudo.chmod(0o755)
    host = {"ansible_become": True, "ansible_become_exe": str(sudo)}
    hosts = {
        "surveyed": {**host, "asked": True},
        "acted-on": {**host, "asked": False},
        "mistyped": {**host, "asked": True, "ansible_become_password": "wrong"},
    }
    return play(LOOK, hosts)


def test_a_survey_goes_on_as_the_user_that_logs_in_and_says_so(run: Path) -> None:
    assert outcome(run)["surveyed"]["status"] == "done"
    examined = json.loads((run / "hosts" / "surveyed.json").read_text())
    assert examined["snapshot"]["os"]["id"]
    (note,) = [one for one in examined["findings"] if one["id"] == "GH-LOOK-WITHOUT-ROOT"]
    assert "a password is required" in note["seen"]
    assert "--ask-sudo" in note["next"]


@pytest.mark.parametrize("host", ["acted-on", "mistyped"])
def test_nothing_else_is_done_without_root(run: Path, host: str) -> None:
    assert [one["id"] for one in outcome(run)[host]["findings"]] == ["GH-SUDO-PASSWORD"]
    assert (
        not (run / "hosts" / f"{host}.json").exists() or not json.loads((run / "hosts" / f"{host}.json").read_text())["plan"]
    )
