"""What a site may write, and what stops the run."""

from typing import Any

import pytest

from control import roles, wishes


def test_every_default_passes_its_own_check() -> None:
    values = {name: value for role in (roles.PREFLIGHT, *roles.ROLES) for name, value in roles.defaults(role).items()}
    assert wishes.problems(values, "defaults") == []
    assert len(values) == len(roles.variables()) > 20


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("services_enabled", "ollama", "must be list"),
        ("services_ports", ["11435"], "must be dict"),
        ("preflight_cpu_only", "yes", "must be bool"),
        ("container_engine_log_max_files", True, "must be int"),
        ("container_engine_log_max_files", "3", "must be int"),
        ("rocm_stream", "newest", "must be one of auto, distro, classic, core, none"),
        ("gpu_access_users", ["alice", 7], "has an element that is the number 7"),
        ("sources_apt_url", None, "must be str"),
    ],
)
def test_a_wrong_type_or_choice_is_told_with_what_it_must_be(name: str, value: Any, said: str) -> None:
    (problem,) = wishes.problems({name: value}, "site.yml")
    assert problem.kind == "type"
    assert said in problem.seen


def test_a_misspelt_variable_is_told_with_the_nearest_name() -> None:
    (problem,) = wishes.problems({"servces_enabled": []}, "site.yml")
    assert (problem.kind, problem.near) == ("unknown", "services_enabled")


def test_an_unknown_variable_with_a_roles_prefix_is_told_even_if_nothing_is_near() -> None:
    (problem,) = wishes.problems({"rocm_qqqqqqqqqqqqqq": 1}, "site.yml")
    assert problem.kind == "unknown"


@pytest.mark.parametrize("name", ["ansible_host", "_helper", "rack_number"])
def test_a_sites_own_variables_are_let_be(name: str) -> None:
    assert wishes.problems({name: 1}, "site.yml") == []


def test_a_template_is_judged_only_when_it_is_rendered() -> None:
    assert wishes.problems({"services_enabled": "{{ mine }}"}, "site.yml") == []
