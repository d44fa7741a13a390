"""Open WebUI: its row, its connections, and a provider elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner.conftest import Make, container, ids

RX6600 = "debian-12-rx6600"
KEY = {"openwebui": {"remote_key": {"characters": 32, "plain": True}}}
REMOTE = "https://api.openai.com/v1"


def settings(plan: Any) -> dict[str, Any]:
    (found,) = plan.roles["services"]["settings"]
    return dict(found)


def wanted(make: Make, *services: str, **wishes: Any) -> dict[str, Any]:
    return dict(settings(make(RX6600, services_enabled=list(services), **wishes))["wanted"])


def test_a_site_without_it_has_no_settings(make: Make) -> None:
    assert make(RX6600).roles["services"]["settings"] == []


def test_it_brings_ollama_and_is_closed_to_strangers(make: Make) -> None:
    plan = make(RX6600, services_enabled=["openwebui"])
    one = container(plan, "openwebui")
    assert [row["service"] for row in plan.roles["services"]["containers"]] == ["ollama", "openwebui"]
    assert (one["env"]["ENABLE_SIGNUP"], settings(plan)["wanted"]["sign_up"]) == ("false", False)
    assert one["env_file"]["values"]["WEBUI_ADMIN_EMAIL"] == "admin@localhost"
    assert [row["name"] for row in one["env_file"]["secrets"]] == ["WEBUI_ADMIN_PASSWORD", "WEBUI_SECRET_KEY"]
    assert one["secrets"] == []
    assert {"source": one["env_file"]["path"], "target": "/app/.env", "read_only": True} in one["mounts"]


def test_it_is_connected_to_what_the_host_has(make: Make) -> None:
    assert wanted(make, "openwebui")["openai"] == []
    found = wanted(make, "openwebui", "llamacpp", services_embedding_model="bge-m3")
    assert found["ollama"] == ["http://ollama.internal:11434"]
    assert found["openai"] == [
        {"url": "http://llamacpp.internal:8080/v1", "key_file": "/etc/gpuhost/secrets/llamacpp/api_key"}
    ]
    assert found["embedding"] == "ollama: bge-m3"


def test_browsers_of_the_host_alone_may_use_it(make: Make) -> None:
    plan = make(RX6600, services_enabled=["openwebui"], services_ports={"openwebui": 3010})
    assert container(plan, "openwebui")["env"]["CORS_ALLOW_ORIGIN"] == "http://127.0.0.1:3010;http://localhost:3010"


def test_a_provider_elsewhere_is_off_until_the_site_gives_its_address_and_its_key(make: Make) -> None:
    assert wanted(make, "openwebui", services_secrets=KEY)["openai"] == []
    plan = make(RX6600, services_enabled=["openwebui"], services_secrets=KEY, services_openwebui_remote_url=f"{REMOTE}/")
    path = "/etc/gpuhost/secrets/openwebui/remote_key"
    assert settings(plan)["wanted"]["openai"] == [{"url": REMOTE, "key_file": path}]
    assert [row["path"] for row in container(plan, "openwebui")["secrets"]] == [path]
    assert "GH-INPUT-REMOTE" not in ids(plan)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"services_openwebui_remote_url": REMOTE}, "remote_key is not given"),
        ({"services_openwebui_remote_url": "http://api.openai.com/v1", "services_secrets": KEY}, "no https address"),
        ({"services_openwebui_remote_url": "api.openai.com", "services_secrets": KEY}, "no https address"),
    ],
)
def test_a_provider_that_cannot_be_used_is_refused(make: Make, wishes: dict[str, Any], words: str) -> None:
    plan = make(RX6600, services_enabled=["openwebui"], **wishes)
    (found,) = [one for one in plan.findings if one.id == "GH-INPUT-REMOTE"]
    assert words in found.seen
    assert settings(plan)["wanted"]["openai"] == []


def test_the_checks_are_told_the_same(make: Make) -> None:
    plan = make(RX6600, services_enabled=["openwebui"])
    (row,) = [one for one in plan.roles["verify"]["expected"]["services"] if one["name"] == "openwebui"]
    assert row["settings"] == settings(plan)
    assert row["calls"] == ["ollama"]
