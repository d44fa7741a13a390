"""What a module documents is what it takes."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
import yaml
from ansible.module_utils import basic

from control.paths import ROOT
from tests.unit.contract import repository

MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
every_module = pytest.mark.parametrize("path", MODULES, ids=repository.name)


class Constructed(Exception):  # noqa: N818  # not an error: it stops a module where its arguments are known
    """Carries what a module gave to AnsibleModule."""


def documents(path: Path) -> dict[str, Any]:
    """DOCUMENTATION, EXAMPLES and RETURN of a module, parsed."""
    texts = {
        target.id: str(node.value.value)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {name: yaml.safe_load(texts[name]) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN")}


def arguments(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The keyword arguments with which the module makes its AnsibleModule."""

    def stop(*positional: Any, **named: Any) -> None:
        assert not positional, f"{path.name} passes its argument_spec without naming it"
        raise Constructed(named)

    # Ansible finds `verify` and `onhost` there through `module_utils = .` in ansible.cfg.
    monkeypatch.setattr(ansible.module_utils, "__path__", [*ansible.module_utils.__path__, str(ROOT)])
    monkeypatch.setattr(basic, "AnsibleModule", stop)
    spec = importlib.util.spec_from_file_location(f"contract_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(Constructed) as caught:
        module.main()
    return dict(caught.value.args[0])


def as_specified(option: dict[str, Any]) -> dict[str, Any]:
    """A documented option as an argument spec says it."""
    wanted: dict[str, Any] = {
        key: option[key] for key in ("type", "elements", "default", "choices", "required") if key in option
    }
    if "suboptions" in option:
        wanted["options"] = {name: as_specified(each) for name, each in option["suboptions"].items()}
    return wanted


def comparable(option: dict[str, Any]) -> dict[str, Any]:
    """An argument spec's option without what documentation does not repeat."""
    kept = {key: value for key, value in option.items() if key not in ("no_log", "options")}
    if "options" in option:
        kept["options"] = {name: comparable(each) for name, each in option["options"].items()}
    return kept


def test_there_are_modules() -> None:
    assert "gpu_host_info" in [path.stem for path in MODULES]


def options_of_the_action(path: Path) -> set[str]:
    """What an action plugin in front of the module takes out of ``self._task.args``: users may write that too."""
    action = ROOT / "plugins" / "action" / path.name
    if not action.exists():
        return set()
    names = set()
    for node in ast.walk(ast.parse(action.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "self._task.args":
            key: ast.expr = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "self._task.args.get":
            key = node.args[0]
        else:
            continue
        if isinstance(key, ast.Constant):
            names.add(str(key.value))
    return names


@every_module
def test_documented_options_are_the_argument_spec(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = documents(path)["DOCUMENTATION"].get("options") or {}
    taken = arguments(path, monkeypatch).get("argument_spec") or {}
    assert {name: as_specified(option) for name, option in documented.items()} == {
        name: comparable(option) for name, option in taken.items()
    }


@every_module
def test_documentation_names_the_module_and_describes_everything(path: Path) -> None:
    documentation = documents(path)["DOCUMENTATION"]
    assert documentation["module"] == path.stem
    assert documentation["short_description"]
    assert documentation["description"]
    assert [name for name, option in (documentation.get("options") or {}).items() if not option.get("description")] == []


@every_module
def test_every_module_can_say_what_it_would_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert arguments(path, monkeypatch).get("supports_check_mode") is True


@every_module
def test_examples_call_the_module_with_options_that_it_has(path: Path) -> None:
    known = set(documents(path)["DOCUMENTATION"].get("options") or {}) | options_of_the_action(path)
    examples = documents(path)["EXAMPLES"]
    used = [task for task in examples if path.stem in task]
    assert used
    assert [option for task in used for option in task[path.stem] or {} if option not in known] == []


@every_module
def test_returned_values_are_described(path: Path) -> None:
    returned = documents(path)["RETURN"]
    assert returned
    for name, value in returned.items():
        assert value.get("description"), name
        assert value.get("returned"), name
        assert value.get("type"), name
