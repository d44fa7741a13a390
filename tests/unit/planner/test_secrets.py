"""Secrets that a site gives, against the catalogue."""

from __future__ import annotations

import pytest

from control import given_secrets, support
from control.planner.secrets import of_service
from tests.unit.planner.conftest import Make, ids

NOBLE = "ubuntu-24.04-rx7900xtx"


def given(**services: dict[str, str]) -> dict[str, object]:
    return {"services_secrets": given_secrets.shape(services)}


def test_secrets_of_the_catalogue_are_taken(make: Make) -> None:
    fit = make(NOBLE, **given(jupyter={"token": "t+/=&" * 4}, anythingllm={"JWT_SECRET": "j" * 16, "SIG_KEY": "k" * 32}))
    assert ids(fit, "refuse") == []


@pytest.mark.parametrize(
    ("services", "finding", "seen"),
    [
        ({"jupiter": {"token": "t" * 20}}, "GH-INPUT-UNKNOWN-SECRET", "jupiter: there is"),
        ({"jupyter": {"tokn": "t" * 20}}, "GH-INPUT-UNKNOWN-SECRET", "services_secrets.jupyter.tokn: there is token"),
        ({"jupyter": {"token": "t" * 15}}, "GH-INPUT-SECRET", "services_secrets.jupyter.token has fewer than 16 characters"),
        ({"anythingllm": {"SIG_SALT": "s" * 31}}, "GH-INPUT-SECRET", "SIG_SALT has fewer than 32 characters"),
        ({"anythingllm": {"JWT_SECRET": "#" * 20}}, "GH-INPUT-SECRET", "AnythingLLM would cut it at"),
        ({"jupyter": {"token": "two words"}}, "GH-INPUT-SECRET", "services_secrets.jupyter.token holds a blank"),
        ({"jupyter": {"token": ""}}, "GH-INPUT-SECRET", "services_secrets.jupyter.token is empty"),
    ],
)
def test_what_cannot_be_used_is_refused(make: Make, services: dict[str, dict[str, str]], finding: str, seen: str) -> None:
    (found,) = [one for one in make(NOBLE, **given(**services)).findings if one.level == "refuse"]
    assert (found.id, seen in found.seen) == (finding, True), found.seen


def test_a_service_without_its_mapping_is_refused(make: Make) -> None:
    plan = make(NOBLE, services_secrets=given_secrets.shape({"jupyter": "planted-here"}))
    (found,) = [one for one in plan.findings if one.level == "refuse"]
    assert (found.id, found.seen) == ("GH-INPUT-SECRET", "services_secrets.jupyter is no mapping of names to values")


def test_every_secret_of_the_catalogue_has_128_bits_or_more_and_says_what_it_is_for() -> None:
    rows = [row for service in support.load().services() for row in of_service(service)]
    assert rows
    for row in rows:
        # Letters and digits: somewhat less than six bits each.
        assert row.length * 5.9 >= 128, row.name
        assert row.purpose
        assert row.at_least >= 16
