"""Secrets of the gateway's users, and those of services that it shows in their place: which roles they concern."""

from __future__ import annotations

from typing import Any

import pytest

from control import given_secrets, preflight, roles
from tests.unit.control.test_preflight import Sealed, as_sealed, ids
from tests.unit.planner.conftest import wishes

ALICE = {"gateway_enabled": True, "gateway_users": [{"name": "alice"}]}


class Door(Sealed):
    """A host whose services and gateway are as they were sealed."""

    def __init__(self, differing: list[str] | None = None, sealed: tuple[str, ...] = ("services", "gateway")) -> None:
        super().__init__(differing or [])
        self.snapshot["seals"] = {role: {"input": "as it was", "items": {}, "sealed_at": ""} for role in sealed}

    def renew(self, service: str, name: str, **wished: Any) -> preflight.Examination:
        return preflight.examine("gpu01", wishes(**{**ALICE, **wished}), self.look, {}, renewed={service: [name]})

    def give(self, secrets: Any, **wished: Any) -> preflight.Examination:
        given = {"services_secrets": given_secrets.shape(secrets)}
        return preflight.examine("gpu01", wishes(**{**ALICE, **given, **wished}), self.look, {}, secrets=secrets)


@pytest.mark.parametrize("name", ["alice.password", "alice.key", "session_key", "*"])
def test_a_new_password_makes_the_gateway_due_and_no_service(name: str) -> None:
    result = Door().renew("gateway", name)
    assert (ids(result), result.due) == ([], {"gateway": "new secrets"})


@pytest.mark.parametrize(
    ("wished", "sealed"),
    [({}, ("services",)), ({"gateway_enabled": False}, ("services", "gateway"))],
    ids=["not there yet", "not wanted"],
)
def test_without_a_gateway_there_is_no_password_to_renew(wished: Any, sealed: tuple[str, ...]) -> None:
    result = Door(sealed=sealed).renew("gateway", "alice.password", **wished)
    assert (ids(result), result.due) == (["GH-SERVICE-ABSENT"], {})


@pytest.mark.parametrize(
    ("name", "users"),
    [("bob.password", [{"name": "alice"}]), ("alice.password", [{"name": "alice", "password_hash": "$2y$05$" + "a" * 53}])],
    ids=["nobody", "the site gives a hash"],
)
def test_a_password_that_is_not_on_the_host_is_not_said_to_be_new(name: str, users: Any) -> None:
    result = Door().renew("gateway", name, gateway_users=users)
    assert (ids(result), result.due) == (["GH-INPUT-UNKNOWN-SECRET"], {})
    assert "alice.key" in result.findings[-1].seen


def test_a_password_that_the_site_changed_makes_the_gateway_due(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sealed(monkeypatch)
    host = Door(["gateway/alice.password"], sealed=roles.ROLES)
    result = host.give({"gateway": {"alice.password": "planted-by-the-site"}})
    assert list(result.due) == ["gateway", "verify"]
    assert result.due["gateway"] == "the site gives other secrets: gateway/alice.password"
    (asked,) = [one for one in host.asked if one["module"] == "gpuhost_secrets"]
    rows = {one["service"]: one["secrets"] for one in asked["services"]}
    assert "alice.password" in [row["name"] for row in rows["gateway"]]


def test_a_password_as_the_site_gives_it_leaves_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sealed(monkeypatch)
    host = Door(sealed=roles.ROLES)
    assert host.give({"gateway": {"alice.password": "planted-by-the-site"}}).due == {}


def test_a_password_is_compared_where_no_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sealed(monkeypatch)
    host = Door(["gateway/alice.password"], sealed=roles.ROLES)
    result = host.give({"gateway": {"alice.password": "planted-by-the-site"}}, services_enabled=[])
    assert list(result.due) == ["gateway", "verify"]


def test_a_new_one_is_the_site_s_to_give_where_it_gives_it() -> None:
    given = {"gateway": {"alice.password": "planted-by-the-site"}}
    for differing, refused in (([], ["GH-SECRET-GIVEN"]), (["gateway/alice.password"], [])):
        host = Door(differing)
        wished = wishes(**ALICE, services_secrets=given_secrets.shape(given))
        result = preflight.examine("gpu01", wished, host.look, {}, secrets=given, renewed={"gateway": ["alice.password"]})
        assert ids(result) == refused


JUPYTER = {"jupyter": {"token": "planted-by-the-site"}}


def test_a_token_that_the_gateway_shows_a_service_makes_both_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the gateway would go on showing the one before it, and nobody would get in."""
    as_sealed(monkeypatch)
    result = Door(["jupyter/token"], sealed=roles.ROLES).give(JUPYTER)
    assert list(result.due) == ["services", "gateway", "verify"]
    assert result.due["gateway"] == "the site gives other secrets: jupyter/token"
    assert Door().renew("jupyter", "token").due == {"services": "new secrets", "gateway": "new secrets"}


def test_a_secret_that_the_gateway_does_not_show_is_the_services_matter_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sealed(monkeypatch)
    given = {"anythingllm": {"JWT_SECRET": "planted-by-the-site"}}
    result = Door(["anythingllm/JWT_SECRET"], sealed=roles.ROLES).give(given)
    assert list(result.due) == ["services", "verify"]
    assert Door().renew("anythingllm", "JWT_SECRET").due == {"services": "new secrets"}
    # Behind no door, or not behind this one.
    for wished in ({"gateway_enabled": False}, {"gateway_services": ["ollama"]}):
        assert Door().renew("jupyter", "token", **wished).due == {"services": "new secrets"}
