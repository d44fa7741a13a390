"""The Docker Engine that the lab needs of this machine: found, or installed and started after saying so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import docker
from docker.errors import DockerException

from control.lab import names
from control.lab.errors import LabError
from control.lab.images import Say, say_plainly

_PID_FILE = names.LAB_DIR / "dockerd.pid"
_LOG_FILE = names.LAB_DIR / "dockerd.log"
#: Kept by `down` while the engine that they belong to may run.
OWN_FILES = (_PID_FILE.name, _LOG_FILE.name)
_START_S = 40.0
#: An image build may be silent for minutes.
_TIMEOUT_S = 1800
#: What the lab runs on this machine, and the Debian or Ubuntu package that brings it.
TOOLS = {"dockerd": "docker.io", "mmdebstrap": "mmdebstrap", "ssh": "openssh-client", "ip": "iproute2"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def connect() -> docker.DockerClient | None:
    """A client of the engine that runs here, or None."""
    try:
        client = docker.from_env(timeout=_TIMEOUT_S)
        client.ping()
    except DockerException:
        return None
    return client


def ensure(say: Say = say_plainly) -> docker.DockerClient:
    """An engine runs and the lab's tools are there; a machine that has them is left as it is.

    :raises LabError: with the one command to run, where only root could go on.
    """
    client = connect()
    missing = missing_packages(engine_up=client is not None)
    if missing:
        install(missing, say)
    if client is None:
        start(say)
        client = connect()
    if client is None:
        raise LabError(
            "a Docker Engine runs, but this user may not use it",
            "the lab's hosts are containers",
            f"sudo adduser {os.environ.get('USER', '$USER')} docker, then log in again; or run this as root",
        )
    return client


def missing_packages(engine_up: bool) -> list[str]:
    """Packages that this machine lacks for the lab."""
    needed = [package for tool, package in TOOLS.items() if which(tool) is None]
    if engine_up and "docker.io" in needed:
        needed.remove("docker.io")  # the engine may be another package's, or run elsewhere on this machine
    return needed if KEYRING.is_file() else [*needed, "debian-archive-keyring"]


def which(tool: str) -> str | None:
    """Its path, looked for in the system's own folders too, which a user's PATH may lack."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


def install(packages: list[str], say: Say) -> None:
    """The packages are installed, without recommended ones. Raises LabError where that is not ours to do."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    shown = " ".join(command)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise LabError(
            f"the lab needs {', '.join(packages)} on this machine",
            "its hosts are containers, made from Debian's own packages",
            f"run once: sudo {shown}",
        )
    say(f"installing on this machine: {shown}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(step, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            tail = "\n    ".join(done.stderr.strip().splitlines()[-4:])
            raise LabError(f"`{' '.join(step)}` failed:\n    {tail}", "the lab needs it", f"mend it, then: {shown}")


def start(say: Say) -> None:
    """The engine runs: by this machine's init, or by the lab itself where there is none."""
    if connect() is not None:
        return  # its package started it
    init = Path("/run/systemd/system").is_dir()
    if os.geteuid() != 0:
        how = "systemctl start docker" if init else "dockerd"
        raise LabError("no Docker Engine runs here", "the lab's hosts are containers", f"run once: sudo {how}")
    if init:
        say("starting this machine's Docker Engine")
        subprocess.run(["systemctl", "start", "docker"], check=False)
    else:
        say(f"starting a Docker Engine (no init does it here); its log: {_LOG_FILE}")
        _start_daemon()
    deadline = time.monotonic() + _START_S
    while connect() is None:
        if time.monotonic() > deadline:
            raise LabError(
                f"the Docker Engine did not start in {_START_S:.0f} s",
                "the lab's hosts are containers",
                f"see why: {'journalctl -u docker' if init else f'tail {_LOG_FILE}'}",
            )
        time.sleep(0.2)


def _start_daemon() -> None:
    names.LAB_DIR.mkdir(mode=0o700, exist_ok=True)
    program = which("dockerd") or "dockerd"
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # dockerd itself looks for iptables
    with _LOG_FILE.open("ab") as log:
        daemon = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            env=os.environ | {"PATH": folders},
        )  # fmt: skip
    _PID_FILE.write_text(f"{daemon.pid}\n")


def stop() -> bool:
    """An engine that the lab started has ended; True if there was one. Any other is left alone."""
    try:
        pid = int(_PID_FILE.read_text())
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ValueError):
        return False
    if program != "dockerd":  # the number is somebody else's by now
        _PID_FILE.unlink()
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _START_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    for path in (_PID_FILE, _LOG_FILE):
        path.unlink(missing_ok=True)
    return True
