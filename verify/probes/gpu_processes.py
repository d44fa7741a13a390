"""Which processes use AMD's GPUs, and how much of them.

The kernel says it per open device (`/proc/<pid>/fdinfo`), and for ROCm's processes once more below `/sys/class/kfd/kfd/proc`
(Linux `drivers/gpu/drm/amd/amdkfd/kfd_process.c`). Whose process it is, root sees of all, others of their own.
"""

from __future__ import annotations

import re
from typing import Any, Callable

from ..parsers import drm_fdinfo, kfd
from .gpus import look_kfd
from .host import Host

KFD_PROCESSES = "/sys/class/kfd/kfd/proc"
CONTAINER = re.compile(r"(?:docker[-/]|libpod-|/)([0-9a-f]{64})\b")
#: A process opens its GPU some time after it began: all are looked through again this often, in seconds.
SWEEP_S = 3.0


class GpuProcesses:
    """Knows which processes have a GPU open, and looks for new ones with a bounded effort.

    :param spent: a clock of the processor time that this process has used; the search stops for now when `effort` of it,
        in seconds, is used up, and goes on where it was at the next look.
    """

    def __init__(self, host: Host, spent: Callable[[], float], effort: float = 0.006) -> None:
        self.host, self.spent, self.effort = host, spent, effort
        self.open: dict[int, list[str]] = {}
        self.who: dict[int, dict[str, Any]] = {}
        self.busy: dict[tuple[int, str, str], tuple[float, int]] = {}
        self.seen: set[int] = set()
        self.waiting: list[int] = []
        self.swept = float("-inf")

    def look(self, now: float) -> list[dict[str, Any]]:
        """`{pci, pid, name, user, container_id, vram_bytes, gtt_bytes, load_percent}` of each process and GPU.

        :param now: seconds on a clock that never goes back.
        """
        self.search(now)
        rows = self._from_fdinfo(now)
        for pid, pci, size in self._from_kfd():
            row = rows.setdefault((pid, pci), {"vram_bytes": None, "gtt_bytes": None, "load_percent": None})
            row["vram_bytes"] = max(row["vram_bytes"] or 0, size)
        self.who = {pid: self.who.get(pid) or self.describe(pid) for pid in {pid for pid, _ in rows}}
        return [{"pci": pci, "pid": pid, **self.who[pid], **row} for (pid, pci), row in sorted(rows.items())]

    def search(self, now: float) -> None:
        """New processes at once, all others in turn."""
        there = {int(name) for name in self.host.names("/proc") if name.isdigit()}
        self.open = {pid: handles for pid, handles in self.open.items() if pid in there}
        new, self.seen = sorted(there - self.seen), there
        if not self.waiting and now - self.swept >= SWEEP_S:
            self.waiting, self.swept = sorted(there, reverse=True), now
        self.waiting = [*(pid for pid in self.waiting if pid in there and pid not in new), *new]
        end = self.spent() + self.effort
        while self.waiting and self.spent() < end:
            pid = self.waiting.pop()
            handles = self._handles(pid)
            if handles:
                self.open[pid] = handles
            else:
                self.open.pop(pid, None)

    def _handles(self, pid: int) -> list[str]:
        """Numbers of the process's open DRM devices; none where it may not be looked at."""
        try:
            numbers = self.host.names(f"/proc/{pid}/fd")
        except OSError:
            return []
        return [n for n in numbers if (self.host.link(f"/proc/{pid}/fd/{n}") or "").startswith("/dev/dri/")]

    def _from_fdinfo(self, now: float) -> dict[tuple[int, str], dict[str, Any]]:
        """Per process and GPU the sums over its clients, each once however often it is open."""
        clients: dict[tuple[int, str, str], dict[str, Any]] = {}
        for pid, handles in self.open.items():
            for number in handles:
                said = drm_fdinfo.parse(self.host.word(f"/proc/{pid}/fdinfo/{number}") or "")
                if said:
                    clients[(pid, said["pci"], said["client"] or number)] = said
        rows: dict[tuple[int, str], dict[str, Any]] = {}
        for (pid, pci, client), said in clients.items():
            row = rows.setdefault((pid, pci), {"vram_bytes": None, "gtt_bytes": None, "load_percent": None})
            said["load_percent"] = self._load((pid, pci, client), now, said["busy_ns"])
            for name in row:
                row[name] = row[name] if said[name] is None else (row[name] or 0) + said[name]
        self.busy = {key: self.busy[key] for key in clients if key in self.busy}
        return rows

    def _load(self, key: tuple[int, str, str], now: float, busy_ns: int | None) -> int | None:
        """Per cent of the time since the last look; None at the first, and where nothing is counted."""
        if busy_ns is None:
            return None
        before, self.busy[key] = self.busy.get(key), (now, busy_ns)
        if before is None or now <= before[0]:
            return None
        return max(0, round((busy_ns - before[1]) / 1e7 / (now - before[0])))

    def _from_kfd(self) -> list[tuple[int, str, int]]:
        """Process, GPU and bytes of its memory, for every process that ROCm's driver knows."""
        pids = [name for name in self.host.names(KFD_PROCESSES) if name.isdigit()]
        if not pids:
            return []
        nodes = [node for node in look_kfd(self.host)["nodes"] if node.get("kind") == "gpu"]
        found = []
        for pid in pids:
            for node in nodes:
                size = self.host.number(f"{KFD_PROCESSES}/{pid}/vram_{node['gpu_id']}")
                if size:
                    found.append((int(pid), kfd.pci_address(node["location_id"] or 0, node["domain"] or 0), size))
        return found

    def describe(self, pid: int) -> dict[str, Any]:
        """Name, user and container, which a process keeps."""
        try:
            uid = self.host.stat(f"/proc/{pid}").st_uid
            user = self.host.user_name(uid) or str(uid)
        except OSError:
            user = None
        inside = CONTAINER.search(self.host.word(f"/proc/{pid}/cgroup") or "")
        name = self.host.word(f"/proc/{pid}/comm")
        return {"name": name, "user": user, "container_id": inside.group(1) if inside else None}
