"""The commands, as a newcomer meets them: in the list, in their help and in the README."""

from __future__ import annotations

import inspect
import re
import resource
import subprocess
import sys
from typing import Any

import pytest
from invoke import Task

import tasks
from control import program
from control.paths import ROOT

#: As `./gpuhost --list` has them.
COMMANDS: dict[str, Task[Any]] = {name: tasks.ns[name] for name, _ in program._lines(tasks.ns)}
#: Each command's options with their explanations. Read once: Invoke takes the texts out of a task when it reads them.
OPTIONS = {
    name: context.help_tuples() for context in tasks.ns.to_contexts() for name in (context.name, *context.aliases) if name
}
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: A terminal of 80 columns, less the longest name and the blanks around it.
WIDTH = 80 - max(map(len, COMMANDS)) - 6
#: What a run needs and a list does not.
HEAVY = ("ansible", "docker", "jinja2", "pydantic", "requests", "rich", "control.planner", "control.support")

every_command = pytest.mark.parametrize("name", COMMANDS)


def words(name: str) -> str:
    return inspect.getdoc(COMMANDS[name]) or ""


@every_command
def test_a_command_says_in_one_line_what_it_does(name: str) -> None:
    first, _, rest = words(name).partition("\n")
    assert first.endswith(".")
    assert len(first) <= WIDTH, f"{len(first) - WIDTH} characters too long for the list"
    assert not rest or rest.startswith("\n")


@every_command
def test_the_help_of_a_command_has_an_example(name: str) -> None:
    either = re.escape(name).replace(r"\.", "[. ]")
    assert re.search(rf"Examples?:\s+\./gpuhost {either}\b", words(name))


@every_command
def test_every_option_of_a_command_is_explained(name: str) -> None:
    assert [flags for flags, text in OPTIONS[name] if not text] == []


@every_command
def test_an_option_is_a_word_so_that_no_letter_means_two_things(name: str) -> None:
    letters = {flag for flags, _ in OPTIONS[name] for flag in flags.replace(",", " ").split() if not flag.startswith("--")}
    # pytest's own.
    assert {letter for letter in letters if letter.startswith("-")} <= {"-k"}


def _run(code: str) -> subprocess.CompletedProcess[str]:
    lines = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from control.program import main; {code}"
    return subprocess.run([sys.executable, "-I", "-c", lines], capture_output=True, text=True, check=True)


def test_the_readme_lists_the_commands_and_no_others() -> None:
    rows = re.findall(r"^\| `\./gpuhost ([a-z.]+)`", README, re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


def test_the_first_screen_names_commands_that_exist() -> None:
    from control.program import INTRO

    named = re.findall(r"\./gpuhost (\w+)", INTRO)
    assert named
    assert [name for name in named if name not in COMMANDS] == []


def test_listing_the_commands_imports_nothing_heavy() -> None:
    done = _run("main(['--list']); print('MODULES', *sys.modules)")
    modules = set(done.stdout.rpartition("MODULES")[2].split())
    assert "tasks" in modules
    assert sorted(modules & set(HEAVY)) == []


def test_listing_the_commands_takes_less_than_four_tenths_of_a_second() -> None:
    """In time on a processor, which a busy machine does not stretch; the lab test has the clock on the wall."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _run("main(['--list'])")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(2)) < 0.4
