"""Which roles a playbook runs on a host, and in which order, judged by the conditions as Ansible reads them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from control import roles
from control.paths import ROOT
from tests.unit.contract import repository


def runs(playbook: str, due: list[str], gateway: bool = True) -> list[str]:
    """The roles that the playbook runs on a host on which these are due."""
    work = repository.load(ROOT / "playbooks" / f"{playbook}.yml")[-1]["tasks"][-1]["block"]
    variables = {"gpuhost_due": due, "gpuhost_plan": {"roles": {"gateway": {"enabled": gateway}}}}
    imported = [task for task in work if "ansible.builtin.import_role" in task]
    return [task["ansible.builtin.import_role"]["name"] for task in imported if holds(task.get("when", []), variables)]


def holds(when: Any, variables: dict[str, Any]) -> bool:
    conditions = when if isinstance(when, list) else [when]
    templar = Templar(loader=DataLoader(), variables=variables)
    return all(templar.evaluate_conditional(trust_as_template(one)) for one in conditions)


@pytest.mark.parametrize("due", [["services"], ["gateway"], ["services", "gateway"]])
def test_new_secrets_run_the_roles_that_they_concern_and_no_other(due: list[str]) -> None:
    """A new password of a user is no occasion to bring the services to what the inventory says by now."""
    assert runs("rotate", due) == due


@pytest.mark.parametrize("role", roles.ROLES)
@pytest.mark.parametrize("gateway", [True, False])
def test_a_role_that_is_due_runs_once_and_no_other(role: str, gateway: bool) -> None:
    assert runs("site", [role], gateway) == [role]


def test_a_door_that_is_wanted_no_more_is_closed_before_anything_that_may_fail() -> None:
    """Else a service that does not start would leave the port open; and its network would be held by the proxy."""
    assert runs("site", list(roles.ROLES), gateway=False)[:3] == ["sources", "container_engine", "gateway"]


def test_all_roles_run_in_their_order_and_a_door_that_is_wanted_opens_once_the_services_run() -> None:
    assert runs("site", list(roles.ROLES), gateway=True) == list(roles.ROLES)
