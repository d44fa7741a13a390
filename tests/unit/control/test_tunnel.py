"""Forwards: which port here leads where, what ssh is told, and what is said when it ends."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from control import tunnel
from control.monitor.program import Way
from control.tunnel import Forward, Tunnel, planned

WANTED = [("gpu01", "jupyter", "127.0.0.1", 8888), ("gpu02", "jupyter", "127.0.0.1", 8888)]

#: In the place of ssh: says what it was told, listens where `-L` says, and ends when asked.
SSH = """
import socket, sys, time
open(sys.argv[1], "w").write(chr(10).join(sys.argv[2:]))
ports = [int(sys.argv[n + 1].split(":")[1]) for n, word in enumerate(sys.argv) if word == "-L"]
lines = [socket.create_server(("127.0.0.1", port)) for port in ports]
time.sleep(60)
"""


def test_each_service_has_the_same_port_here_where_it_can() -> None:
    assert [one.local_port for one in planned(WANTED, lambda port: True)] == [8888, 8889]


def test_a_port_that_is_taken_here_becomes_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        taken = line.getsockname()[1]
        (forward,) = planned([("gpu01", "x", "127.0.0.1", taken)])
        assert forward.local_port > taken
        assert forward.remote_port == taken


def test_where_no_port_is_free_that_is_said() -> None:
    with pytest.raises(OSError, match="jupyter of gpu01"):
        planned(WANTED, lambda port: False)


def test_a_port_that_only_root_may_have_is_another_one_here() -> None:
    (forward,) = planned([("gpu01", "x", "127.0.0.1", 443)], lambda port: True)
    assert forward.local_port >= 1024


def test_ssh_goes_as_ansible_would_and_runs_nothing_there() -> None:
    way = Way("gpu01", ("ssh", "-T", "-o", "BatchMode=yes", "-p", "2222", "admin@gpu01"))
    words = tunnel.command(way, planned(WANTED[:1], lambda port: True))
    assert words[:6] == ["ssh", "-T", "-o", "BatchMode=yes", "-p", "2222"]
    assert words[6:] == ["-N", "-o", "ExitOnForwardFailure=yes", "-L", "127.0.0.1:8888:127.0.0.1:8888", "admin@gpu01"]


def test_it_listens_for_this_machine_alone() -> None:
    assert Forward("gpu01", "x", 8888, "::1", 8888).option == "127.0.0.1:8888:[::1]:8888"


def test_it_is_open_once_every_port_listens_and_gone_when_closed(tmp_path: Path) -> None:
    program = tmp_path / "ssh.py"
    program.write_text(SSH)
    way = Way("gpu01", (sys.executable, str(program), str(tmp_path / "said"), "gpu01"))
    one = Tunnel(way, planned([("gpu01", "a", "127.0.0.1", 28888), ("gpu01", "b", "127.0.0.1", 28999)]))
    one.open()
    assert one.wait_ready(30) == ""
    assert all(not tunnel.can_listen(forward.local_port) for forward in one.forwards)
    one.close()
    assert one.ended() is not None
    assert all(tunnel.can_listen(forward.local_port) for forward in one.forwards)
    assert (tmp_path / "said").read_text().splitlines()[-1] == "gpu01"


def test_an_ssh_that_ends_says_why() -> None:
    code = "import sys; sys.exit('Permission denied (publickey).')"
    one = Tunnel(Way("gpu01", (sys.executable, "-c", code, "gpu01")), planned(WANTED[:1]))
    one.open()
    assert one.wait_ready(30) == "Permission denied (publickey)."


def test_one_that_never_listens_is_given_up() -> None:
    one = Tunnel(Way("gpu01", (sys.executable, "-c", "import time; time.sleep(60)", "gpu01")), planned(WANTED[:1]))
    one.open()
    assert "nothing listens on port" in one.wait_ready(0.5)
    assert one.ended() is not None
