"""Who this controller is, and whether another run of the same machine is still alive."""

from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path
from typing import Any

from control.actions import record, run_dir

#: Of the run folder: ``{"held": bool}`` for each host that the run took.
NOTES = "leases"


def owner() -> dict[str, Any]:
    """This run, as a host's lease names it."""
    run = run_dir()
    pid = _run_pid()
    return {
        "controller": socket.gethostname(),
        "machine_id": _machine_id(),
        "pid": pid,
        "start_time": _start_time(pid),
        "run": run.name if run else f"ansible-{pid}",
        "user": getpass.getuser(),
    }


def dead_holder(lease: dict[str, Any] | None) -> dict[str, Any]:
    """The holder of the lease if it is a process of this machine that has ended, else an empty dict.

    Nobody need wait for that one. It is named whole: by the time the host is taken, another may hold it.
    """
    holder = (lease or {}).get("owner") or {}
    if not holder or holder.get("machine_id") != _machine_id():
        return {}
    return {} if _start_time(int(holder["pid"])) == holder["start_time"] else holder


def note(host: str, held: bool) -> None:
    """The run folder says whether this run holds ``host``; nothing happens without one."""
    record(NOTES, host, {"held": held})


def held_in(folder: Path) -> list[str]:
    """Hosts that the run of this folder took and did not give back."""
    notes = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (folder / NOTES).glob("*.json")}
    return sorted(host for host, one in notes.items() if one["held"])


def _run_pid() -> int:
    """The process that stands for the whole run: Ansible's main process, whose children are the workers."""
    return int(os.environ.get("GPUHOST_RUN_PID") or os.getppid())


def _start_time(pid: int) -> str:
    """When ``pid`` started, in clock ticks since boot, so that a reused number is not taken for the same process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    state, _, _, *rest = stat.rpartition(")")[2].split()
    return "" if state == "Z" else rest[16]


def _machine_id() -> str:
    """This machine; containers on one kernel, each with processes of its own, are told apart."""
    return f"{_machine_name()}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _machine_name() -> str:
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        try:
            if text := Path(path).read_text(encoding="utf-8").strip():
                return text
        except OSError:
            continue
    return socket.gethostname()
