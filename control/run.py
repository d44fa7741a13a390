"""One run of gpuhost: a run folder, one ``ansible-playbook``, and how each host ended."""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from control import ansible, findings, lease, vault
from control.exitcodes import ExitCode, worst
from control.inventory import BadInputError, Selection, select
from control.passwords import Passwords
from control.paths import REPORTS_DIR, ROOT
from control.progress import Display, display

_PR_SET_PDEATHSIG = 1
#: Long enough to reach hosts and say one thing to each.
GIVE_BACK_SECONDS = 60

#: How a host ended, and the code that says so.
CODES = {
    "done": ExitCode.DONE,
    "refused": ExitCode.REFUSED,
    "unreachable": ExitCode.UNREACHABLE,
    "locked": ExitCode.LOCKED,
    "failed": ExitCode.STEP_FAILED,
    "unproven": ExitCode.VERIFY_FAILED,
    "act": ExitCode.ACT,
    "integrity": ExitCode.INTEGRITY,
}


@dataclass(frozen=True)
class Request:
    """What a command asks for."""

    command: str
    playbook: str
    site: str = ""
    hosts: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False
    ask_sudo: bool = False


@dataclass
class Run:
    """A finished run. ``hosts`` is ``outcome.json``; ``examined`` the preflight's documents by host."""

    folder: Path
    selection: Selection
    hosts: dict[str, dict[str, Any]]
    examined: dict[str, dict[str, Any]]
    seconds: float
    exit_code: int
    command: str

    @property
    def log(self) -> Path:
        return self.folder / "ansible.log"


def execute(request: Request) -> Run:
    """Run the playbook and return how every host ended. The full log is in the run folder.

    :raises BadInputError: before any host is contacted.
    """
    # A site is a name, not a path: what is none is refused below, and no folder is made for it elsewhere.
    folder = _new_folder(Path(request.site).name or ("hosts" if request.hosts else "local"))
    try:
        selection = select(request.site, request.hosts, folder)
        # Asked before the display draws: Ansible's own prompt would be drawn over.
        vault_password = vault.password(selection.inventories[1:], os.environ)
        sudo_password = getpass.getpass("sudo password for the hosts: ") if request.ask_sudo else None
    except BadInputError:
        _discard(folder)
        raise
    passwords = Passwords(sudo_password, vault_password)
    started = time.monotonic()
    _write_run(folder, request, selection)
    command = ansible.playbook(
        request.playbook,
        selection.inventories,
        limit=selection.hosts if selection.limited else (),
        variables=request.variables,
    )
    try:
        with display(folder, selection.hosts, request.command, quiet=request.quiet) as shown:
            returncode = _spawn(command, folder, shown, passwords)
    finally:
        _give_back(folder, selection, passwords)
    run = _collect(folder, request.command, selection, returncode, time.monotonic() - started)
    _write_run(folder, request, selection, run)
    _point_latest(folder)
    return run


def _spawn(command: list[str], folder: Path, shown: Display, passwords: Passwords) -> int:
    with _start(command, folder, passwords) as process:
        try:
            while process.poll() is None:
                shown.refresh()
                time.sleep(0.1)
        except BaseException:
            # The steps on the hosts go on by themselves; only our side stops.
            process.send_signal(signal.SIGINT)
            _end(process, 10)
            raise
    shown.refresh()
    return process.returncode


def _give_back(folder: Path, selection: Selection, passwords: Passwords) -> None:
    """Hosts that the run still holds, because it was interrupted, are free for others; those at work when that is done.

    A run that ends by itself gives its hosts back, but for one that it lost the connection to.
    """
    held = [host for host in lease.held_in(folder) if host not in _lost_contact(folder)]
    if not held:
        return
    print(f"gpuhost: giving back {', '.join(held)}; interrupt once more to leave that", file=sys.stderr)
    command = ansible.playbook("release", selection.inventories, limit=held)
    with _start(command, folder, passwords, recorded=False) as process:
        _end(process, GIVE_BACK_SECONDS)


def _lost_contact(folder: Path) -> set[str]:
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("\n")]  # a kill may have cut the last one
    return {event["host"] for event in events if event["event"] == "unreachable"}


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """The process has ended, by itself within ``seconds`` or by force."""
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
    finally:
        process.kill()


def _start(command: list[str], folder: Path, passwords: Passwords, recorded: bool = True) -> subprocess.Popen[bytes]:
    """Ansible, with what it says in the run's log."""
    environment = ansible.environment(os.environ, folder, recorded) | {"GPUHOST_RUN_PID": str(os.getpid())}
    with passwords.handed() as (words, handles), (folder / "ansible.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *words],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
            pass_fds=handles,
        )


def _die_with_parent() -> None:
    """A killed ``./gpuhost`` must not leave an Ansible behind that nobody watches."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _collect(folder: Path, command: str, selection: Selection, returncode: int, seconds: float) -> Run:
    hosts = _read(folder / "outcome.json") or {}
    examined = {path.stem: _read(path) for path in sorted((folder / "hosts").glob("*.json"))}
    missing = [host for host in selection.hosts if host not in hosts]
    for host in missing:
        hosts[host] = _lost(host, returncode, folder)
    codes = [_code(record) for record in hosts.values()]
    exit_code = worst(codes) if codes else ExitCode.NO_HOST
    if returncode != 0 and exit_code == ExitCode.DONE:
        exit_code = ExitCode.BUG
    return Run(folder, selection, hosts, {k: v for k, v in examined.items() if v}, seconds, int(exit_code), command)


def _code(record: dict[str, Any]) -> ExitCode:
    """A refused host says by its worst finding what kind of refusal it was."""
    if record["status"] == "lost":
        return ExitCode.BUG
    refusals = [one for one in record["findings"] if one["level"] == "refuse"]
    if record["status"] == "refused" and refusals:
        return worst(findings.CATALOGUE[one["id"]].exit_code for one in refusals)
    return CODES[record["status"]]


def _lost(host: str, returncode: int, folder: Path) -> dict[str, Any]:
    """A host that Ansible never reported on: it stopped before, by a fault that is not the host's."""
    log = folder / "ansible.log"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    seen = f"Ansible ended with {returncode}: {lines[-1] if lines else 'no output'}"
    finding = findings.make("GH-BUG", host, seen, log=str(log)).as_dict()
    return {"status": "lost", "changed": 0, "tasks": 0, "findings": [finding], "role": "", "task": ""}


def _new_folder(site: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%f")[:-3] + "Z"
    folder = REPORTS_DIR / site / stamp
    folder.mkdir(parents=True)
    return folder


def _discard(folder: Path) -> None:
    """Nothing happened: no trace stays of it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    with contextlib.suppress(OSError):  # other runs of this site are kept
        folder.parent.rmdir()


def _write_run(folder: Path, request: Request, selection: Selection, run: Run | None = None) -> None:
    document = {
        "schema": 1,
        "command": request.command,
        "site": selection.site or "hosts",
        "hosts": list(selection.hosts),
        "started": folder.name,
        "seconds": round(run.seconds, 1) if run else None,
        "exit_code": run.exit_code if run else None,
    }
    (folder / "run.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def _point_latest(folder: Path) -> None:
    draft = folder.parent / f".latest.{os.getpid()}"
    draft.symlink_to(folder.name)
    draft.replace(folder.parent / "latest")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
