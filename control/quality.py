"""How gpuhost itself is checked: the command lines of its tests and linters, and running the linters."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from control.paths import COMMON_INVENTORY, PLAYBOOKS_DIR, ROOT

BIN = ROOT / ".venv" / "bin"
#: Tests that need more than this repository; `pyproject.toml` declares them and leaves them out by default.
MARKERS = ("lab", "vm", "gpu", "torch")


def pytest_command(
    include: Iterable[str] = (),
    expression: str = "",
    durations: bool = False,
    paths: Sequence[str] = (),
    jobs: int = 1,
) -> list[str]:
    """The command that runs the unit tests and those with a marker in ``include``.

    Unit tests alone run on every core. Tests of the lab share hosts and run one after the other; with ``jobs`` the others
    run beside them, in as many processes less one.
    """
    left_out = [marker for marker in MARKERS if marker not in set(include)]
    command = [
        str(BIN / "python"),
        "-m",
        "pytest",
        "-m",
        " and ".join(f"not {marker}" for marker in left_out),
    ]
    if len(left_out) == len(MARKERS):
        command += ["-q", "--numprocesses", "auto", "--dist", "loadfile"]
    elif jobs > 1:
        # In the order in which they are found: the tests on hosts take the longest, and are among the first.
        command += ["--numprocesses", str(jobs), "--dist", "loadfile", "--no-loadscope-reorder"]
    if expression:
        command += ["-k", expression]
    if durations:
        command += ["--durations", "25"]
    return [*command, *paths]


@dataclass(frozen=True)
class Linter:
    """A tool that looks at the whole repository; exit code 0 means that it has nothing to say."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What a linter said. ``output`` is empty where it is content."""

    name: str
    passed: bool
    seconds: float
    output: str

    def line(self) -> str:
        """Such as ``ruff            ok      0.3 s``."""
        return f"{self.name:15} {'ok' if self.passed else 'FAILED':7} {self.seconds:5.1f} s"


def linters() -> list[Linter]:
    """Every linter that the repository must pass, the slowest first."""

    def tool(name: str, *arguments: str) -> Linter:
        return Linter(name, (str(BIN / name), *arguments))

    playbooks = [str(path.relative_to(ROOT)) for path in sorted(PLAYBOOKS_DIR.glob("*.yml"))]
    return [
        tool("ansible-lint", "--offline", "--profile", "production", "--nocolor", "-q"),
        tool("mypy"),
        Linter("playbook syntax", (str(BIN / "ansible-playbook"), "--syntax-check", *playbooks)),
        tool("yamllint", "--strict", "."),
        tool("ruff", "check", "--quiet", "."),
        tool("shellcheck", *shell_scripts(own_files())),
    ]


def own_files() -> list[Path]:
    """The repository's files, sorted: everything that `.gitignore` lets through. Needs neither git nor a clone."""
    from pathspec import GitIgnoreSpec

    made_here = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if name != ".git" and not made_here.match_file(f"{here / name}/")]
        # A file of that name is in a worktree what the folder is in a clone.
        found += [ROOT / here / name for name in names if name != ".git" and not made_here.match_file(here / name)]
    return sorted(path for path in found if path.is_file())


def shell_scripts(paths: Iterable[Path]) -> list[str]:
    """Those of ``paths`` that a POSIX shell or bash runs, relative to the repository."""
    return [str(path.relative_to(ROOT)) for path in paths if _is_shell(path)]


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.split()[-1].rpartition(b"/")[2] in {b"sh", b"bash", b"dash"}


def lint(tools: Sequence[Linter]) -> Iterable[Verdict]:
    """Run every linter, as many at once as there are cores; the verdicts come in this order."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from pool.map(_run, tools)


def _run(linter: Linter) -> Verdict:
    started = time.monotonic()
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_COLOR": "1",
        # ansible.cfg makes a run without an inventory an error, and ansible-lint checks the syntax without one.
        "ANSIBLE_INVENTORY": str(COMMON_INVENTORY),
    }
    done = subprocess.run(
        linter.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = done.returncode == 0
    return Verdict(linter.name, passed, time.monotonic() - started, "" if passed else done.stdout.strip())
