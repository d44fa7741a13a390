"""The host a probe looks at: a file tree, and the few answers that no file holds.

A probe reads nothing but through :class:`Host`, so that a recorded or simulated tree can stand in for `/`.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fnmatch
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIMULATED_FILE = "/etc/gpuhost/simulated.json"
#: Parts of a path, links among them, after which it is taken for a loop.
MANY_LINKS = 200
#: A record of the kernel's log is never longer; a log that grows while it is read has an end here.
RECORD_BYTES, MANY_RECORDS = 8192, 200_000


class Host:
    """One host, seen through the file tree below :attr:`root`.

    Paths given to the methods are the host's own (`/sys/...`); reading methods raise :class:`OSError`.
    """

    def __init__(self, root: str = "/", simulated: bool = False) -> None:
        self.root = root
        self.simulated = simulated
        #: What only root could have read, as `section.field`; the snapshot lists it.
        self.needs_root: set[str] = set()

    def at(self, path: str) -> Path:
        """Where `path` of this host lies for this process; absolute links stay inside the tree."""
        if self.root == "/":
            return Path(path)
        here, waiting = Path(self.root), path.strip("/").split("/")
        for _ in range(MANY_LINKS):
            if not waiting:
                return here
            here /= waiting.pop(0)
            if here.is_symlink():
                said = os.readlink(here)  # noqa: PTH115 - the text of the link decides where it leads
                waiting = said.strip("/").split("/") + waiting
                here = Path(self.root) if said.startswith("/") else here.parent
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def real(self, path: str) -> str:
        """`path` with all links followed, as the host knows it."""
        real = os.path.realpath(self.at(path))
        return real if self.root == "/" else "/" + os.path.relpath(real, os.path.realpath(self.root))

    def text(self, path: str) -> str:
        """The file's content; bytes that are not UTF-8 are replaced."""
        return self.at(path).read_bytes().decode("utf-8", "replace")

    def content(self, path: str) -> bytes | None:
        """The file's bytes, or None where there is no such file or it will not read."""
        try:
            return self.at(path).read_bytes()
        except OSError:
            return None

    def word(self, path: str) -> str | None:
        """The file's content without blanks around it, or None where there is no such file or it will not read."""
        try:
            return self.text(path).strip("\0 \t\r\n")
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The whole number a file holds (decimal, or hexadecimal with 0x), or None."""
        try:
            return int(self.word(path) or "", 0)
        except ValueError:
            return None

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted; empty where there is no such folder."""
        try:
            return sorted(os.listdir(self.at(path)))  # noqa: PTH208 - plain names are wanted here
        except (FileNotFoundError, NotADirectoryError):
            return []

    def glob(self, *patterns: str) -> Iterator[str]:
        """Paths that match, sorted, each as the host knows it. A folder that may not be read has no matches."""
        for pattern in patterns:
            found = [""]
            for part in pattern.strip("/").split("/"):
                if any(sign in part for sign in "*?["):
                    found = [f"{path}/{name}" for path in found for name in self.matching(path, part)]
                else:
                    found = [f"{path}/{part}" for path in found]
            yield from (path for path in found if self.exists(path))

    def matching(self, folder: str, pattern: str) -> list[str]:
        try:
            names = self.names(folder or "/")
        except OSError:
            return []
        return [name for name in names if fnmatch.fnmatchcase(name, pattern) and not name.startswith(".")]

    def exists(self, path: str) -> bool:
        """Whether something is there, at the end of its links; False too where that may not be looked at."""
        try:
            return os.path.exists(self.at(path))  # noqa: PTH110 - the Path method raises where a folder is closed
        except OSError:
            return False

    def link(self, path: str) -> str | None:
        """What a symbolic link says, unresolved; None where it is no link."""
        folder, _, name = path.rpartition("/")
        try:
            return os.readlink(self.at(folder or "/") / name)  # noqa: PTH115 - its text, as it stands
        except OSError:
            return None

    # -- answers that no file holds: a recorded host replaces these --------------------------------------

    def now(self) -> str:
        """The time, UTC, ISO 8601, whole seconds."""
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def clock(self) -> float:
        return time.monotonic()

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def process_groups(self) -> list[int]:
        """Numeric groups of this process, its effective one among them."""
        return sorted({os.getegid(), *os.getgroups()})

    def login_user(self) -> str | None:
        """Who logged in: the user behind sudo, else the one this process runs as."""
        if os.environ.get("SUDO_USER"):
            return os.environ["SUDO_USER"]
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return None

    def machine(self) -> str:
        return platform.machine()

    def python_running(self) -> tuple[str, str]:
        """Path and version of the interpreter that runs this."""
        return os.path.realpath(sys.executable or ""), platform.python_version()

    def space(self, path: str) -> tuple[int, int]:
        """Bytes in all, and free for users, of the file system at `path`."""
        stat = os.statvfs(self.at(path))
        return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize

    def stat(self, path: str) -> os.stat_result:
        return os.stat(self.at(path))  # noqa: PTH116 - a recorded host answers with a made stat_result

    def has_acl(self, path: str) -> bool:
        """Whether an access list beyond owner, group and mode is on the file."""
        try:
            os.getxattr(self.at(path), "system.posix_acl_access")
        except OSError:
            return False
        return True

    def try_open(self, path: str) -> str:
        """`ok`, or the name of the error that opening for reading and writing gives (`EACCES`, `ENXIO`, …)."""
        try:
            os.close(os.open(self.at(path), os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as problem:
            return errno.errorcode.get(problem.errno or 0, str(problem.errno))
        return "ok"

    def user_name(self, uid: int) -> str | None:
        """The account's name, also where it comes from a directory service."""
        import pwd

        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return None

    def group_name(self, gid: int) -> str | None:
        import grp

        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return None

    def lock_holder(self, path: str) -> int | None:
        """Process id that holds a lock on the file (0: one this process cannot see), None where nobody does.

        Only asks (F_GETLK). Raises :class:`PermissionError` where the file may not be opened.
        """
        import fcntl
        import struct

        layout = "hhqqi"  # struct flock on 64-bit Linux: type, whence, start, length, pid
        with self.at(path).open("rb") as handle:
            asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = struct.unpack(layout, fcntl.fcntl(handle, fcntl.F_GETLK, asked)[: struct.calcsize(layout)])
        return None if answer[0] == fcntl.F_UNLCK else max(answer[4], 0)

    def kernel_log(self, since_cleared: bool = False) -> str:
        """The records of `/dev/kmsg` that are there now. Raises :class:`PermissionError` where only root may read them.

        :param since_cleared: those after the last `dmesg --clear` (kernel `Documentation/ABI/testing/dev-kmsg`: SEEK_DATA).
        """
        handle = os.open(self.at("/dev/kmsg"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        parts = []
        try:
            if since_cleared:
                with contextlib.suppress(OSError):  # a recorded log is a file: nobody has cleared it
                    os.lseek(handle, 0, os.SEEK_DATA)
            for _ in range(MANY_RECORDS):
                try:
                    parts.append(os.read(handle, RECORD_BYTES))
                except BrokenPipeError:  # the kernel wrote over what came next
                    continue
                except BlockingIOError:
                    break
                if not parts[-1]:
                    break
        finally:
            os.close(handle)
        return b"".join(parts).decode("utf-8", "replace")

    def modinfo(self, path: str) -> str | None:
        """What kmod's `modinfo` says of a module's file, or None where it is not there or says nothing in time."""
        command = ["modinfo", str(self.at(path))]
        env = {"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        try:
            return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=5, env=env).stdout
        except (OSError, subprocess.SubprocessError):
            return None

    def engine(self) -> Any:
        """The client of the container engine on this host."""
        from ..engine import Engine

        return Engine()


def simulated_part(host: Host) -> Host:
    """The host that GPU probes look at: a simulated tree where `simulated.json` names one, else the host itself.

    Raises :class:`ValueError` where that file is there and names no tree: the machine's own GPU must not
    slip in where a simulated one was meant.
    """
    said = simulation(host)
    if said is None:
        return host
    tree = said.get("sysroot")
    if not isinstance(tree, str) or not tree.strip("/") or not host.at(tree).is_dir():
        raise ValueError(f"{SIMULATED_FILE} names {tree!r}, which is no folder of a simulated tree")
    part = Host(str(host.at(tree)), simulated=True)
    part.needs_root = host.needs_root
    return part


def kernel_part(host: Host) -> Host:
    """The host that probes of kernel modules look at: the host itself too where `simulated.json` says `"kernel": "real"`."""
    return host if (simulation(host) or {}).get("kernel") == "real" else simulated_part(host)


def simulation(host: Host) -> dict[str, Any] | None:
    """What `simulated.json` says, or None where it is not there."""
    try:
        said = json.loads(host.text(SIMULATED_FILE))
    except FileNotFoundError:
        return None
    except ValueError as problem:
        raise ValueError(f"{SIMULATED_FILE} is no JSON document: {problem}") from problem
    if not isinstance(said, dict):
        raise ValueError(f"{SIMULATED_FILE} holds no object that names a sysroot")
    return said
