"""Runs the tests that go through a function against each of its mutants, in a process that the first failure ends."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from control.paths import ROOT
from tests.mutation import reach
from tests.mutation.operators import Mutant, mutants

TESTS = ("tests/unit/checks", "tests/unit/compute/test_probe.py", "tests/unit/compute/test_levels.py")
#: A mutant that runs longer than this has been noticed: by nobody's patience.
SECONDS = 120
#: The tests that go through most functions say least about each; the others are tried first.
OPTIONS = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly", "-W", "ignore")


@dataclass(frozen=True)
class Tried:
    """A mutant, and whether a test noticed it. ``tests`` is how many went through its function."""

    module: str
    mutant: Mutant
    noticed: bool
    tests: int

    @property
    def name(self) -> str:
        return f"{reach.path_of(self.module)}:{self.mutant.line} {self.mutant.function}: {self.mutant.what}"


class Follower:
    """A plugin of pytest that notes which functions of the checks each test goes through."""

    def __init__(self) -> None:
        self.tests: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.known: dict[CodeType, tuple[str, str] | None] = {}
        self.current = ""
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.current = item.nodeid
        threading.setprofile(self.follow)
        sys.setprofile(self.follow)
        try:
            return (yield)  # type: ignore[return-value]  # what pytest's hook gives
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]  # None ends it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def follow(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self.known:
            module = str(frame.f_globals.get("__name__", ""))
            self.known[code] = (module.rpartition(".")[2], code.co_name) if module.startswith("verify.checks.") else None
        function = self.known[code]
        if function:
            self.tests[function].add(self.current)


def follow() -> dict[tuple[str, str], list[str]]:
    """(module, function) -> the tests that go through it, those first that go through the fewest. Raises where one fails."""
    follower = Follower()
    reader, writer = os.pipe()
    # In a process of its own: what is imported there must not be here, where mutants begin.
    child = os.fork()
    if child == 0:
        os.close(reader)
        _silence()
        code = pytest.main([*OPTIONS, *TESTS], plugins=[follower])
        lines = [f"{module}\t{function}\t{test}" for (module, function), tests in follower.tests.items() for test in tests]
        with os.fdopen(writer, "w") as stream:
            failed = follower.failed or ([] if code == 0 else ["?"])
            stream.write("\n".join([*(f"failed\t\t{one}" for one in failed), *lines]))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        rows = [line.split("\t") for line in stream.read().splitlines()]
    os.waitpid(child, 0)
    if failed := [test for module, _, test in rows if module == "failed"]:
        raise RuntimeError(f"without any change these fail already: {', '.join(failed)}")
    through: dict[str, int] = defaultdict(int)
    for _, _, test in rows:
        through[test] += 1
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module, function, test in sorted(rows, key=lambda row: through[row[2]]):
        found[module, function].append(test)
    return found


def chosen(names: Iterable[str], sample: int = 0, seed: int = 0) -> list[tuple[str, Mutant]]:
    """Every mutant of these modules, or ``sample`` of them, the same for the same ``seed``."""
    import random

    found = [(name, one) for name in names for one in mutants(reach.source(name), reach.reached(name))]
    return sorted(random.Random(seed).sample(found, min(sample, len(found))), key=_place) if sample else found


def _place(row: tuple[str, Mutant]) -> tuple[str, int]:
    return row[0], row[1].line


def run(rows: Sequence[tuple[str, Mutant]], jobs: int) -> Iterator[Tried]:
    """Each mutant tried, in order."""
    followed = follow()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(lambda row: _tried(row[0], row[1], followed.get((row[0], row[1].function), [])), rows)


def _tried(module: str, mutant: Mutant, tests: list[str]) -> Tried:
    return Tried(module, mutant, bool(tests) and noticed(f"verify.checks.{module}", mutant.source, tests), len(tests))


def noticed(module: str, source: str, tests: Sequence[str]) -> bool:
    """Whether a test fails once ``source`` is the module's text, or they come to no end."""
    child = os.fork()
    if child == 0:
        _silence()
        os.setpgid(0, 0)
        signal.alarm(SECONDS)
        sys.meta_path.insert(0, Changed(module, source))
        # Half a second a time: most mutants are noticed by the first tests that meet them.
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    _, status = os.waitpid(child, 0)
    return not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0)


def _silence() -> None:
    """Nothing of the tests' own words; no bytecode of what never was."""
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module by another text."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, f"<changed {self.name}>", "exec"), module.__dict__)
