"""The file that the login service reads: hashes that stay, keys and secrets as they are, and nobody else may read it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from onhost import gateway_users

FILE = "/etc/gpuhost/gateway/login/users.json"
FOLDER = "/etc/gpuhost/secrets/gateway"
BCRYPT = "$2y$05$F5HmK.Yb9AnisT2r7IXL3uweop9MvJvRe6fZJB1EW5AiGIYi9/xs."
ALICE: dict[str, Any] = {"name": "alice", "services": ["jupyter"], "password_hash": ""}


@pytest.fixture
def kept(root: Path) -> Path:
    """What the role has made on the host before."""
    for name, value in {
        "gateway/alice.password": "first\n",
        "gateway/alice.key": "alices-key\n",
        "gateway/bob.key": "bobs-key\n",
        "jupyter/token": "jupyters-token\n",
    }.items():
        target = root / "etc/gpuhost/secrets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(value)
    return root


def write(*users: dict[str, Any], check: bool = False) -> bool:
    shown = [{"service": "jupyter", "scheme": "token", "path": "/etc/gpuhost/secrets/jupyter/token"}]
    return gateway_users.write(FILE, users, shown, FOLDER, os.getgid(), check)


def said(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / FILE.lstrip("/")).read_text())
    return found


def test_a_password_goes_in_as_its_hash_and_keys_and_secrets_as_they_are(kept: Path) -> None:
    assert write(ALICE)
    (user,) = said(kept)["users"]
    assert gateway_users.fits("first", user["password"])
    assert not gateway_users.fits("second", user["password"])
    assert (user["key"], user["services"]) == ("alices-key", ["jupyter"])
    assert said(kept)["credentials"] == {"jupyter": "token jupyters-token"}
    assert "first" not in (kept / FILE.lstrip("/")).read_text()
    assert (kept / FILE.lstrip("/")).stat().st_mode & 0o777 == 0o640


def test_the_hash_is_one_that_django_reads(kept: Path) -> None:
    hashers = pytest.importorskip("django.contrib.auth.hashers", reason="the developers' requirements are not installed")
    made = gateway_users.hashed("first")
    assert hashers.ScryptPasswordHasher().verify("first", made)
    assert not hashers.ScryptPasswordHasher().verify("other", made)


def test_a_second_time_nothing_changes(kept: Path) -> None:
    write(ALICE)
    before = (kept / FILE.lstrip("/")).read_bytes()
    assert not write(ALICE)
    assert (kept / FILE.lstrip("/")).read_bytes() == before


@pytest.mark.parametrize("changed", ["gateway/alice.password", "gateway/alice.key", "jupyter/token"])
def test_what_is_another_secret_now_is_another_file(kept: Path, changed: str) -> None:
    write(ALICE)
    (kept / "etc/gpuhost/secrets" / changed).write_text("new\n")
    assert write(ALICE)
    assert not write(ALICE)


def test_a_given_hash_is_taken_as_it_is(kept: Path) -> None:
    write({"name": "bob", "services": [], "password_hash": BCRYPT})
    assert said(kept)["users"][0]["password"] == BCRYPT


def test_a_file_that_others_can_read_is_closed_again(kept: Path) -> None:
    write(ALICE)
    (kept / FILE.lstrip("/")).chmod(0o644)
    assert write(ALICE)
    assert (kept / FILE.lstrip("/")).stat().st_mode & 0o777 == 0o640


def test_asking_writes_nothing(kept: Path) -> None:
    assert write(ALICE, check=True)
    assert not (kept / FILE.lstrip("/")).exists()


def test_a_secret_that_was_not_made_is_a_fault_and_leaves_the_file(kept: Path) -> None:
    write(ALICE)
    with pytest.raises(FileNotFoundError):
        write(ALICE, {"name": "carol", "services": [], "password_hash": ""})
    assert len(said(kept)["users"]) == 1
