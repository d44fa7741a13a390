"""The login service as a container runs it, in this process: its package lives in an image's build context."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CONTEXT = Path(__file__).parents[3] / "docker" / "login"
sys.path.insert(0, str(CONTEXT))

#: What the role would write for a host with two names, three services and two users.
GATEWAY: dict[str, Any] = {
    "title": "gpu01",
    "names": ["192.0.2.7", "gpu01", "[2001:db8::7]"],
    "port": 443,
    "cookie_domain": None,
    "session_hours": 12,
    "attempts": 3,
    "pause_minutes": 15,
    "own_ca": True,
    "simulated": True,
    "gpus": ["Radeon RX 6600 (gfx1032)"],
    "sites": [
        {
            "service": "jupyter", "title": "JupyterLab", "kind": "page", "port": 18888, "host": None, "own_login": False,
            "query_token": True, "api": "",
        },
        {
            "service": "ollama", "title": "Ollama", "kind": "api", "port": 21434, "host": None, "own_login": False,
            "query_token": False, "api": "",
        },
        {
            "service": "openwebui", "title": "Open WebUI", "kind": "page", "port": 13000, "host": None, "own_login": True,
            "query_token": False, "api": "",
        },
    ],
}  # fmt: skip
ADA, BOB = "ada's password", "bob's password"
ADA_KEY, BOB_KEY = "a" * 48, "b" * 48


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is mounted into the container."""
    top = tmp_path_factory.mktemp("login")
    for name in ("config", "data", "state", "secrets"):
        (top / name).mkdir()
        os.environ[f"GATEWAY_{name.upper()}"] = str(top / name)
    (top / "config" / "gateway.json").write_text(json.dumps(GATEWAY))
    (top / "secrets" / "session_key").write_text("x" * 50)
    return top


@pytest.fixture(scope="session")
def service(folder: Path) -> None:
    """Django runs, with an empty database of its own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_login.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


@cache
def hashed(password: str) -> str:
    """A hash as the host makes it."""
    from django.contrib.auth.hashers import make_password

    return make_password(password)


@pytest.fixture
def write_users(folder: Path) -> Callable[..., None]:
    """``write_users(ada={…}, …)``: the role writes the file anew."""

    def write(**users: dict[str, Any]) -> None:
        rows = []
        for name, fields in users.items():
            rows.append({"name": name, "key": "", "services": [], **fields})
        draft = folder / "config" / "users.new"
        draft.write_text(json.dumps({"users": rows, "credentials": {"jupyter": "token the-service-s-own"}}))
        draft.replace(folder / "config" / "users.json")

    return write


@pytest.fixture
def client(service: None, write_users: Callable[..., None]) -> Any:
    """A browser that knows https alone. Ada may use everything, Bob only Ollama."""
    from axes.models import AccessAttempt
    from django.contrib.sessions.models import Session
    from django.core.cache import cache as kept
    from django.test import Client

    AccessAttempt.objects.all().delete()
    Session.objects.all().delete()
    kept.clear()
    only_ollama = {"services": ["ollama"]}
    write_users(ada={"password": hashed(ADA), "key": ADA_KEY}, bob={"password": hashed(BOB), "key": BOB_KEY, **only_ollama})
    return Client(headers={"host": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.9"})
