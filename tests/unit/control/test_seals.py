"""A role runs when it must, and only then."""

from pathlib import Path
from typing import Any

import pytest

from control import roles, seals

PLAN: dict[str, Any] = {"roles": {role: {"wanted": role} for role in roles.ROLES}}
WISHES: dict[str, Any] = {name: value for role in roles.ROLES for name, value in roles.defaults(role).items()}


def sealed() -> dict[str, Any]:
    """Seals of a host where everything holds."""
    return {
        role: {
            "input": seals.role_input(role, WISHES, PLAN["roles"][role]),
            "items": {f"package:{role}": {"ok": True, "sealed": "1", "now": "1"}},
        }
        for role in roles.ROLES
    }


def test_a_bare_host_needs_every_role_in_order() -> None:
    assert tuple(seals.due(PLAN, {}, WISHES)) == roles.ROLES


def test_a_sealed_host_needs_nothing() -> None:
    assert seals.due(PLAN, sealed(), WISHES) == {}


def test_full_runs_everything_on_a_sealed_host() -> None:
    assert tuple(seals.due(PLAN, sealed(), WISHES, full=True)) == roles.ROLES


def test_whether_a_site_gives_secrets_is_asked_of_the_host_and_of_no_seal() -> None:
    wishes = {**WISHES, "services_secrets": {"jupyter": {"token": {"characters": 32, "plain": True}}}}
    assert seals.due(PLAN, sealed(), wishes) == {}
    why = {"services": "the site gives other secrets: jupyter/token"}
    assert seals.due(PLAN, sealed(), wishes, also=why) == {**why, "verify": "other roles ran"}


def test_a_changed_wish_concerns_its_own_role_and_the_proof() -> None:
    wishes = {**WISHES, "rocm_stream": "none"}
    assert seals.due(PLAN, sealed(), wishes) == {"rocm": "what is wanted changed", "verify": "other roles ran"}


def test_a_changed_plan_concerns_its_own_role_and_the_proof() -> None:
    plan = {"roles": {**PLAN["roles"], "pytorch": {"wanted": "another"}}}
    assert list(seals.due(plan, sealed(), WISHES)) == ["pytorch", "verify"]


def test_a_drifted_item_names_itself_as_the_reason() -> None:
    host = sealed()
    host["services"]["items"]["container:gpuhost-ollama"] = {"ok": False, "sealed": "a", "now": "b"}
    assert seals.due(PLAN, host, WISHES)["services"] == "drifted: container:gpuhost-ollama"
    assert seals.drifted(host) == [{"role": "services", "item": "container:gpuhost-ollama", "difference": "a → b"}]


@pytest.mark.parametrize("role", roles.ROLES)
def test_a_seal_that_cannot_be_read_counts_as_none(role: str) -> None:
    host = sealed()
    host[role] = {"error": "unreadable"}
    assert seals.due(PLAN, host, WISHES)[role] == "never sealed"


@pytest.mark.parametrize(
    ("variable", "several", "concerned"),
    [
        ("sources_ca_certificates", True, ["sources", "services", "gateway"]),
        ("sources_apt_key", False, ["sources", "services"]),
        ("sources_amd_key", False, ["amdgpu", "rocm"]),
    ],
)
def test_a_renewed_file_under_the_same_path_concerns_the_roles_that_hand_it_on(
    tmp_path: Path, variable: str, several: bool, concerned: list[str]
) -> None:
    file = tmp_path / "site.pem"
    file.write_text("old")
    wishes = {**WISHES, variable: [str(file)] if several else str(file)}
    before = {role: seals.role_input(role, wishes, {}) for role in roles.ROLES}
    file.write_text("new")
    assert [role for role in roles.ROLES if seals.role_input(role, wishes, {}) != before[role]] == concerned


@pytest.mark.parametrize("key", seals.PASSING)
def test_what_is_done_once_makes_a_role_due_and_leaves_no_change_behind(key: str) -> None:
    waiting = {"roles": {**PLAN["roles"], "amdgpu": {**PLAN["roles"]["amdgpu"], key: ["x"]}}}
    assert seals.due(waiting, sealed(), WISHES) == {
        "amdgpu": f"to be done: {key.replace('_', ' ')}",
        "verify": "other roles ran",
    }
    done = {"roles": {**PLAN["roles"], "amdgpu": {**PLAN["roles"]["amdgpu"], key: []}}}
    assert seals.due(done, sealed(), WISHES) == {}


def test_a_seal_that_only_root_may_read_says_nothing_about_its_role() -> None:
    host = sealed()
    host["rocm"] = {"input": "", "items": {}, "error": "for root alone", "needs_root": True}
    assert seals.due(PLAN, host, WISHES) == {"rocm": seals.UNSEEN, "verify": "other roles ran"}
