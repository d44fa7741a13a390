"""Secrets and environment files: made once, kept, and never somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onhost import secrets
from onhost.finding import FindingError

ME, MINE = os.getuid(), os.getgid()
TOKEN = "/etc/gpuhost/secrets/jupyter/token"
ENV = "/srv/gpuhost/app/.env"


def ensure(length: int = 48, uid: int = ME, check: bool = False) -> bool:
    return secrets.ensure(TOKEN, length, uid=uid, gid=MINE, check=check)


def test_a_secret_is_made_once_and_closed_to_others(root: Path) -> None:
    assert ensure(length=40)
    path = root / TOKEN.lstrip("/")
    value = path.read_text()
    assert len(value) == 40
    assert value.isalnum()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not ensure(length=99)
    assert path.read_text() == value


def test_two_secrets_are_not_the_same(root: Path) -> None:
    ensure()
    secrets.ensure("/etc/gpuhost/secrets/b", uid=ME, gid=MINE)
    assert (root / TOKEN.lstrip("/")).read_text() != (root / "etc/gpuhost/secrets/b").read_text()


def test_asking_makes_nothing(root: Path) -> None:
    assert ensure(check=True)
    assert not (root / TOKEN.lstrip("/")).exists()


def test_an_existing_file_s_mode_is_a_finding_with_the_command_and_no_change(root: Path) -> None:
    ensure()
    path = root / TOKEN.lstrip("/")
    path.chmod(0o644)
    with pytest.raises(FindingError, match="chmod 0600") as caught:
        ensure()
    assert caught.value.id == "GH-DATA-OWNER"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text() not in str(caught.value)


def test_an_existing_file_s_owner_is_a_finding_with_the_command(root: Path) -> None:
    ensure()
    with pytest.raises(FindingError, match=f"chown {ME + 1}:{MINE}"):
        ensure(uid=ME + 1)


def test_a_stricter_mode_is_no_fault(root: Path) -> None:
    ensure()
    (root / TOKEN.lstrip("/")).chmod(0o400)
    assert not ensure()


def test_a_folder_in_the_place_of_a_file_is_refused(root: Path) -> None:
    (root / ENV.lstrip("/")).mkdir(parents=True)
    with pytest.raises(FindingError, match="is a folder"):
        secrets.ensure_env_file(ENV, {"A": "1"}, uid=ME, gid=MINE)


def test_missing_keys_are_added_and_the_user_s_own_stay(root: Path) -> None:
    path = root / ENV.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_text("# mine\nLLM_PROVIDER='openai'\n  export SIG_KEY = old\nlast=line")
    path.chmod(0o600)
    inode = path.stat().st_ino
    added = secrets.ensure_env_file(
        ENV, {"LLM_PROVIDER": "ollama", "PORT": "3001"}, [{"name": "SIG_KEY"}, {"name": "JWT", "length": 33}], ME, MINE
    )
    assert added == ["PORT", "JWT"]
    lines = path.read_text().splitlines()
    assert lines[:5] == ["# mine", "LLM_PROVIDER='openai'", "  export SIG_KEY = old", "last=line", "PORT=3001"]
    assert lines[5].startswith("JWT=")
    assert len(lines[5]) == len("JWT=") + 33
    # A container has this very file mounted: another one in its place would not reach it.
    assert path.stat().st_ino == inode
    assert secrets.ensure_env_file(ENV, {"PORT": "1"}, [{"name": "JWT"}], ME, MINE) == []


@pytest.mark.parametrize(("value", "line"), [("a b", "K='a b'\n"), ("http://x:1/y?z", "K='http://x:1/y?z'\n"), ("", "K=\n")])
def test_values_are_quoted_where_they_must_be(root: Path, value: str, line: str) -> None:
    secrets.ensure_env_file(ENV, {"K": value}, uid=ME, gid=MINE)
    assert (root / ENV.lstrip("/")).read_text() == line


@pytest.mark.parametrize("value", ["it's", "two\nlines"])
def test_a_value_that_no_environment_file_can_hold_is_refused(root: Path, value: str) -> None:
    with pytest.raises(ValueError, match="quote or a line break"):
        secrets.ensure_env_file(ENV, {"K": value}, uid=ME, gid=MINE)
    assert not (root / ENV.lstrip("/")).exists()
