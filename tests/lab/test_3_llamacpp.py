"""llama.cpp beside Ollama on one host: it answers with Ollama's model, and what is broken by hand is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import Fleet, LabHost, ready, red, verify

pytestmark = pytest.mark.lab

AREAS = ("containers", "services", "generate")

#: What breaks it, what mends it, the check that turns red, and words of its sentence.
BREAKS = [
    pytest.param(
        "docker stop gpuhost-llamacpp",
        "docker start gpuhost-llamacpp",
        "containers.llamacpp.running",
        "llamacpp is not running",
        id="stopped",
    ),
    pytest.param(
        "pkill -STOP -f '^/app/llama-server'",
        "pkill -CONT -f '^/app/llama-server'",
        "services.llamacpp.answers",
        "llamacpp runs but gives no answer at",
        id="hung",
    ),
    pytest.param(
        "cp -p {key} /root/key && echo another-key-than-it-was-started-with > {key}",
        "cp -p /root/key {key} && rm /root/key",
        "services.llamacpp.opens_with_key",
        "llama.cpp refuses the API key that this host keeps",
        id="another key",
    ),
]
KEY = "/etc/gpuhost/secrets/llamacpp/api_key"


def look(host: LabHost) -> dict[str, dict[str, Any]]:
    code, results = verify(host, AREAS)
    assert code == (15 if red(results) else 0)
    return results


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return look(fleet.debian12)


def test_it_answers_with_the_model_of_ollamas_store(before: dict[str, dict[str, Any]]) -> None:
    assert red(before) == set()
    passed = {one for one, row in before.items() if row["status"] == "pass"}
    assert {
        f"services.llamacpp.{name}" for name in ("health", "refuses_without_key", "opens_with_key", "model", "metrics")
    } < passed
    assert "generate.llamacpp.text" in passed
    # It lists no GPU, which proves nothing where that is simulated.
    for name in ("discovery", "residency"):
        assert before[f"generate.llamacpp.{name}"]["status"] == "unverifiable"


@pytest.mark.parametrize(("broken", "mended", "id", "words"), BREAKS)
def test_what_is_broken_is_named(
    fleet: Fleet, before: dict[str, dict[str, Any]], broken: str, mended: str, id: str, words: str
) -> None:
    host = fleet.debian12
    host.run(broken.format(key=KEY))
    try:
        results = look(host)
    finally:
        host.run(mended.format(key=KEY))
        ready(host, "llamacpp")
    assert red(results) == {id}
    assert words in results[id]["why"], results[id]["why"]
    changed = {one for one, row in results.items() if row["status"] != before[one]["status"]} - {id}
    assert all("llamacpp" in one and results[one]["why"].startswith("follows from") for one in changed), changed
