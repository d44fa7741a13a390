"""Open WebUI's checks: each can fail, and drift in its own database has a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from verify.checks import openwebui
from verify.checks.context import Context
from verify.openwebui import planned
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

WANTED = {
    "sign_up": False,
    "role": "pending",
    "ollama": ["http://ollama.internal:11434"],
    "openai": [{"url": "http://llamacpp:8080/v1", "key_file": "/etc/gpuhost/secrets/llamacpp/api_key"}],
    "embedding": "ollama: bge-m3",
}
ROW = {
    "name": "openwebui",
    "container": "gpuhost-openwebui",
    "url": "http://127.0.0.1:9",
    "settings": {"env_file": "/srv/gpuhost/openwebui/.env", "wanted": WANTED},
}
CONFIG = '{"name": "Open WebUI", "features": {"auth": true, "enable_signup": false}}'


def pages() -> dict[str, Any]:
    return {
        "page": healthy.page("<title>Open WebUI</title>"),
        "closed": healthy.page('{"detail": "Not authenticated"}', 401),
        "config": healthy.page(CONFIG),
        "settings": {"settings": planned(WANTED)},
    }


def results(said: dict[str, Any]) -> dict[str, Result]:
    return {one.id.removeprefix("services.openwebui."): one for one in openwebui.judge(ROW, said, {})}


def test_one_as_planned_passes() -> None:
    found = results(pages())
    assert {one.status for one in found.values()} == {PASS}
    settings = ("sign-up", "role_of_a_new_account", "ollama", "openai_api", "embedding")
    assert set(found) == {"page", "refuses_without_login", "login", *(f"setting.{name}" for name in settings)}


def change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda said: said["settings"]["settings"].update({name: value})


@pytest.mark.parametrize(
    ("otherwise", "id", "why"),
    [
        (lambda said: said.update(page=healthy.page("Bad gateway", 502)), "page", "does not show Open WebUI"),
        (lambda said: said.update(closed=healthy.page("[]")), "refuses_without_login", "uses the GPU"),
        (lambda said: said.update(closed=healthy.page("", 500)), "refuses_without_login", "HTTP 500"),
        (lambda said: said.update(config=healthy.page(CONFIG.replace("false", "true"))), "login", "make an account"),
        (change("sign-up", True), "setting.sign-up", "whoever reaches the page"),
        (change("role of a new account", "admin"), "setting.role_of_a_new_account", "is admin in"),
        (change("Ollama", []), "setting.ollama", "this host's Ollama"),
        (change("OpenAI API", ["http://elsewhere/v1"]), "setting.openai_api", "http://elsewhere/v1"),
        (change("embedding", "openai: x"), "setting.embedding", "openai: x"),
        (lambda said: said.update(settings={"error": "HTTP 403", "closed": False}), "settings", "HTTP 403"),
        (lambda said: said.pop("settings"), "settings", "not asked"),
    ],
)
def test_what_is_otherwise_fails_and_says_why(otherwise: Callable[[Any], Any], id: str, why: str) -> None:
    said = pages()
    otherwise(said)
    (failed,) = [name for name, one in results(said).items() if one.status == FAIL]
    assert (failed, why in results(said)[failed].why) == (id, True)


def test_who_is_not_root_cannot_tell() -> None:
    said = pages() | {"settings": {"error": "only root can read its settings file", "closed": True}}
    assert results(said)["settings"].status == UNVERIFIABLE


def test_a_host_without_its_settings_file_is_told_so(tmp_path: Path) -> None:
    key = tmp_path / "etc/gpuhost/secrets/llamacpp/api_key"
    key.parent.mkdir(parents=True)
    key.write_text("k")
    said = openwebui.look(ROW, Context({}, root=tmp_path))
    assert said == {"error": f"{tmp_path}/srv/gpuhost/openwebui/.env: No such file or directory", "closed": False}
