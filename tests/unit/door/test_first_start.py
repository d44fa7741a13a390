"""First and later starts of a copy of the door, with a real Python, a real pip and a package of our own.

The copy runs a stand-in for ``control/program.py`` that prints what it was given. The tests of this module share
one environment and run in the order of the file, since making one takes seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.paths import ROOT

DOOR = (
    "gpuhost",
    "control/__init__.py",
    "control/door.py",
    "control/environment.py",
    "control/pip_output.py",
)
PROGRAM = """
import json, os, sys
from importlib.metadata import version
def main(argv):
    print(json.dumps({"argv": argv, "cwd": os.getcwd(), "typed_in": os.environ["GPUHOST_CWD"],
                      "probe": version("gpuhost-probe"), "python": sys.executable}))
    return 0
"""


class Copy:
    """A copy of the door in a folder with spaces, whose requirements pin one package of our own."""

    def __init__(self, folder: Path) -> None:
        self.elsewhere = folder / "somewhere else"
        self.wheels = folder / "wheels"
        self.root = folder / "a place with spaces"
        (self.root / "control").mkdir(parents=True)
        self.elsewhere.mkdir()
        self.wheels.mkdir()
        for name in (*DOOR, "control/exitcodes.py"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "control/program.py").write_text(PROGRAM)
        (self.root / "requirements-dev.txt").write_text("-r requirements.txt\n")
        self.pin("1.0")

    def pin(self, version: str, offered: bool = True) -> None:
        (self.root / "requirements.txt").write_text(f"gpuhost-probe=={version}\n")
        if offered:
            wheel(self.wheels, version)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def complete(self) -> bool:
        return (self.venv / "gpuhost-run.stamp").exists()

    def count_as_once_complete(self) -> None:
        """Spare a test the making: the next start only lets pip bring the environment up to date."""
        python = (self.venv / "bin" / "python").resolve()
        (self.venv / "gpuhost-run.stamp").write_text(f"{self.root}\n{python}\nother pins\n")

    def open(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start it in another folder. pip sees only our package; ``environment`` overrides."""
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        path = f"{Path(sys.executable).resolve().parent}:{os.defpath}"
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        return subprocess.Popen(
            [str(self.root / "gpuhost"), *arguments],
            cwd=self.elsewhere,
            env={"PATH": path, **kept, **pip, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that somebody started in the background ignore Ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def start(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.open(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


def wheel(folder: Path, version: str) -> None:
    name = f"gpuhost_probe-{version}"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as archive:
        info = f"{name}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: gpuhost-probe\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("door"))


@pytest.fixture
def silent_index() -> Iterator[tuple[str, threading.Event]]:
    """The URL of a package index that takes connections and never answers, and the sign that one came."""
    came, over = threading.Event(), threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    held: list[socket.socket] = []

    def serve() -> None:
        while not over.is_set():
            try:
                held.append(server.accept()[0])
                came.set()
            except TimeoutError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/simple", came
    over.set()
    thread.join()
    for each in (*held, server):
        each.close()


def test_two_first_starts_at_once_make_one_environment_and_both_run(copy: Copy) -> None:
    both = [copy.open("plan", "--host", f"gpu 0{number}") for number in (1, 2)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in both]

    assert [code for _, code in ended] == [0, 0]
    seen = [json.loads(out) for (out, _), _ in ended]
    assert [each["argv"] for each in seen] == [["plan", "--host", "gpu 01"], ["plan", "--host", "gpu 02"]]
    assert [each["probe"] for each in seen] == ["1.0", "1.0"]
    messages = "".join(err for (_, err), _ in ended)
    assert messages.count("Making the Python environment in .venv …") == 1
    # Said again every 15 s, for one who waits on a slow machine.
    assert messages.count("another start is preparing .venv; waiting for it (0 s)") == 1


def test_a_later_start_is_silent_and_needs_no_network(copy: Copy) -> None:
    code, out, err = copy.start("status", PIP_NO_INDEX="0", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert (code, err) == (0, "")
    assert json.loads(out)["python"] == str(copy.venv / "bin" / "python")


def test_the_command_runs_in_the_repository_and_knows_where_it_was_typed(copy: Copy) -> None:
    _, out, _ = copy.start("plan")
    seen = json.loads(out)
    assert (seen["cwd"], seen["typed_in"]) == (str(copy.root), str(copy.elsewhere))


def test_a_pythonpath_of_the_user_changes_nothing(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    code, _, err = copy.start("plan", PYTHONPATH=str(tmp_path), PYTHONHOME=str(tmp_path))
    assert (code, err) == (0, "")


def test_changed_requirements_are_installed_into_the_environment_that_is_there(copy: Copy) -> None:
    mark = copy.venv / "still the same folder"
    mark.touch()
    copy.pin("1.1")
    code, out, err = copy.start("plan")
    assert (code, json.loads(out)["probe"]) == (0, "1.1"), err
    assert mark.exists()


def test_ctrl_c_leaves_no_environment_that_counts_as_complete(copy: Copy, silent_index: tuple[str, threading.Event]) -> None:
    url, came = silent_index
    copy.pin("1.2", offered=False)
    process = copy.open(PIP_NO_INDEX="0", PIP_INDEX_URL=url)
    assert came.wait(60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; the next start makes the environment again" in err
    assert "Traceback" not in err
    assert not copy.complete()


def test_a_start_killed_in_the_middle_of_pip_is_repaired_by_the_next(
    copy: Copy, silent_index: tuple[str, threading.Event]
) -> None:
    url, came = silent_index
    copy.count_as_once_complete()
    copy.pin("1.3", offered=False)
    process = copy.open(PIP_NO_INDEX="0", PIP_INDEX_URL=url)
    assert came.wait(60)
    orphan = _only_child(process.pid)
    process.kill()
    process.communicate()
    assert not copy.complete()

    copy.pin("1.4")
    following = copy.open("plan")
    assert _first_line(following).startswith("gpuhost: another start is preparing .venv")  # pip outlived its parent
    os.kill(orphan, signal.SIGKILL)
    out, err = following.communicate(timeout=120)
    assert (following.returncode, json.loads(out)["probe"]) == (0, "1.4"), err


def test_an_index_that_cannot_be_reached_is_named_with_the_way_on(copy: Copy) -> None:
    copy.pin("1.5", offered=False)
    unreachable = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    code, out, err = copy.start("plan", **unreachable)
    assert (code, out) == (14, "")
    assert "127.0.0.1:9: the connection was refused" in err
    assert "pip config list" in err
    assert str(copy.root / ".venv.log") in err
    assert "Traceback" not in err
    assert not copy.complete()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def _only_child(parent: int) -> int:
    """The one process that ``parent`` started, from /proc; the door's shell has turned into Python by exec."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if len(children) == 1:
            return int(children[0])
        time.sleep(0.05)
    raise AssertionError(f"process {parent} has no single child")
