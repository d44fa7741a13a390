"""The Python environment of the control node: ``.venv``, made from the pinned requirements.

Runs before anything is installed, so it uses the standard library alone. An environment counts only when its
stamp, written last, names this folder, this Python and these requirements.
Without the right stamp it is made again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from control.pip_output import Progress, Trouble, trouble

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / ".venv.lock"
LOG = ROOT / ".venv.log"

#: What a set of requirements is for -> the files that pin it. The first is what gets installed.
REQUIREMENTS = {
    "run": ("requirements.txt",),
    "dev": ("requirements-dev.txt", "requirements.txt", "docker/login/requirements.txt"),
}
#: Left uncompiled: modules that travel to targets as text, and collections of which a run touches few files.
NOT_COMPILED = r"ansible_collections|ansible_test|ansible/modules|site-packages/(pip|setuptools)/"


class NotReadyError(Exception):
    """The environment could not be made. ``trouble`` says what was seen and what to do."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.seen)
        self.trouble = trouble


def ready(purpose: str = "run") -> bool:
    """Whether ``.venv`` holds exactly what the requirements for ``purpose`` pin."""
    try:
        return _stamp(purpose).read_text(encoding="utf-8") == stamp_text(purpose, _python_in_venv())
    except OSError:
        return False


def inside() -> bool:
    """Whether this process runs on the environment's own Python."""
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def stamp_text(purpose: str, python: str) -> str:
    """What a complete environment's stamp says: its place (scripts hold the path), its Python, its pins."""
    pins = [(ROOT / name).read_text(encoding="utf-8") for name in REQUIREMENTS[purpose]]
    return "\n".join([str(ROOT), python, *pins])


def make(purpose: str = "run") -> None:
    """Afterwards :func:`ready` holds. Waits for another start that is at it.

    :raises NotReadyError: nothing but ``.venv`` was touched; the next start begins again
    """
    with _locked():
        if ready(purpose):
            return
        complete = _can_be_updated()
        for each in REQUIREMENTS:
            _stamp(each).unlink(missing_ok=True)
        if not complete:
            _create()
        _install(purpose)
        _compile()
        for each in ("run", purpose):
            _stamp(each).write_text(stamp_text(each, _python_in_venv()), encoding="utf-8")


def _can_be_updated() -> bool:
    """Whether ``.venv`` was complete once, here and with a Python that still exists: then pip is enough."""
    try:
        place, python = _stamp("run").read_text(encoding="utf-8").split("\n")[:2]
    except (OSError, ValueError):
        return False
    return place == str(ROOT) and python == _python_in_venv() and os.access(PYTHON, os.X_OK)


def _stamp(purpose: str) -> Path:
    return VENV / f"gpuhost-{purpose}.stamp"


def _python_in_venv() -> str:
    """The interpreter behind ``.venv/bin/python``; another file where the system's Python was exchanged."""
    return os.path.realpath(PYTHON)


def _create() -> None:
    if VENV.exists() or VENV.is_symlink():
        _say("The environment in .venv is incomplete or from another place; making it again.")
        _discard(VENV)
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    # From another interpreter's venv, `base` still is the real one: an environment never depends on another.
    _run([base, "-I", "-m", "venv", str(VENV)], "Making the Python environment in .venv", Progress(total=0))


def _discard(folder: Path) -> None:
    """Out of the way at once, then deleted: a half-deleted environment is never taken for a whole one."""
    if folder.is_symlink():
        folder.unlink()
        return
    aside = folder.with_name(f"{folder.name}.old.{os.getpid()}")
    folder.rename(aside)
    shutil.rmtree(aside)


def _install(purpose: str) -> None:
    name = REQUIREMENTS[purpose][0]
    pins = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "==" in line]
    options = ["--no-input", "--no-user", "--no-compile", "--progress-bar=off", "--disable-pip-version-check"]
    command = [str(PYTHON), "-I", "-m", "pip", "install", *options, "-r", name]
    _run(command, f"Installing what {name} pins", Progress(total=len(pins), requirements=name))


def _compile() -> None:
    """Bytecode for what every start imports, so that no start pays for it (and none needs to write here)."""
    command = [str(PYTHON), "-I", "-m", "compileall", "-q", "-j", "0", "-x", NOT_COMPILED, str(VENV / "lib")]
    _run(command, "Compiling", Progress(total=0))


def _run(command: list[str], title: str, progress: Progress) -> None:
    """Run ``command`` with its output in the log and its progress on the terminal.

    :raises NotReadyError: it did not succeed
    """
    started = time.monotonic()
    with LOG.open("ab") as log:
        log.write(f"\n# {time.strftime('%Y-%m-%dT%H:%M:%S%z')} {' '.join(command)}\n".encode())
        start_of_output = log.tell()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=_held_locks,
        )
        assert process.stdout is not None  # asked for above
        try:
            _follow(process.stdout, log, title, progress)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.wait() != 0:
        output = LOG.read_bytes()[start_of_output:].decode("utf-8", "replace")
        raise NotReadyError(trouble(title, output))
    _say(f"{title}: done in {time.monotonic() - started:.0f} s")


#: File descriptors of held locks. A child keeps them open: an orphan of a killed start still excludes others.
_held_locks: list[int] = []


def _follow(output: IO[bytes], log: IO[bytes], title: str, progress: Progress) -> None:
    """Copy ``output`` to the log until it ends, showing where things stand."""
    import select

    on_terminal = sys.stderr.isatty()
    step = 1.0 if on_terminal else 15.0
    started = shown = time.monotonic()
    _show(f"{title} …", on_terminal)
    while True:
        if select.select([output], [], [], 0.25)[0]:
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                break
            log.write(chunk)
            log.flush()
            progress.feed(chunk.decode("utf-8", "replace"))
        if time.monotonic() - shown >= step:
            shown = time.monotonic()
            _show(f"{title}: {progress.text()}{shown - started:.0f} s", on_terminal)
    if on_terminal:
        sys.stderr.write("\r\x1b[K")


def _show(line: str, on_terminal: bool) -> None:
    if on_terminal:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{f'gpuhost: {line}'[:width]}")
        sys.stderr.flush()
    else:
        _say(line)


@contextmanager
def _locked() -> Iterator[None]:
    """One start at a time works on the environment; the kernel frees the lock when its holders are gone."""
    import fcntl

    descriptor = _open_lock()
    try:
        waited = 0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited % 60 == 0:
                    _say(f"another start is preparing .venv; waiting for it ({waited // 4} s)")
                waited += 1
                time.sleep(0.25)
        _held_locks.append(descriptor)
        with _terminable():
            yield
    finally:
        with suppress(ValueError):
            _held_locks.remove(descriptor)
        os.close(descriptor)


def _open_lock() -> int:
    try:
        return os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise NotReadyError(
            Trouble(
                seen=f"{ROOT} cannot be written: {error.strerror}",
                why="The Python environment is made in the folder .venv beside ./gpuhost.",
                next=f"Run it once as the owner of {ROOT}, or clone the repository where you may write.",
            )
        ) from error


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the work like Ctrl-C does: with the child gone and without a stamp."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(line: str) -> None:
    print(f"gpuhost: {line}", file=sys.stderr, flush=True)
