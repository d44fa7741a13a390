"""The program on its way to a host, and the connection that is kept up. Hosts are processes of this machine."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from control.monitor import link, program
from control.monitor.link import Event, Link
from control.monitor.program import Way
from control.paths import ROOT

SCHEMA = json.loads((ROOT / "verify/schema/live-1.json").read_text(encoding="utf-8"))
#: More than any of these takes on a machine that is busy with others.
PATIENCE_S = 20.0


def here(**changed: object) -> Way:
    way = {"host": "gpu01", "python": sys.executable, **changed}
    return Way(**way)  # type: ignore[arg-type] # a table of its fields


def pretended(tmp_path: Path, text: str) -> Way:
    """A way whose ``ssh`` is a script: what it is given last is the command for the host's shell."""
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    script.chmod(0o755)
    return here(prefix=(str(script), "-T", "gpu01"))


class Watch:
    """A link whose events can be waited for."""

    def __init__(self, way: Way, once: bool = False, program_text: bytes | None = None, password: str | None = None) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        text = program.text(["--once"] if once else ["--interval", "0.1"]) if program_text is None else program_text
        self.link = Link(way, text, self.events.put, interval=0.1, once=once, password=password)
        self.link.start()

    def until(self, kind: str) -> Event:
        """The next event of a kind; those before it are dropped."""
        end = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.get(timeout=max(0.1, end - time.monotonic()))
            if event[1] == kind:
                return event


@pytest.fixture
def watch() -> Iterator[list[Watch]]:
    opened: list[Watch] = []
    yield opened
    for one in opened:
        one.link.stop()
    for one in opened:
        one.link.join(timeout=PATIENCE_S)
        assert not one.link.is_alive()


# -- the program


def run_loader(data: bytes, *argv: str) -> subprocess.CompletedProcess[bytes]:
    """What the bare Python of a host does: isolated, without site packages, in a folder that has nothing of ours."""
    command = [sys.executable, "-I", "-S", "-c", program.LOADER, *argv]
    return subprocess.run(command, input=data, capture_output=True, cwd="/", timeout=PATIENCE_S, check=False)


def test_the_program_runs_on_a_bare_python_and_prints_what_the_schema_says() -> None:
    done = run_loader(program.text(["--once"]))
    assert done.stderr == b""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(done.stdout))


def test_everything_that_the_program_imports_goes_with_it_and_nothing_more() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import verify.monitor, verify.engine;"
        "print(*sorted(n for n in sys.modules if n.split('.')[0] == 'verify'))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code, str(ROOT)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(program.MODULES)


def test_a_line_that_sudo_did_not_want_is_passed_over() -> None:
    assert json.loads(run_loader(b"secret\n" + program.text(["--once"])).stdout)["schema"] == 1


def test_a_connection_that_closes_before_the_program_came_ends_quietly() -> None:
    done = run_loader(b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_stream_ends_when_its_input_closes() -> None:
    begun = time.monotonic()
    done = run_loader(program.text(["--interval", "30"]))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert time.monotonic() - begun < PATIENCE_S


def test_the_stream_ends_when_nobody_reads() -> None:
    command = [sys.executable, "-I", "-S", "-c", program.LOADER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(program.text(["--interval", "0.1"]))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["sequence"] == 1
        process.stdout.close()
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("way", "password", "inner"),
    [
        (here(), False, "exec {run}"),
        (here(sudo=True), False, "if sudo -n true 2>/dev/null; then exec sudo -n -- {run}; else exec {run}; fi"),
        (here(sudo=True), True, "exec sudo -k -S -p '' -- {run}"),
        (here(sudo=False), True, "exec {run}"),
    ],
)
def test_root_is_had_where_it_can_be(way: Way, password: bool, inner: str) -> None:
    import shlex

    run = shlex.join([way.python, "-I", "-S", "-c", program.LOADER])
    wanted = ["/bin/sh", "-c", inner.format(run=run)]
    assert program.command(way, password) == wanted
    remote = program.command(here(prefix=("ssh", "-T", "gpu01"), sudo=way.sudo), password)
    assert remote[:3] == ["ssh", "-T", "gpu01"]
    assert shlex.split(remote[3]) == wanted


def test_without_sudo_the_program_runs_as_whoever_logged_in(tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n", encoding="utf-8")
    sudo.chmod(0o755)
    done = subprocess.run(
        program.command(here(sudo=True)),
        input=program.text(["--once"]),
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert json.loads(done.stdout)["schema"] == 1
    assert done.stderr == b""


# -- the connection


def test_figures_come_again_and_again_over_one_connection(watch: list[Watch], tmp_path: Path) -> None:
    watch.append(Watch(pretended(tmp_path, f'echo x >> {tmp_path}/started; for last; do :; done; exec sh -c "exec $last"')))
    assert [watch[0].until("sample")[2]["sequence"] for _ in range(3)] == [1, 2, 3]
    assert (tmp_path / "started").read_text() == "x\n"


def test_a_host_that_went_away_is_back_when_it_returns(watch: list[Watch], tmp_path: Path) -> None:
    down = tmp_path / "down"
    refused = f'[ -e {down} ] && {{ echo "ssh: connect to host gpu01 port 22: No route to host" >&2; exit 255; }}'
    way = pretended(tmp_path, f'{refused}\necho $$ > {tmp_path}/pid; for last; do :; done; exec sh -c "exec $last"')
    watch.append(Watch(way))
    watch[0].until("sample")
    down.touch()
    os.kill(int((tmp_path / "pid").read_text()), 9)
    assert watch[0].until("lost")[2] == "the connection ended with exit status -9"
    assert watch[0].until("lost")[2] == "ssh: connect to host gpu01 port 22: No route to host"
    down.unlink()
    assert watch[0].until("sample")[2]["sequence"] == 1


def test_a_connection_that_says_nothing_any_more_is_taken_for_dead(
    watch: list[Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SILENT_S", 0.5)
    watch.append(Watch(pretended(tmp_path, "echo '{\"schema\": 1}'; exec cat >/dev/null")))
    watch[0].until("sample")
    assert watch[0].until("lost")[2] == "nothing came for 0.7 s"
    assert watch[0].until("connects")


def test_what_a_login_shell_prints_is_no_line_of_ours_and_is_the_reason_where_nothing_else_comes(
    watch: list[Watch], tmp_path: Path
) -> None:
    greeting = 'echo "Welcome"; echo "[1, 2]"; for last; do :; done; exec sh -c "exec $last"'
    watch.append(Watch(pretended(tmp_path, greeting)))
    assert watch[0].until("sample")[2]["sequence"] == 1
    watch.append(Watch(pretended(tmp_path, 'echo "This account is not available."; exit 1'), once=True))
    assert watch[1].until("lost")[2] == "This account is not available."


def test_once_ends_with_the_first_line_or_the_first_reason(watch: list[Watch], tmp_path: Path) -> None:
    watch.append(Watch(here(), once=True))
    assert watch[0].until("sample")[2]["sequence"] == 2
    watch.append(Watch(pretended(tmp_path, "echo 'Permission denied (publickey).' >&2; exit 255"), once=True))
    assert watch[1].until("lost")[2] == "Permission denied (publickey)."
    for one in watch:
        one.link.join(timeout=PATIENCE_S)
        assert not one.link.is_alive()
        assert one.events.empty()


def test_a_way_that_is_none_is_said_and_not_tried(watch: list[Watch]) -> None:
    watch.append(Watch(here(problem="ansible_connection is docker")))
    assert watch[0].until("lost")[2] == "ansible_connection is docker"
    watch[0].link.join(timeout=PATIENCE_S)
    assert not watch[0].link.is_alive()


def test_a_program_that_is_not_there_is_a_reason(watch: list[Watch]) -> None:
    watch.append(Watch(here(prefix=("/nowhere/ssh", "gpu01")), once=True))
    assert watch[0].until("lost")[2] == "/nowhere/ssh: No such file or directory"


def test_the_password_goes_over_standard_input_and_not_into_the_command(watch: list[Watch], tmp_path: Path) -> None:
    way = pretended(tmp_path, f'echo "$@" > {tmp_path}/argv; head -n 1 > {tmp_path}/first; exit 1')
    watch.append(Watch(Way("gpu01", way.prefix, sys.executable, sudo=True), once=True, password="hunter2"))
    watch[0].until("lost")
    assert (tmp_path / "first").read_text() == "hunter2\n"
    assert "hunter2" not in (tmp_path / "argv").read_text()


def test_a_stopped_link_leaves_no_process(tmp_path: Path) -> None:
    one = Watch(pretended(tmp_path, f'echo $$ > {tmp_path}/pid; for last; do :; done; exec sh -c "exec $last"'))
    one.until("sample")
    one.link.stop()
    one.link.join(timeout=PATIENCE_S)
    assert not one.link.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
