"""What can be otherwise inside a container than its settings say; the rows are run by test_sentences.py."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify.checks import inside
from verify.checks.context import Context
from verify.engine import EngineError

Seen = dict[str, Any]


def within(**changes: Any) -> Change:
    return lambda seen: seen["containers"]["gpuhost-ollama"]["inside"].update(changes)


def node(state: str, number: str | None, host: str | None = "234:0") -> Change:
    return within(nodes={healthy.KFD: {"state": state, "inside": number, "host": host}})


def opened(error: str) -> Change:
    return within(opens={healthy.KFD: error, healthy.RENDER: "ok"})


ROWS: list[Row] = [
    (
        "containers",
        within(lacking={"jupyter-lab (17)": [44, 109]}),
        "containers.ollama.process_groups",
        "(jupyter-lab (17) lacks 44, 109): they have changed their user",
        "docker top gpuhost-ollama",
    ),
    ("containers", node("absent", None), "containers.ollama.nodes", "/dev/kfd is not there, on the host 234:0", "restart"),
    ("containers", node("other", "511:0"), "containers.ollama.nodes", "/dev/kfd is 511:0, on the host 234:0", "restart"),
    ("containers", node("other", "511:0", None), "containers.ollama.nodes", "is 511:0, on the host nothing", "restart"),
    *(
        ("containers", opened(error), "containers.ollama.opens", f"cannot open /dev/kfd ({error}): {words}", step)
        for error, words, step in [
            ("EACCES", "the file's owner, group and mode do not let this user in", "ls -ln /dev/kfd"),
            ("EPERM", "the container was started without permission to use that device", "planned devices"),
            ("ENXIO", "there is no driver behind the node", "modprobe"),
            ("EINVAL", "the driver has the node but no usable GPU", "dmesg"),
            ("EBUSY", "another process holds the device alone", "fuser -v /dev/kfd"),
            ("no answer", "no answer", "ls -l /dev/kfd"),
        ]
    ),
    ("containers", within(opens={healthy.KFD: "ok"}), "containers.ollama.opens", "renderD128 (no answer)", "ls -ln"),
]

UNKNOWN: list[Unknown] = [
    ("containers", within(processes=0), "containers.ollama.process_groups", "cannot be seen from here"),
    ("containers", node("closed", None), "containers.ollama.nodes", "only root can look into a container"),
    ("containers", within(opens={"error": "no shell"}), "containers.ollama.opens", "it could not be tried inside: no shell"),
    ("containers", within(simulated=True), "containers.ollama.opens", "simulated: there is no driver behind the node"),
]


def process(root: Path, pid: int, name: str, groups: str, state: str = "S (sleeping)", gid: int = 1000) -> None:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True)
    lines = {"Name": name, "State": state, "Gid": f"{gid}\t{gid}\t{gid}\t{gid}", "Groups": groups}
    (folder / "status").write_text("".join(f"{key}:\t{value}\n" for key, value in lines.items()))


def test_every_process_of_the_container_counts_and_the_dead_do_not(tmp_path: Path) -> None:
    process(tmp_path, 100, "tini", "44 109 ")
    process(tmp_path, 101, "jupyter-lab", "100 ")
    process(tmp_path, 102, "sh", "", state="Z (zombie)")
    (tmp_path / "proc/100/cgroup").write_text("0::/system.slice/docker-ab.scope\n")
    group = tmp_path / "sys/fs/cgroup/system.slice/docker-ab.scope"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("100\n101\n102\n")
    found = inside.processes(tmp_path, 100)
    assert found == {"tini (100)": {44, 109, 1000}, "jupyter-lab (101)": {100, 1000}}


@pytest.mark.parametrize("text", ["", "12:devices:/docker/ab\n", "0::/\n"])
def test_where_the_control_group_cannot_be_told_the_first_process_stands_for_all(text: str, tmp_path: Path) -> None:
    process(tmp_path, 100, "ollama", "44 109 ", gid=109)
    (tmp_path / "proc/100/cgroup").write_text(text)
    assert inside.processes(tmp_path, 100) == {"ollama (100)": {44, 109}}


def test_what_is_gone_has_no_processes(tmp_path: Path) -> None:
    assert inside.processes(tmp_path, 100) == {}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host with the null device as its GPU, and a container whose root is beside it."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").symlink_to("/dev/null")
    (tmp_path / "proc/7/root/dev").mkdir(parents=True)
    return tmp_path


INSIDE = [("/dev/null", "same"), ("/dev/zero", "other"), (None, "absent"), ("/etc/passwd", "other")]


@pytest.mark.parametrize(("to", "state"), INSIDE)
def test_a_device_inside_is_compared_by_its_numbers(to: str | None, state: str, root: Path) -> None:
    if to:
        (root / "proc/7/root/dev/kfd").symlink_to(to)
    found = inside.node(root, 7, "/dev/kfd")
    assert found["state"] == state
    assert found["host"] == "1:3"
    assert found["inside"] == {"/dev/null": "1:3", "/dev/zero": "1:5", None: None, "/etc/passwd": "no device"}[to]


def test_a_container_that_may_not_be_looked_into_is_closed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.stat

    def stat(self: Path, **options: Any) -> os.stat_result:
        if "proc/7/root" in str(self):
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert inside.node(root, 7, "/dev/kfd") == {"state": "closed", "inside": None, "host": "1:3"}


def test_the_script_s_answers_are_read() -> None:
    out = (
        "/dev/kfd|ok\n/dev/dri/renderD128|sh: 1: cannot open /dev/dri/renderD128: Permission denied\n"
        "/dev/a|sh: line 3: /dev/a: Operation not permitted\n/dev/b|sh: can't open /dev/b: No such device or address\n"
        "/dev/c|No such file or directory\n/dev/d|\n/dev/e|sh: /dev/e: something new\nnoise\n"
    )
    assert inside.read(out) == {
        "/dev/kfd": "ok",
        "/dev/dri/renderD128": "EACCES",
        "/dev/a": "EPERM",
        "/dev/b": "ENXIO",
        "/dev/c": "ENOENT",
        "/dev/d": "no answer",
        "/dev/e": "sh: /dev/e: something new",
    }


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_itself_tells_what_opens_and_makes_nothing(shell: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    paths = ["/dev/null", str(missing), str(tmp_path)]
    done = subprocess.run([shell, "-c", inside.TRY, "sh", *paths], capture_output=True, text=True, check=False)
    found = inside.read(done.stdout)
    assert (found["/dev/null"], found[str(missing)]) == ("ok", "ENOENT")
    assert "irectory" in found[str(tmp_path)]
    assert not missing.exists()


class Engine:
    """Gives one answer to whatever is run in a container."""

    def __init__(self, answer: tuple[int, str, str] | EngineError) -> None:
        self.answer = answer

    def exec(self, name: str, argv: list[str], timeout: float) -> tuple[int, str, str]:
        if isinstance(self.answer, EngineError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((0, "/dev/kfd|ok\n", ""), {"/dev/kfd": "ok"}),
        ((127, "", 'exec: "sh": executable file not found'), {"error": 'exec: "sh": executable file not found'}),
        ((126, "", ""), {"error": "the image has no shell to try it with"}),
        (EngineError(409, "container is paused"), {"error": "container is paused"}),
    ],
)
def test_opening_is_tried_inside(answer: Any, found: dict[str, str]) -> None:
    ctx = Context(healthy.expected(), engine=Engine(answer))  # type: ignore[arg-type]  # it answers what is asked here
    assert inside.opens("gpuhost-ollama", ["/dev/kfd"], ctx) == found


RUNNING = {"State": {"Running": True, "Pid": 7}}


def test_only_a_running_container_with_planned_devices_is_looked_into(root: Path) -> None:
    ctx = Context(healthy.expected(), engine=Engine((0, "/dev/kfd|ok\n", "")), root=root)  # type: ignore[arg-type]  # as above
    ctx.__dict__["snapshot"] = {}
    row = {"container": "gpuhost-ollama", "devices": ["/dev/kfd"], "groups": ["44", "109"]}
    assert inside.look({**row, "devices": []}, RUNNING, ctx) is None
    assert inside.look(row, {"State": {"Running": False, "Pid": 0}}, ctx) is None
    process(root, 8, "other", "")
    (root / "proc/7/status").write_text("Name:\tollama\nGid:\t1000\nGroups:\t44 \n")
    assert inside.look(row, RUNNING, ctx) == {
        "processes": 1,
        "lacking": {"ollama (7)": [109]},
        "nodes": {"/dev/kfd": {"state": "absent", "inside": None, "host": "1:3"}},
        "opens": {"/dev/kfd": "ok"},
        "simulated": False,
    }
