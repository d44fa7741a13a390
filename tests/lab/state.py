"""The whole state of a host as one dictionary, so that two moments can be compared."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable
from typing import Any

from tests.lab.conftest import LabHost

#: What changes by itself on any running system, touched by nobody.
VOLATILE = (
    "/proc/*", "/sys/*", "/dev/*", "/run/*", "/tmp/*", "/var/tmp/*", "/var/log/*", "/var/lib/systemd/*", "/root/.ansible*",
    "/home/*/.ansible*", "/var/cache/ldconfig/*", "/var/lib/docker/*", "/var/lib/containerd/*", "/etc/mtab",
    "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/var/lib/dbus/*", "/var/lib/private/*", "/var/lib/sudo/*",
    "/var/lib/apt/periodic/*", "/var/lib/logrotate/*", "/var/backups/*",
)  # fmt: skip

_LOOK = r"""
import hashlib, json, os, stat
out = {}
for base, folders, names in os.walk("/", topdown=True):
    if base in ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/lib/docker", "/var/lib/containerd"):
        folders[:] = []
        continue
    for name in names + folders:
        path = os.path.join(base, name)
        try:
            found = os.lstat(path)
            what = ""
            if stat.S_ISREG(found.st_mode):
                with open(path, "rb") as stream:
                    what = hashlib.sha1(stream.read()).hexdigest()
            elif stat.S_ISLNK(found.st_mode):
                what = os.readlink(path)
        except OSError:
            continue
        out[path] = [oct(found.st_mode), found.st_uid, found.st_gid, what]
print(json.dumps(out))
"""


def files(host: LabHost) -> dict[str, list[Any]]:
    """Every file and folder with mode, owner and content, but what changes by itself."""
    found = json.loads(host.run(f"python3 - <<'EOF'\n{_LOOK}\nEOF"))
    return {path: value for path, value in found.items() if not covered(path, VOLATILE)}


def packages(host: LabHost) -> dict[str, str]:
    """Installed packages with their versions."""
    lines = host.run("dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\n'").splitlines()
    rows = (line.split("\t") for line in lines)
    return {name: version for status, name, version in rows if status.strip() == "ii"}


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not the same in both, with its two values."""
    return {key: (before.get(key), after.get(key)) for key in sorted({*before, *after}) if before.get(key) != after.get(key)}


def covered(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
