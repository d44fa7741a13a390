"""Secrets of the gateway's users, and those of services that it shows in their place: which roles they concern."""

from __future__ import annotations

from typing import Any

import pytest

from control import given_secrets, preflight
from tests.unit.control.test_preflight import Sealed, ids
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
