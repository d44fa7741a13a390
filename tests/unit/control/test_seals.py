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


def test_a_renewed_certificate_under_the_same_path_concerns_the_roles_that_hand_it_on(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.write_text("old")
    wishes = {**WISHES, "sources_ca_certificates": [str(certificate)]}
    before = {role: seals.role_input(role, wishes, {}) for role in roles.ROLES}
    certificate.write_text("new")
    changed = [role for role in roles.ROLES if seals.role_input(role, wishes, {}) != before[role]]
    assert changed == ["sources", "services"]


@pytest.mark.parametrize("key", seals.PASSING)
def test_what_is_done_once_makes_a_role_due_and_leaves_no_change_behind(key: str) -> None:
    waiting = {"roles": {**PLAN["roles"], "amdgpu": {**PLAN["roles"]["amdgpu"], key: ["x"]}}}
    assert seals.due(waiting, sealed(), WISHES) == {
        "amdgpu": f"to be done: {key.replace('_', ' ')}",
        "verify": "other roles ran",
    }
    done = {"roles": {**PLAN["roles"], "amdgpu": {**PLAN["roles"]["amdgpu"], key: []}}}
    assert seals.due(done, sealed(), WISHES) == {}
