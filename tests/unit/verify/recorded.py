"""A host that answers from a tree of files and from what a test tells it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any

from verify.engine import EngineError
from verify.probes.host import Host

GIB = 1024**3


class RecordedHost(Host):
    """A tree, with the answers that no file holds. As root unless told otherwise."""

    root_user = True
    api: dict[str, Any] | None = None

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.nodes: dict[str, tuple[int, int, int, int, int, str]] = {}
        self.sizes = {"/": (250 * GIB, 180 * GIB)}
        self.locks: dict[str, int] = {}
        self.user: str | None = "ada"
        self.modinfos: dict[str, str] = {}

    def now(self) -> str:
        return "2026-11-22T12:00:00Z"

    def clock(self) -> float:
        return 0.0

    def is_root(self) -> bool:
        return self.root_user

    def process_groups(self) -> list[int]:
        return [0] if self.root_user else [1000]

    def login_user(self) -> str | None:
        return self.user

    def machine(self) -> str:
        return "x86_64"

    def python_running(self) -> tuple[str, str]:
        return "", ""

    def space(self, path: str) -> tuple[int, int]:
        return self.sizes[path]

    def stat(self, path: str) -> os.stat_result:
        if path not in self.nodes:
            return super().stat(path)
        major, minor, uid, gid, mode, _ = self.nodes[path]
        device = {"st_rdev": os.makedev(major, minor)}
        return os.stat_result((stat.S_IFCHR | mode, 1, 1, 1, uid, gid, 0, 0, 0, 0), device)

    def has_acl(self, path: str) -> bool:
        return False

    def try_open(self, path: str) -> str:
        return self.nodes[path][5]

    def user_name(self, uid: int) -> str | None:
        return None

    def group_name(self, gid: int) -> str | None:
        return None

    def lock_holder(self, path: str) -> int | None:
        if not self.root_user:
            raise PermissionError(path)
        return self.locks.get(path)

    def kernel_log(self, since_cleared: bool = False) -> str:
        if not self.root_user:
            raise PermissionError("/dev/kmsg")
        return super().kernel_log(since_cleared)

    def modinfo(self, path: str) -> str | None:
        return self.modinfos.get(path)

    def engine(self) -> Any:
        return RecordedEngine(self.api)


@dataclass
class RecordedEngine:
    """An engine's answers by path; without any, its socket refuses."""

    api: dict[str, Any] | None

    def get(self, path: str) -> Any:
        if self.api is None:
            raise EngineError(0, "permission denied on /var/run/docker.sock")
        if path not in self.api:
            raise EngineError(404, f"no such path {path}")
        return self.api[path]
