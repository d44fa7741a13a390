"""Secrets that a site gives reach the files on the host, and nothing that Ansible writes, however much that is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.conftest import Play, outcome
from verify.redaction import forms

OWNER = {"uid": os.getuid(), "gid": os.getgid()}
PLANTED = {"token": "planted+by/the=site&alone", "JWT_SECRET": "planted.in.a.file.of.settings"}
CONTAINERS: list[dict[str, Any]] = [
    {
        "service": "app",
        "secrets": [
            {
                "name": "token",
                "path": "/etc/gpuhost/secrets/app/token",
                "length": 48,
                "mode": "0400",
                "encrypts": False,
                **OWNER,
            }
        ],
        "env_file": {
            "path": "/srv/app/.env",
            "values": {"A": "1"},
            "secrets": [{"name": "JWT_SECRET", "length": 48, "encrypts": False}],
            "mode": "0600",
            **OWNER,
        },
    }
]


def task(state: str, name: str = "ask") -> dict[str, Any]:
    return {"name": name, "gpuhost_secrets": {"state": state, "containers": CONTAINERS}, "register": "found"}


@pytest.fixture(scope="module")
def run(play: Play, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made, compared, another given, changed; as loudly as Ansible can."""
    os.environ["ANSIBLE_VERBOSITY"] = "5"
    try:
        folder = {**CONTAINERS[0]["secrets"][0], "path": "/etc/gpuhost/secrets/app"}
        wrong = {
            "name": "fail",
            "gpuhost_secrets": {"state": "made", "containers": [{**CONTAINERS[0], "secrets": [folder]}]},
        }
        plays = [
            {
                "hosts": "gpuhost",
                "gather_facts": False,
                "tasks": [
                    task("made"),
                    {"name": "other", "ansible.builtin.set_fact": {"gpuhost_renewed": {"app": ["JWT_SECRET"]}}},
                    task("changed"),
                    wrong,
                ],
            }
        ]
        return play(plays, {"gpu01": {"services_secrets": {"app": PLANTED}}})
    finally:
        del os.environ["ANSIBLE_VERBOSITY"]


def test_they_are_on_the_host(run: Path) -> None:
    assert (run / "root/etc/gpuhost/secrets/app/token").read_text() == PLANTED["token"]
    # Asked to be new, and given by the site: the site's stays.
    assert f"JWT_SECRET={PLANTED['JWT_SECRET']}\n" in (run / "root/srv/app/.env").read_text()


def test_ansible_was_loud_and_failed_too(run: Path) -> None:
    log = (run / "ansible.log").read_text()
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in log
    assert [one["id"] for one in outcome(run)["gpu01"]["findings"]] == ["GH-DATA-OWNER"]


def test_no_form_of_them_is_in_anything_that_was_written(run: Path) -> None:
    written = [path for path in run.rglob("*") if path.is_file() and "root" not in path.parts and path.name != "hosts.yml"]
    assert {path.name for path in written} >= {"ansible.log", "events.jsonl", "outcome.json"}
    for path in written:
        text = path.read_text(errors="replace")
        assert [form for value in PLANTED.values() for form in forms(value) if form in text] == [], path.name
    assert json.loads((run / "outcome.json").read_text())
