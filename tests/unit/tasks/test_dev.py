"""The developers' commands: what they run, and how they end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from invoke import Context, Exit

from control import environment, quality
from control.exitcodes import ExitCode
from control.lab import engine
from control.lab.errors import LabError
from control.tasks import dev
from tests.conftest import HostsTogether

UNIT = ["-m", "not lab and not vm and not gpu and not torch", "-q", "--numprocesses", "auto", "--dist", "loadfile"]

COMMANDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the unit tests on every core": ({}, UNIT),
    "the lab's tests come on top, one after the other": ({"include": ["lab"]}, ["-m", "not vm and not gpu and not torch"]),
    "beside the lab's": (
        {"include": ["lab"], "jobs": 2},
        ["-m", "not vm and not gpu and not torch", "--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"],
    ),
    "the unit tests on every core, whatever is asked": ({"jobs": 2}, UNIT),
    "virtual machines": ({"include": ["vm"]}, ["-m", "not lab and not gpu and not torch"]),
    "everything": ({"include": ["lab", "vm", "gpu", "torch"]}, ["-m", ""]),
    "an expression is one argument": ({"expression": "seal or plan"}, [*UNIT, "-k", "seal or plan"]),
    "durations": ({"include": ["lab"], "durations": True}, ["-m", "not vm and not gpu and not torch", "--durations", "25"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_tests_command(name: str) -> None:
    options, expected = COMMANDS[name]
    python = str(quality.BIN / "python")
    assert quality.pytest_command(**options) == [python, "-m", "pytest", *expected]


def test_the_tests_on_hosts_are_one_processs_and_the_others_go_by_file() -> None:
    scheduler = object.__new__(HostsTogether)
    on_hosts = ("tests/lab/test_1.py::test_a", "tests/lab/test_2.py::test_a[x::y]", "tests/vm/test_1.py::test_b")
    assert {scheduler._split_scope(one) for one in on_hosts} == {"hosts"}
    assert scheduler._split_scope("tests/unit/lab/test_1.py::test_a") == "tests/unit/lab/test_1.py"


class Replaced(BaseException):
    """This process would have become another program."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that a task becomes, without becoming them."""
    commands: list[list[str]] = []

    def execv(path: str, command: list[str]) -> None:
        assert path == command[0]
        commands.append(command)
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    monkeypatch.setattr(environment, "ready", lambda purpose: True)
    return commands


def test_test_becomes_pytest_so_that_exit_code_and_ctrl_c_are_pytests(started: list[list[str]]) -> None:
    with pytest.raises(Replaced):
        dev.run_tests(Context(), k="seal")
    assert started == [quality.pytest_command(expression="seal")]


def test_the_lab_gets_what_it_needs_before_its_tests(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(engine, "ensure", lambda: order.append(f"ensured before {len(started)}"))
    with pytest.raises(Replaced):
        dev.run_tests(Context(), lab=True)
    assert order == ["ensured before 0"]
    assert started == [quality.pytest_command(["lab"])]


def test_where_the_lab_cannot_be_the_one_command_is_said_and_no_test_runs(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise LabError("no Docker Engine", "the lab's hosts are containers", "sudo apt-get install docker.io")

    monkeypatch.setattr(engine, "ensure", fail)
    with pytest.raises(Exit, match=r"sudo apt-get install docker\.io") as ended:
        dev.run_tests(Context(), lab=True)
    assert ended.value.code == ExitCode.REFUSED
    assert started == []


def test_developers_tools_are_installed_on_demand(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []
    monkeypatch.setattr(environment, "ready", lambda purpose: False)
    monkeypatch.setattr(environment, "make", asked_for.append)
    with pytest.raises(Replaced):
        dev.run_tests(Context())
    assert asked_for == ["dev"]


def test_tools_that_cannot_be_installed_end_the_command_before_it_starts(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(purpose: str) -> None:
        raise environment.NotReadyError(environment.Trouble("no route", "why", "the next step"))

    monkeypatch.setattr(environment, "ready", lambda purpose: False)
    monkeypatch.setattr(environment, "make", fail)
    with pytest.raises(Exit, match="the next step") as ended:
        dev.lint(Context())
    assert ended.value.code == 14
    assert started == []


def linter(name: str, script: str) -> quality.Linter:
    return quality.Linter(name, ("/bin/sh", "-c", script))


def test_every_linter_runs_even_if_the_first_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = [linter("first", "echo 'line 3: wrong'; exit 1"), linter("second", "echo noise")]
    monkeypatch.setattr(quality, "linters", lambda: tools)
    monkeypatch.setattr(environment, "ready", lambda purpose: True)
    with pytest.raises(Exit, match="first failed") as ended:
        dev.lint(Context())
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "line 3: wrong" in out
    assert [line.split()[1] for line in out.splitlines() if line.endswith(" s")] == ["FAILED", "ok"]
    assert "noise" not in out


def test_every_tool_that_the_developers_requirements_name_for_linting_is_run() -> None:
    assert [tool.name for tool in quality.linters()] == [
        "ansible-lint",
        "mypy",
        "playbook syntax",
        "yamllint",
        "ruff",
        "shellcheck",
    ]


def test_shell_scripts_are_known_by_their_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "ROOT", tmp_path)
    texts = {
        "door": "#!/bin/sh\n",
        "run": "#!/usr/bin/env bash\n",
        "tool.py": "#!/usr/bin/env python3\n",
        "notes.sh.txt": "echo\n",
        "empty": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert quality.shell_scripts([tmp_path / name for name in texts]) == ["door", "run"]


def test_the_door_itself_is_linted() -> None:
    assert "gpuhost" in quality.shell_scripts(quality.own_files())
