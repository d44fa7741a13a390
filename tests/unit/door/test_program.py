"""What a person at the command line sees: help, near matches, exit codes, and a fault of our own without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Collection, Context, Exit, task

import tasks
from control import program


def commands() -> Collection:
    """New each time: Invoke takes the help texts out of a task when it first reads them."""

    @task(help={"site": "which inventory"})
    def up(c: Context, site: str = "", count: int = 1) -> None:
        """Set up hosts.

        Example:  ./gpuhost up --site lab
        """
        print(f"up {site} {count}")

    @task
    def refuse(c: Context) -> None:
        """Always refuses."""
        raise Exit("refused, and why", code=11)

    @task
    def broken(c: Context) -> None:
        """Always fails."""
        raise KeyError("a key that is not there")

    @task
    def interrupted(c: Context) -> None:
        """Always interrupted."""
        raise KeyboardInterrupt

    @task
    def failing_command(c: Context) -> None:
        """Runs a command that fails."""
        c.run("exit 42", hide=True, in_stream=False)

    @task(positional=["host"], help={"host": "name of a lab host"})
    def ssh(c: Context, host: str) -> None:
        """Log in."""
        print(f"ssh {host}")

    inner = Collection("lab")
    inner.add_task(up)
    inner.add_task(ssh)
    return Collection(up, refuse, broken, interrupted, failing_command, inner)


@pytest.fixture(autouse=True)
def gpuhost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tasks, "ns", commands())
    monkeypatch.setattr(program, "REPORTS_DIR", tmp_path / "reports")
    monkeypatch.delenv("GPUHOST_DEBUG", raising=False)


def test_a_command_runs_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["up", "--site", "my site", "--count", "3"]) == 0
    assert capsys.readouterr().out == "up my site 3\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_a_newcomer_is_told_what_it_is_and_where_to_begin(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == 0
    out = capsys.readouterr().out
    assert "./gpuhost try" in out
    assert "./gpuhost up" in out
    assert "Set up hosts." in out


def test_the_list_has_one_line_per_command_in_the_order_of_tasks_py(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--list"]) == 0
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:] if line.strip()]
    assert lines == ["up", "refuse", "broken", "interrupted", "failing-command", "lab.up", "lab.ssh"]


@pytest.mark.parametrize("arguments", [["lab.ssh", "--help"], ["--help", "lab.ssh"], ["lab.ssh", "1", "-h"]])
def test_help_of_a_command_that_takes_a_name_says_so_and_runs_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("Usage: ./gpuhost lab.ssh HOST\n")
    assert "Name of a lab host" in said


def test_a_value_that_reads_help_is_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["up", "--site=--help"]) == 0
    assert capsys.readouterr().out == "up --help 1\n"


def test_help_of_a_command_shows_its_examples_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["up", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: ./gpuhost up [options]" in out
    assert "Example:  ./gpuhost up --site lab" in out
    assert "Which inventory" in out


WRONG = {
    "a misspelt command": (["upp"], "'upp' is no command.\nDid you mean: up?", "./gpuhost --list"),
    "nothing near": (["quux"], "'quux' is no command.\nAll of them", "./gpuhost --list"),
    "a misspelt option": (["up", "--sit", "lab"], "'--sit' is no option of `up`.\nDid you mean: --site", "up --help"),
    "a command in a namespace": (["lab.pu"], "Did you mean: lab.up", "./gpuhost --list"),
    "an option before the command": (["--site", "lab", "up"], "options stand after the command", "--list"),
    "an option without its value": (["up", "--site"], "--site needs a value", "./gpuhost up --help"),
    "a word for a number": (["up", "--count", "many"], "a number was expected", "many"),
    "help for what is not there": (["--help", "quux"], "'quux' is no command", "--list"),
    "a list of what is not there": (["--list", "quux"], "quux", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_line_ends_with_10_and_says_what_is_near(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message, more = WRONG[name]
    assert program.main(arguments) == 10
    out, err = capsys.readouterr()
    assert message in err
    assert more in err
    assert "Traceback" not in out + err


def test_a_commands_own_exit_code_and_message_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["refuse"]) == 11
    assert capsys.readouterr().err == "refused, and why\n"


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["interrupted"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_our_own_is_one_block_with_the_traceback_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["broken"]) == 1
    err = capsys.readouterr().err
    assert "GH-BUG" in err
    assert "KeyError: 'a key that is not there'" in err
    assert "Traceback" not in err
    log = Path(err.rpartition("log    ")[2].strip())
    assert "Traceback" in log.read_text()
    assert "broken" in log.read_text()


def test_a_command_that_fails_unexpectedly_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["failing-command"]) == 1
    assert "exit code 42: exit 42" in capsys.readouterr().err


def test_where_no_log_can_be_written_the_fault_is_reported_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(program, "REPORTS_DIR", tmp_path / "file")
    assert program.main(["broken"]) == 1
    assert "not written" in capsys.readouterr().err


def test_debug_shows_the_traceback_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUHOST_DEBUG", "1")
    with pytest.raises(KeyError):
        program.main(["broken"])
