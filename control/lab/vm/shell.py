"""SSH to one virtual machine: one connection that all commands share, since a new one takes seconds under emulation."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from control.lab.errors import LabError

ADDRESS = "127.0.0.1"
KNOWN_HOSTS = "known_hosts"
_CONTROL = "ssh.sock"
#: The log-in itself, on a guest that has answered but is still busy with its start.
_LOGIN_S = 120
_GREETING_S = 10.0


@dataclass(frozen=True)
class Ran:
    """A script that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Root's shell on the machine whose folder this is. The folder's ``known_hosts`` pins the machine's key.

    :param folder: ssh runs in it: a socket's whole path may be too long.
    :param port: of 127.0.0.1.
    :param identity: a private key that root accepts.
    """

    folder: Path
    port: int
    identity: Path

    def wait(self, limit_s: float, alive: Callable[[], bool]) -> None:
        """The machine answers, and a connection to it is open. Raises LabError with the console's last lines.

        :param alive: whether to go on waiting: a machine that has ended will not answer.
        """
        self.close()
        deadline = time.monotonic() + limit_s
        why = "no answer"
        while alive() and time.monotonic() < deadline:
            # A greeting first: a server that is asked to log in again and again while it starts takes offence.
            if self._greets():
                done = self._ssh(["-f", "-N", "-M", "-S", _CONTROL], [], limit_s=_LOGIN_S + 30)
                if done.code == 0:
                    return
                why = done.err.strip() or f"ssh ended with {done.code}"
            time.sleep(0.5)
        state = "it is switched off" if not alive() else f"after {limit_s:.0f} s: {why}"
        raise LabError(
            f"{self.folder.name}: no SSH, {state}; its console ends with:\n{console_tail(self.folder)}",
            "the lab works on its virtual machines over SSH",
            f"see the whole of {self.folder / 'console.log'}",
        )

    def run(self, script: str, limit_s: float, user: str = "root") -> Ran:
        """The script has run with bash on the machine.

        :raises LabError: after ``limit_s``.
        """
        shared = ["-S", _CONTROL] if user == "root" else ["-S", "none"]
        return self._ssh([*shared, "-T"], ["bash", "-s"], script.encode(), limit_s, user)

    def send(self, archive: bytes) -> None:
        """The tar is unpacked at the machine's root. Raises LabError where it is not."""
        done = self._ssh(["-S", _CONTROL, "-T"], ["tar", "--extract", "--directory", "/", "--no-overwrite-dir"], archive, 60)
        if done.code:
            raise LabError(
                f"{self.folder.name}: files could not be put there: {done.err.strip()}",
                "they make the machine this host",
                "./gpuhost lab.down; ./gpuhost lab.up --vm",
            )

    def close(self) -> None:
        """No connection is left open."""
        if (self.folder / _CONTROL).exists():
            self._ssh(["-S", _CONTROL, "-O", "exit"], [], limit_s=10)
        (self.folder / _CONTROL).unlink(missing_ok=True)

    def command(self, user: str) -> list[str]:
        """The command that logs in from anywhere, without the shared connection."""
        return ["ssh", *self._options(self.folder / KNOWN_HOSTS), f"{user}@{ADDRESS}"]

    def _greets(self) -> bool:
        with suppress(OSError), socket.create_connection((ADDRESS, self.port), timeout=_GREETING_S) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def _options(self, known_hosts: Path) -> list[str]:
        options = [
            f'UserKnownHostsFile="{known_hosts}"', "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes",
            f"HostKeyAlias={self.folder.name}", "IdentitiesOnly=yes", "LogLevel=ERROR",
        ]  # fmt: skip
        return ["-F", "none", "-i", str(self.identity), "-p", str(self.port), *(w for one in options for w in ("-o", one))]

    def _ssh(self, first: list[str], command: list[str], stdin: bytes = b"", limit_s: float = 60, user: str = "root") -> Ran:
        # Long silences are normal where a guest's two processors share one of this machine's; but a connection of before
        # a reboot has to be given up by the time the machine is there again.
        patience = ["-o", f"ConnectTimeout={_LOGIN_S}", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=8"]
        words = ["ssh", *first, *self._options(Path(KNOWN_HOSTS)), *patience, "-o", "BatchMode=yes", f"{user}@{ADDRESS}"]
        try:
            done = subprocess.run(
                [*words, *command], input=stdin, capture_output=True, check=False, timeout=limit_s, cwd=self.folder
            )
        except subprocess.TimeoutExpired as problem:
            what = stdin[-200:].decode(errors="replace") or shlex.join(command)
            raise LabError(
                f"{self.folder.name}: not done after {limit_s:.0f} s: {what}",
                "a machine under software emulation is slow, but not that slow",
                f"see {self.folder / 'console.log'}",
            ) from problem
        return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def console_tail(folder: Path, lines: int = 8) -> str:
    """The last lines that the machine wrote to its console, indented."""
    path = folder / "console.log"
    said = path.read_text(errors="replace").splitlines()[-lines:] if path.is_file() else ["(nothing)"]
    return "\n".join(f"    {line}" for line in said)
