"""Command lines as people type them: ``services rotate gpu01 …`` is ``services.rotate --host=gpu01 …``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from invoke import Collection, Task

_WORDS = "gpuhost_words"
_FORM = re.compile(r"(?P<open>\[?)(?P<name>[a-z_]+)\]?(?P<many>(?:\.\.\.)?)")


class MissingWordsError(Exception):
    """A command without a word that it needs."""

    def __init__(self, command: str, missing: list[str]) -> None:
        super().__init__(f"{command} needs {' and '.join(missing)}")
        self.command = command


def takes(*words: str) -> Callable[[Task[Any]], Task[Any]]:
    """The command takes these words in this order, each as the option of the same name.

    :param words: ``host``, ``[name]`` (may be left out), ``models...`` (one or more; the option is an iterable one).
    """

    def mark(command: Task[Any]) -> Task[Any]:
        setattr(command, _WORDS, words)
        return command

    return mark


def usage(command: Task[Any]) -> list[str]:
    """The command's words for its help: ``HOST``, ``[NAME]``, ``MODELS...``."""
    return [word.upper() for word in getattr(command, _WORDS, ())]


def spelled_out(argv: Sequence[str], commands: Collection) -> list[str]:
    """The same command line as Invoke reads it.

    :raises MissingWordsError: where a word is missing that the command needs, and help is not what is asked for.
    """
    line = _with_dot(argv, commands)
    command = line and _command(line[0], commands)
    if not command or not getattr(command, _WORDS, ()):
        return line
    return [line[0], *_as_options(line, command)]


def _with_dot(argv: Sequence[str], commands: Collection) -> list[str]:
    """A command of a namespace that is written as two words, as one."""
    if len(argv) > 1 and argv[0] in commands.collections and not argv[1].startswith("-"):
        joined = f"{argv[0]}.{argv[1]}"
        # Where the first word is a command itself, the second may be a word for it.
        if _command(joined, commands) or not _command(argv[0], commands):
            return [joined, *argv[2:]]
    return list(argv)


def _command(name: str, commands: Collection) -> Task[Any] | None:
    try:
        return commands[name]
    except (KeyError, ValueError):  # ValueError: a namespace that is no command itself
        return None


def _as_options(line: Sequence[str], command: Task[Any]) -> Iterator[str]:
    slots = [match for match in map(_FORM.fullmatch, getattr(command, _WORDS)) if match]
    given: set[str] = set()
    waiting = list(slots)
    valued = _valued(command)
    rest = iter(line[1:])
    for word in rest:
        if word.startswith("-"):
            yield word
            given.add(word.lstrip("-").partition("=")[0].replace("-", "_"))
            if word in valued and (value := next(rest, None)) is not None:
                yield value
        elif waiting:
            slot = waiting[0] if waiting[0]["many"] else waiting.pop(0)
            given.add(slot["name"])
            yield f"--{slot['name'].replace('_', '-')}={word}"
        else:
            yield word
    missing = [slot["name"].upper() for slot in slots if not slot["open"] and slot["name"] not in given]
    if missing and not given & {"help", "h"}:
        raise MissingWordsError(line[0], missing)


def _valued(command: Task[Any]) -> set[str]:
    """Flags that a value comes after."""
    # Invoke takes the texts of the help out of the command while it reads the options.
    texts = dict(command.help)
    arguments = command.get_arguments()
    command.help = texts
    return {
        f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        for argument in arguments
        if argument.takes_value
        for name in argument.names
    }
