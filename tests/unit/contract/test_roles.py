"""Every role is built alike, and says the same thing wherever it says it twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from control import roles
from control.paths import ROLES_DIR
from tests.unit.contract import repository
from tests.unit.contract.repository import EVERY_ROLE

TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "path": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "list": list,
    "dict": dict,
}
#: Where a task puts values that stay: they must not meet those of another role.
KEEPS = ("register", "loop_var", "index_var")


def task_files() -> list[Path]:
    return [path for role in EVERY_ROLE for path in repository.task_files(role)]


every_role = pytest.mark.parametrize("role", EVERY_ROLE)
every_acting_role = pytest.mark.parametrize("role", roles.ROLES)
every_task_file = pytest.mark.parametrize("path", task_files(), ids=repository.name)


def test_the_folders_are_the_roles_that_run() -> None:
    assert sorted(path.name for path in ROLES_DIR.iterdir() if path.is_dir()) == sorted(EVERY_ROLE)


@every_role
def test_a_role_has_its_files(role: str) -> None:
    wanted = ["defaults/main.yml", "meta/argument_specs.yml", "tasks/main.yml"]
    if role != roles.PREFLIGHT:
        wanted += ["meta/footprint.yml", "tasks/remove.yml"]
    assert [path for path in wanted if not (ROLES_DIR / role / path).is_file()] == []


@pytest.mark.parametrize(("driver", "left"), [("none", True), ("inbox", False), ("dkms", False)])
def test_a_driver_that_is_left_alone_keeps_its_packages(driver: str, left: bool) -> None:
    def read(path: str) -> Any:
        return DataLoader().load_from_file(str(ROLES_DIR / "amdgpu" / path), trusted_as_template=True)

    [taken] = [task["gpuhost_removed"] for task in read("tasks/main.yml") if "gpuhost_removed" in task]
    variables = {"gpuhost_plan": {"roles": {"amdgpu": {"driver": driver}}}, **read("vars/main.yml")}
    kinds = Templar(loader=DataLoader(), variables=variables).template(taken["leave"])
    # Of what dkms built, and of its sources, nothing may go either: they are patterns of the footprint.
    owned = {entry["kind"] for entry in read("meta/footprint.yml")}
    assert set(kinds) == (owned - {"file"} if left else set())


@every_role
def test_spec_and_defaults_name_the_same_variables_with_the_same_values(role: str) -> None:
    specified = {name: option.get("default") for name, option in roles.specification(role).items()}
    assert specified == roles.defaults(role)


@every_role
def test_a_default_has_the_type_that_the_spec_demands(role: str) -> None:
    wrong = {
        name: option.get("default")
        for name, option in roles.specification(role).items()
        if not isinstance(option.get("default"), TYPES[option.get("type", "str")])
        or (option.get("choices") and option["default"] not in option["choices"])
    }
    assert wrong == {}


@every_role
def test_public_variables_carry_the_roles_name(role: str) -> None:
    assert [name for name in roles.specification(role) if not name.startswith(f"{role}_")] == []


@every_role
def test_a_default_is_explained_above_it_in_the_words_of_the_spec(role: str) -> None:
    explained = comments(ROLES_DIR / role / "defaults" / "main.yml")
    specified = {name: plain(option["description"]) for name, option in roles.specification(role).items()}
    assert explained == specified


def comments(path: Path) -> dict[str, str]:
    """Each top-level key of a YAML file with the comment right above it."""
    found, above = {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            above.append(line.removeprefix("#"))
        elif match := re.match(r"(\w+):", line):
            found[match[1]] = plain(" ".join(above))
            above = []
        elif not line.strip():
            above = []
    return found


def plain(text: Any) -> str:
    joined = " ".join(text) if isinstance(text, list) else str(text)
    return " ".join(joined.split())


@every_role
def test_private_variables_carry_two_underscores_and_the_roles_name(role: str) -> None:
    kept: set[str] = set()
    for path in repository.task_files(role):
        for task in repository.tasks_of(path):
            kept |= {task[key] for key in KEEPS if key in task}
            kept |= {task["loop_control"][key] for key in KEEPS if key in task.get("loop_control", {})}
            handed_on = task.get("ansible.builtin.include_role")
            if handed_on:  # what a task file of another role is told carries that role's name
                assert all(name.startswith(f"__{handed_on['name']}_") for name in task.get("vars") or {}), task["name"]
            else:
                kept |= set(task.get("vars") or {})
            kept |= set(task.get("ansible.builtin.set_fact") or {})
    for path in (ROLES_DIR / role / "vars").glob("*.yml"):
        kept |= set(repository.load(path) or {})
    # Preflight leaves what it found to the roles: docs/architecture.md, "One run".
    allowed = (f"__{role}_", "gpuhost_") if role == roles.PREFLIGHT else f"__{role}_"
    assert sorted(name for name in kept - {"cacheable"} if not name.startswith(allowed)) == []


@every_task_file
def test_every_task_says_what_it_does(path: Path) -> None:
    tasks = list(repository.tasks_of(path))
    prefix = "" if path.name == "main.yml" else f"{path.stem} | "
    wrong = [
        task.get("name", task) for task in tasks if not re.match(prefix.replace("|", r"\|") + "[A-Z]", str(task.get("name")))
    ]
    assert wrong == [], f"task names begin with {prefix!r} and a capital"
    assert [task["name"] for task in tasks if task["name"].endswith(".")] == []


@every_task_file
def test_no_task_hides_a_failure_or_takes_whatever_is_newest(path: Path) -> None:
    for task in repository.tasks_of(path):
        assert "ignore_errors" not in task, task["name"]
        assert task.get("failed_when") is not False, task["name"]
        arguments = [value for value in task.values() if isinstance(value, dict)]
        assert not any(each.get("state") == "latest" for each in arguments), task["name"]
        assert "|| true" not in str(task), task["name"]


@every_task_file
def test_a_task_file_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 110


@every_acting_role
def test_a_role_ends_with_its_own_seal(role: str) -> None:
    last = repository.load(ROLES_DIR / role / "tasks" / "main.yml")[-1]
    assert last.get("gpuhost_seal", {}).get("role") == role
    assert "when" not in last


def test_what_was_there_before_is_noted_before_the_first_role() -> None:
    (work,) = repository.load(ROLES_DIR.parent / "playbooks" / "site.yml")[-1]["tasks"]
    assert "gpuhost_baseline" in work["block"][0]


@every_acting_role
def test_a_footprint_lists_things_of_known_kinds_with_their_fields(role: str) -> None:
    required = {
        "package": {"name"},
        "file": {"path", "content"},
        "directory": {"path", "data"},
        "tree": {"path"},
        "venv": {"path"},
        "unit": {"name"},
        "user": {"name"},
        "member": {"user", "group"},
        "container": {"name"},
        "image": {"name"},
        "network": {"name"},
        "kernel_module": {"name"},
        "dkms": {"module", "kernel"},
        "model": {"name", "folder"},
        "settings": {"name", "url", "container", "env_file", "wanted"},
        "nft_table": {"family", "name"},
        "glob": {"path"},
    }
    items = repository.load(ROLES_DIR / role / "meta" / "footprint.yml")
    assert items
    for item in items:
        assert item.get("kind") in required, item
        assert required[item["kind"]] <= set(item), item
        assert set(item) <= required[item["kind"]] | {"kind", "each", "items", "data", "content", "preset"}, item
