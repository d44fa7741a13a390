"""Secrets of services: given ones win, new ones are new, and none that data is encrypted with changes unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from onhost import backups, service_secrets
from onhost.finding import FindingError

OWNER = {"uid": os.getuid(), "gid": os.getgid()}
ENV = "/srv/gpuhost/anythingllm/.env"
TOKEN = "/etc/gpuhost/secrets/jupyter/token"
JUPYTER: dict[str, Any] = {
    "service": "jupyter",
    "secrets": [{"name": "token", "path": TOKEN, "length": 48, "mode": "0400", "encrypts": False, **OWNER}],
    "env_file": None,
}
ANYTHINGLLM: dict[str, Any] = {
    "service": "anythingllm",
    "secrets": [],
    "env_file": {
        "path": ENV,
        "values": {"LLM_PROVIDER": "ollama"},
        "secrets": [
            {"name": "JWT_SECRET", "length": 48, "encrypts": False},
            {"name": "SIG_KEY", "length": 48, "encrypts": True},
        ],
        "mode": "0600",
        **OWNER,
    },
}
BOTH = [ANYTHINGLLM, JUPYTER]


def text(root: Path, path: str) -> str:
    return (root / path.lstrip("/")).read_text()


def env(root: Path, name: str) -> str:
    lines = dict(line.split("=", 1) for line in text(root, ENV).splitlines() if "=" in line)
    return lines[name]


def test_what_is_missing_is_made_as_the_site_gives_it_or_by_chance(root: Path) -> None:
    made = service_secrets.make(BOTH, {"jupyter": {"token": "as+the/site=wants"}, "anythingllm": {"SIG_KEY": "k" * 32}})
    assert made == ["anythingllm/LLM_PROVIDER", "anythingllm/JWT_SECRET", "anythingllm/SIG_KEY", "jupyter/token"]
    assert text(root, TOKEN) == "as+the/site=wants"
    assert env(root, "SIG_KEY") == "k" * 32
    assert len(env(root, "JWT_SECRET")) == 48
    assert service_secrets.make(BOTH, {"jupyter": {"token": "another-one-of-them"}}) == []
    assert text(root, TOKEN) == "as+the/site=wants"


def test_a_given_one_that_differs_is_named_and_changed(root: Path) -> None:
    service_secrets.make(BOTH, {})
    given = {"jupyter": {"token": "of-the-site-now"}, "anythingllm": {"JWT_SECRET": env(root, "JWT_SECRET")}}
    assert service_secrets.differing(BOTH, given) == ["jupyter/token"]
    assert service_secrets.change(BOTH, given, {}) == ["jupyter/token"]
    assert text(root, TOKEN) == "of-the-site-now"
    assert (root / TOKEN.lstrip("/")).stat().st_mode & 0o777 == 0o400
    assert service_secrets.differing(BOTH, given) == []


def test_what_is_not_there_yet_does_not_differ(root: Path) -> None:
    assert service_secrets.differing(BOTH, {"jupyter": {"token": "of-the-site-now"}}) == []


def test_a_new_one_is_new_and_everything_else_stays(root: Path) -> None:
    service_secrets.make(BOTH, {})
    path = root / ENV.lstrip("/")
    path.write_text(f"# mine\n{path.read_text()}EMPTY=\nexport MINE='a b'\n")
    before, token = path.read_text(), text(root, TOKEN)
    assert service_secrets.change(BOTH, {}, {"anythingllm": ["JWT_SECRET"]}) == ["anythingllm/JWT_SECRET"]
    after = path.read_text()
    different = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [(old.split("=")[0], new.split("=")[0]) for old, new in different] == [("JWT_SECRET", "JWT_SECRET")]
    assert (after.splitlines()[-1], path.stat().st_mode & 0o777) == ("export MINE='a b'", 0o600)
    assert text(root, TOKEN) == token
    assert not (root / "var/lib/gpuhost/backup").exists()


def test_one_that_data_is_encrypted_with_changes_for_nobody_who_did_not_name_it(root: Path) -> None:
    service_secrets.make(BOTH, {})
    before = text(root, ENV)
    given = {"anythingllm": {"SIG_KEY": "s" * 32, "JWT_SECRET": "j" * 32}}
    assert service_secrets.locked(BOTH, given) == ["anythingllm/SIG_KEY"]
    with pytest.raises(FindingError, match="anythingllm/SIG_KEY") as caught:
        service_secrets.change(BOTH, given, {"anythingllm": ["JWT_SECRET"]})
    assert caught.value.id == "GH-SECRET-ENCRYPTS"
    assert text(root, ENV) == before


def test_one_that_data_is_encrypted_with_can_be_had_back(root: Path) -> None:
    service_secrets.make(BOTH, {})
    before = text(root, ENV)
    assert service_secrets.change(BOTH, {}, {"anythingllm": ["SIG_KEY"]}) == ["anythingllm/SIG_KEY"]
    assert text(root, ENV) != before
    ((folder, kept),) = backups.of_role("services").items()
    assert kept == [ENV]
    copy = root / folder.lstrip("/") / ENV.lstrip("/")
    assert copy.read_text() == before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert before.split("SIG_KEY=")[1][:48] not in (root / folder.lstrip("/") / "manifest.json").read_text()


def test_asking_changes_nothing(root: Path) -> None:
    service_secrets.make(BOTH, {})
    before = text(root, TOKEN)
    assert service_secrets.change(BOTH, {}, {"jupyter": ["token"]}, check=True) == ["jupyter/token"]
    assert text(root, TOKEN) == before


def stamp(service: dict[str, Any]) -> str:
    return service_secrets.stamps([service])[service["service"]][service_secrets.LABEL]


def test_a_stamp_changes_with_the_secrets_and_tells_nothing_of_them(root: Path) -> None:
    service_secrets.make(BOTH, {})
    assert service_secrets.stamps(BOTH, check=True) == {}
    first = stamp(JUPYTER)
    assert stamp(JUPYTER) == first != stamp(ANYTHINGLLM)
    service_secrets.change(BOTH, {}, {"jupyter": ["token"]})
    assert stamp(JUPYTER) != first
    assert service_secrets.stamps([{"service": "ollama", "secrets": [], "env_file": None}]) == {}
    key = root / "var/lib/gpuhost/secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600
    again = stamp(JUPYTER)
    key.unlink()
    # Elsewhere the same secret has another stamp.
    assert stamp(JUPYTER) != again


def test_no_message_and_no_answer_holds_a_value(root: Path) -> None:
    given = {"jupyter": {"token": "planted-value-1"}, "anythingllm": {"SIG_KEY": "planted-value-2" + "x" * 20}}
    answers = [service_secrets.make(BOTH, given), service_secrets.differing(BOTH, given), service_secrets.stamps(BOTH)]
    service_secrets.change(BOTH, {}, {"jupyter": ["token"], "anythingllm": ["SIG_KEY"]})
    answers += [service_secrets.differing(BOTH, given), service_secrets.locked(BOTH, given)]
    with pytest.raises(FindingError) as caught:
        service_secrets.change(BOTH, given, {})
    assert "planted" not in json.dumps([answers, caught.value.as_dict(), caught.value.detail])
