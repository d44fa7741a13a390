"""Steering QEMU: the conversation on its socket, with a server that says what QEMU says."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.lab.errors import LabError
from control.lab.vm import sockets
from control.lab.vm.qmp import Monitor

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": ["oob"]}}
EVENT = {"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 2}}
Serve = Callable[[dict[str, list[Any]]], Path]


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with answers by command, in order; None closes the connection. Its folder's path is long."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_PATH)
    listener.bind(f"/proc/self/fd/{descriptor}/{sockets.MONITOR}")
    os.close(descriptor)
    listener.listen()

    def serve(answers: dict[str, list[Any]]) -> Path:
        threading.Thread(target=_talk, args=(listener, answers), daemon=True).start()
        return folder

    yield serve
    listener.close()


def _talk(listener: socket.socket, answers: dict[str, list[Any]]) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as lines:

        def say(*what: Any) -> None:
            lines.writelines(json.dumps(one) + "\n" for one in what)
            lines.flush()

        say(GREETING)
        for line in lines:
            asked = json.loads(line)
            if asked["execute"] == "qmp_capabilities":
                say({"return": {}})
                continue
            answer = answers[asked["execute"]].pop(0)
            if answer is None:
                return
            say(EVENT, answer | ({"return": asked["arguments"]} if answer == {"echo": 1} else {}))


def test_events_between_question_and_answer_are_passed_over(qemu: Serve) -> None:
    with Monitor(qemu({"query-status": [{"return": {"status": "running"}}]})) as monitor:
        assert monitor.execute("query-status") == {"status": "running"}


def test_arguments_have_the_hyphens_that_qemu_s_names_have(qemu: Serve) -> None:
    with Monitor(qemu({"migrate-set-parameters": [{"echo": 1}]})) as monitor:
        assert monitor.execute("migrate-set-parameters", max_bandwidth=5) == {"max-bandwidth": 5}


def test_a_refusal_is_quoted(qemu: Serve) -> None:
    refused = {"error": {"class": "DeviceNotFound", "desc": "Device 'nic0' not found"}}
    with Monitor(qemu({"set_link": [refused]})) as monitor, pytest.raises(LabError, match="Device 'nic0' not found"):
        monitor.execute("set_link", name="nic0", up=False)


def test_a_qemu_that_ends_is_said_to_have_ended(qemu: Serve) -> None:
    with Monitor(qemu({"quit": [None]})) as monitor, pytest.raises(LabError, match="closed its socket"):
        monitor.execute("quit")


def test_where_no_qemu_listens_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not answer"), Monitor(tmp_path):
        pass


def test_a_migration_is_waited_for(qemu: Serve) -> None:
    states = [{"return": {"status": status}} for status in ("setup", "active", "completed")]
    with Monitor(qemu({"migrate": [{"return": {}}], "query-migrate": states})) as monitor:
        monitor.migrate("migrate", "exec:cat", 10)
    assert states == []


def test_a_failed_migration_names_its_reason(qemu: Serve) -> None:
    failed = {"return": {"status": "failed", "error-desc": "Unable to write to command: Broken pipe"}}
    answers: dict[str, list[Any]] = {"migrate": [{"return": {}}], "query-migrate": [failed]}
    with Monitor(qemu(answers)) as monitor, pytest.raises(LabError, match="Broken pipe"):
        monitor.migrate("migrate", "exec:cat", 10)
