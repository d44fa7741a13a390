"""The command line of gpuhost: Invoke, with messages for people and gpuhost's exit codes."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from invoke import Collection, Exit, ParseError, Program, Task, UnexpectedExit

from control import words
from control.exitcodes import ExitCode
from control.paths import REPORTS_DIR, ROOT

INTRO = """\
gpuhost takes a machine with an AMD GPU from a bare operating system to an AI host that is proven to work.

  ./gpuhost try      see the whole job on a throw-away host: no GPU needed, nothing on this machine is set up
  ./gpuhost plan     what would be done to this machine, and why; changes nothing
  ./gpuhost up       do it
"""
OUTRO = "Options and examples of a command:  ./gpuhost COMMAND --help        More: README.md\n"


class GpuhostProgram(Program):
    """Invoke's program with the commands of ``tasks.py`` built in."""

    def parse_core(self, argv: list[str] | None) -> None:
        super().parse_core(argv)
        # Invoke switches bytecode off unless asked; that would make every start slower.
        sys.dont_write_bytecode = False

    def no_tasks_given(self) -> None:
        self.print_help()
        raise Exit

    def print_help(self) -> None:
        print(INTRO)
        self.list_flat()
        print(OUTRO, end="")

    def list_flat(self) -> None:
        """One line per command, in the order of ``tasks.py``: what a newcomer needs comes first."""
        print("Commands:\n")
        self.print_columns(list(_lines(self.scoped_collection)))

    def print_task_help(self, name: str) -> None:
        context = self.parser.contexts[name]
        options = [(flags, f"{text[:1].upper()}{text[1:]}") for flags, text in context.help_tuples()]
        names = [str(one.name).upper() for one in context.positional_args] or words.usage(self.collection[name])
        given = names or (["[options]"] if options else [])
        print(f"Usage: {' '.join([self.binary, name, *given])}\n")
        print(f"{inspect.getdoc(self.collection[name]) or ''}\n")
        if options:
            print("Options:\n")
            self.print_columns(options)


def main(argv: list[str]) -> int:
    """Run the command line ``argv`` and give its exit code; what goes wrong is said, never raised."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        print("\ngpuhost: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader went away, as in `./gpuhost --list | head -n 1`
        # What the interpreter flushes at its end must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("GPUHOST_DEBUG") == "1":
            raise
        return report_own_fault(error, argv)


def _run(argv: list[str]) -> int:
    import tasks

    program = GpuhostProgram(namespace=tasks.ns, name="gpuhost", binary="./gpuhost", binary_names=["gpuhost"])
    try:
        line = ["gpuhost", *_help_first(words.spelled_out(argv, tasks.ns))]
        program.create_config()
        program.parse_core(line)
        program.parse_collection()
        program.parse_tasks()
        program.parse_cleanup()
        program.update_config()
    except ParseError as error:
        print(usage_error(str(error), error.context.name if error.context else None, tasks.ns), file=sys.stderr)
        return ExitCode.BAD_INPUT
    except words.MissingWordsError as error:
        print(f"gpuhost: {error}\nHelp:  ./gpuhost {error.command} --help", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except ValueError as error:  # Invoke hands an option's text to int() as it is
        print(f"gpuhost: a number was expected: {error}\nHelp:  ./gpuhost COMMAND --help", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except Exit as done:  # --list and --help end so, and what Invoke refuses
        if done.message:
            print(f"gpuhost: {done.message}", file=sys.stderr)
        sys.stdout.flush()
        return ExitCode.BAD_INPUT if done.message else 0
    try:
        program.execute()
    except Exit as done:
        if done.message:
            print(done.message, file=sys.stderr)
        return int(done.code)
    finally:
        sys.stdout.flush()
    return 0


def _help_first(argv: list[str]) -> list[str]:
    """Help that is asked for behind a command, which Invoke would take for the name that some commands want."""
    return ["--help", argv[0]] if {"--help", "-h"} & set(argv[1:]) and not argv[0].startswith("-") else argv


def usage_error(message: str, command: str | None, commands: Collection) -> str:
    """What is wrong with a command line, and the nearest right word."""
    names = [name for name, _ in _lines(commands)]
    match = re.fullmatch(r"No idea what '(.*)' is!", message, re.DOTALL)
    if not match:
        message = re.sub(r"Flag <Argument: (\S+).*?> needed value and was not given one!", _needs_value, message)
        where = f" {command}" if command in names else ""
        return f"gpuhost: {message}\nHelp:  ./gpuhost{where} --help"
    word = match[1]
    if word.startswith("-") and command in names:
        kind, known = f"option of `{command}`", _options(commands[command])
        more = f"./gpuhost {command} --help"
    elif word.startswith("-"):
        kind, known, more = (
            "option of ./gpuhost itself; options stand after the command",
            [],
            "./gpuhost --list",
        )
    else:
        kind, known, more = "command", names, "./gpuhost --list"
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6) or _within(word, known)
    hint = f"Did you mean: {' or '.join(near)}?  " if near else ""
    return f"gpuhost: {word!r} is no {kind}.\n{hint}All of them:  {more}"


def _within(word: str, known: Iterable[str]) -> list[str]:
    """Commands of a namespace whose own name is near, as in `services secret`."""
    inner = {name.rpartition(".")[2]: name for name in known if "." in name}
    return [inner[one] for one in difflib.get_close_matches(word, inner, n=2, cutoff=0.6)]


def _needs_value(match: re.Match[str]) -> str:
    name = match[1]
    return f"-{name} needs a value" if len(name) == 1 else f"--{name} needs a value"


def _lines(commands: Collection, namespace: str = "") -> Iterator[tuple[str, str]]:
    """Every command with its first line; the one that a namespace's own name means stands under that name alone."""
    for name, task in commands.tasks.items():
        summary = (inspect.getdoc(task) or "").partition("\n")[0]
        own = namespace if name == commands.default else f"{namespace}.{commands.transform(name)}"
        yield own if namespace else commands.transform(name), summary
    for name, inner in commands.collections.items():
        yield from _lines(inner, f"{namespace}.{name}" if namespace else name)


def _options(task: Task[Any]) -> list[str]:
    return [flag for argument in task.get_arguments() for flag in _flags(argument.names)]


def _flags(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"


def report_own_fault(error: BaseException, argv: list[str]) -> int:
    """A fault of gpuhost's own: one block for the person, the traceback in a file. The exit code is 1."""
    where = traceback.extract_tb(error.__traceback__)
    frame = next((each for each in reversed(where) if each.filename.startswith(str(ROOT / "control"))), None)
    place = f"{Path(frame.filename).relative_to(ROOT)}:{frame.lineno}" if frame else "outside of control/"
    said = _one_line(error)
    print("\nGH-BUG  a fault of gpuhost itself, not of your machine or input", file=sys.stderr)
    for name, text in (
        ("what ", said),
        ("where", f"{place}, running: ./gpuhost {' '.join(argv)}"),
        ("fix  ", "please report it with the log below; GPUHOST_DEBUG=1 shows the traceback here"),
        ("state", "unknown where it stopped; running the same command again is safe"),
        ("log  ", write_traceback(error, argv)),
    ):
        print(f"  {name}  {text}", file=sys.stderr)
    return ExitCode.BUG


def _one_line(error: BaseException) -> str:
    if isinstance(error, UnexpectedExit):
        return f"a command failed with exit code {error.result.exited}: {error.result.command}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def write_traceback(error: BaseException, argv: list[str]) -> str:
    """The path of a new log with the traceback; where none can be written, the reason."""
    import time

    text = f"./gpuhost {' '.join(argv)}\nPython {sys.version}\n\n{''.join(traceback.format_exception(error))}"
    path = REPORTS_DIR / f"bug-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        return f"not written ({problem}); GPUHOST_DEBUG=1 shows it"
    return str(path)
