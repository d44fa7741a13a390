"""What is asked of a host before the first change, and what a person has to agree to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control import given_secrets, preflight
from tests.unit.planner import edits
from tests.unit.planner.conftest import snapshot, wishes

NOBLE = "ubuntu-24.04-rx7900xtx"
RUNNING = "6.14.0-37-generic"
LOCAL = {"ansible_connection": "local"}


class Host:
    """Answers for a host, and remembers what it was asked."""

    def __init__(self, *changes: edits.Edit, candidates: Any = None) -> None:
        self.snapshot = snapshot(NOBLE, *changes)
        self.candidates = candidates
        self.asked: list[dict[str, Any]] = []

    def look(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append({"module": module, **arguments})
        if module != "gpu_host_info":
            return {}
        if arguments.get("seals"):
            return {"snapshot": self.snapshot}
        return {"snapshot": {"network": [], "candidates": self.candidates or {}}}

    def examine(self, given: Any = None, acting: bool = True, **changed: Any) -> preflight.Examination:
        return preflight.examine("gpu01", wishes(**changed), self.look, given or {}, acting)


def ids(result: preflight.Examination, level: str = "refuse") -> list[str]:
    return [one.id for one in result.findings if one.level == level]


def test_the_hosts_package_sources_are_asked_where_amds_driver_is_due() -> None:
    host = Host(candidates={f"linux-headers-{RUNNING}": [{"version": "1", "origin": "x"}]})
    result = host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    (asked,) = [one["candidates"] for one in host.asked if "candidates" in one]
    assert f"linux-headers-{RUNNING}" in asked["names"]
    assert asked["sources"] == []
    assert result.snapshot["candidates"] == host.candidates
    assert result.plan["roles"]["amdgpu"]["kernels"] == [RUNNING]


def test_headers_that_are_gone_are_seen_before_anything_changes() -> None:
    host = Host(candidates={f"linux-headers-{RUNNING}": []})
    result = host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    assert ids(result) == ["GH-HEADERS-NONE"]
    assert result.as_result(refuse=True)["failed"] is True


def test_a_host_with_the_kernels_own_driver_is_not_asked() -> None:
    host = Host()
    host.examine()
    assert [one for one in host.asked if "candidates" in one] == []


def test_one_look_asks_for_addresses_and_packages_together() -> None:
    host = Host()
    host.examine(amdgpu_driver="dkms", preflight_confirmed=True)
    second = [one for one in host.asked if one["module"] == "gpu_host_info"][1:]
    assert len(second) == 1
    assert second[0]["network"]
    assert second[0]["candidates"]


@pytest.mark.parametrize(
    ("changes", "wish", "given", "seen"),
    [
        ((edits.dkms("30.30.4"),), "dkms", {}, "AMD's driver 30.30.4 works and would be replaced"),
        ((edits.dkms("30.30.4"),), "inbox", {}, "AMD's driver 30.30.4 works and would be replaced"),
        ((), "dkms", {}, "the kernel's own driver works and would be replaced"),
        ((), "dkms", LOCAL, "would be replaced; this machine would be rebooted"),
    ],
    ids=["another release", "the kernel's own", "the first of AMD's", "here"],
)
def test_a_working_driver_goes_only_when_somebody_agreed(changes: Any, wish: str, given: Any, seen: str) -> None:
    result = Host(*changes).examine(given, amdgpu_driver=wish)
    assert ids(result) == ["GH-CONFIRM"]
    assert seen in result.findings[-1].seen
    assert "--yes" in result.findings[-1].next
    assert ids(Host(*changes).examine(given, amdgpu_driver=wish, preflight_confirmed=True)) == []


def test_a_plan_that_nobody_carries_out_asks_for_no_agreement() -> None:
    assert ids(Host().examine(acting=False, amdgpu_driver="dkms")) == []


@pytest.mark.parametrize(
    ("changes", "wish", "given"),
    [
        ((), "auto", LOCAL),
        ((edits.not_driven,), "dkms", LOCAL),
        ((edits.dkms("30.30.4"),), "auto", {}),
    ],
    ids=["nothing changes", "nothing works yet", "it stays"],
)
def test_what_takes_nothing_away_needs_no_agreement(changes: Any, wish: str, given: Any) -> None:
    assert ids(Host(*changes).examine(given, amdgpu_driver=wish)) == []


SECRETS = {"jupyter": {"token": "planted-by-the-site"}}


class Sealed(Host):
    """A host whose services are as they were sealed, and that says which secrets it has otherwise."""

    def __init__(self, differing: list[str], locked: list[str] | None = None) -> None:
        super().__init__()
        self.said = {"names": differing, "locked": locked or []}
        self.snapshot["seals"] = {"services": {"input": "as it was", "items": {}, "sealed_at": ""}}

    def look(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = super().look(module, arguments)
        return self.said if module == "gpuhost_secrets" else answer

    def ask(self, secrets: Any = SECRETS, **more: Any) -> preflight.Examination:
        given = {"services_secrets": given_secrets.shape(secrets)}
        return preflight.examine("gpu01", wishes(**given), self.look, {}, secrets=secrets, **more)


def as_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.seals, "role_input", lambda *_: "as it was")


def test_a_secret_that_the_site_changed_makes_the_services_due(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sealed(monkeypatch)
    host = Sealed(["jupyter/token"])
    result = host.ask()
    assert result.due["services"] == "the site gives other secrets: jupyter/token"
    (asked,) = [one for one in host.asked if one["module"] == "gpuhost_secrets"][:1]
    assert [one["service"] for one in asked["services"]] == ["anythingllm", "jupyter"]
    assert "services" not in Sealed([]).ask().due


def test_nothing_of_a_secret_is_in_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Sealed(["jupyter/token"]).ask()
    assert "planted" not in json.dumps([result.as_dict(), result.as_result(refuse=True)])


def test_who_gives_no_secrets_costs_no_look() -> None:
    host = Sealed(["jupyter/token"])
    host.ask(secrets={"jupyter": {}})
    assert [one for one in host.asked if one["module"] == "gpuhost_secrets"] == []


def test_a_key_that_data_is_encrypted_with_is_refused_before_anything_changes() -> None:
    result = Sealed(["anythingllm/SIG_KEY"], locked=["anythingllm/SIG_KEY"]).ask({"anythingllm": {"SIG_KEY": "k" * 32}})
    assert ids(result) == ["GH-SECRET-ENCRYPTS"]
    assert result.due == {}


def test_new_secrets_make_the_services_due_and_nothing_else() -> None:
    host = Sealed([])
    result = host.ask({}, renewed={"jupyter": ["token"]})
    assert (ids(result), result.due) == ([], {"services": "new secrets"})
    assert [one for one in host.asked if one.get("network")] == []


def test_a_new_one_is_refused_where_the_site_gives_it() -> None:
    result = Sealed([]).ask(renewed={"jupyter": ["token"]})
    assert (ids(result), result.due) == (["GH-SECRET-GIVEN"], {})


def test_a_key_is_changed_to_the_sites_by_who_names_it() -> None:
    given = {"anythingllm": {"SIG_KEY": "k" * 32}}
    host = Sealed(["anythingllm/SIG_KEY"], locked=["anythingllm/SIG_KEY"])
    result = host.ask(given, renewed={"anythingllm": ["SIG_KEY"]})
    assert (ids(result), result.due) == ([], {"services": "new secrets"})


@pytest.mark.parametrize("sealed", [True, False])
def test_a_service_that_does_not_run_has_nothing_to_renew(sealed: bool) -> None:
    host = Sealed([])
    if not sealed:
        host.snapshot["seals"] = {}
    enabled = {"services_enabled": ["jupyter"]} if not sealed else {"services_enabled": ["ollama"]}
    result = preflight.examine("gpu01", wishes(**enabled), host.look, {}, renewed={"jupyter": ["token"]})
    assert ids(result) == ["GH-SERVICE-ABSENT"]


MODEL = "llama3.2:1b"


class WithModels(Host):
    """A host that also tells of models."""

    def __init__(self, **asked: Any) -> None:
        super().__init__()
        self.told = {"asked": {MODEL: asked}, "here": []}

    def look(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = super().look(module, arguments)
        return {"models": self.told} if module == "gpuhost_model_info" else answer

    @property
    def models(self) -> list[dict[str, Any]]:
        return [one for one in self.asked if one["module"] == "gpuhost_model_info"]


def test_a_model_is_sized_before_anything_is_fetched() -> None:
    host = WithModels(size_bytes=9 * 10**9, missing_bytes=9 * 10**9, loaded_bytes=9 * 10**9)
    result = host.examine()
    (asked,) = host.models
    assert asked["models"] == [MODEL, "nomic-embed-text:latest"]
    assert asked["folder"] == "/srv/gpuhost/ollama/models"
    assert result.plan["models"][0]["size_bytes"] == 9 * 10**9
    assert "model llama3.2:1b" in [one["name"] for one in result.plan["cost"]["items"]]


def test_what_the_registry_does_not_have_is_refused_before_anything_changes() -> None:
    result = WithModels(error="HTTP 404", kind="unknown").examine()
    assert ids(result) == ["GH-MODEL-UNKNOWN"]
    assert result.as_result(refuse=True)["failed"] is True


def test_what_is_asked_about_models_changes_nothing_of_what_a_role_is_told() -> None:
    sized = WithModels(size_bytes=1, missing_bytes=1, loaded_bytes=1).examine().plan["roles"]
    unsized = WithModels(error="no answer", kind="timeout").examine().plan["roles"]
    assert sized == unsized


def test_a_host_whose_services_are_sealed_is_not_asked_about_models() -> None:
    from control import seals

    host = WithModels()
    roles = host.examine().plan["roles"]
    host.asked.clear()
    sealed = {"input": seals.role_input("services", wishes(), roles["services"]), "items": {}, "sealed_at": "x"}
    host.snapshot["seals"] = {"services": sealed}
    assert "services" not in host.examine().due
    assert host.models == []
    preflight.examine("gpu01", wishes(), host.look, {}, False, models=["gemma:2b"])
    assert [one["models"] for one in host.models] == [["gemma:2b"]]
