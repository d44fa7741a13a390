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
    "/home/*/.ansible*", "/var/cache/ldconfig/*", "/var/lib/docker", "/var/lib/docker/*", "/var/lib/containerd/*",
    "/etc/mtab", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/var/lib/dbus/*", "/var/lib/private/*",
    "/var/lib/sudo/*", "/etc/.updated", "/var/.updated", "/var/lib/apt/periodic/*", "/var/lib/logrotate/*", "/var/backups/*",
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


#: What packages' own scripts make besides the files that they own: caches, alternatives, registrations.
_BY_PACKAGES = (
    "/var/lib/dpkg/*", "/var/cache/*", "/var/lib/ucf/*", "/etc/alternatives/*", "/var/lib/apt/*", "/etc/ld.so.cache",
    "/etc/systemd/system/*.wants*", "/etc/rc?.d/*", "/etc/passwd*", "/etc/group*", "/etc/shadow*", "/etc/gshadow*",
    "/etc/subuid*", "/etc/subgid*", "/var/lib/python/*", "/usr/lib/python3*/__pycache__*", "/usr/lib/python3*.pyc",
    "*/__pycache__", "*/__pycache__/*", "/usr/local/lib/python3*", "/var/mail*", "/etc/.pwd.lock", "/usr/share/*/*.cache",
    "/usr/share/mime/*", "/var/lib/update-rc.d*", "/usr/share/python3/runtime.d*", "/var/lib/fontconfig*",
    "/etc/ca-certificates*", "/var/lib/private*", "/usr/lib/locale/*", "/etc/environment",
    "/etc/networks",
)  # fmt: skip


def made_by_packages(path: str) -> bool:
    """Whether a maintainer script made it, as dpkg knows nothing of."""
    return covered(path, _BY_PACKAGES)


def owned_by_packages(host: LabHost) -> set[str]:
    """Every path that an installed package owns, and the folders that lead to it."""
    look = "cat /var/lib/dpkg/info/*.list; dpkg-query -W -f '${Conffiles}\n' | awk '{print $1}'"
    # The third: links that update-alternatives keeps for packages.
    paths = set(host.run(f"{look}; grep -h ^/ /var/lib/dpkg/alternatives/*").splitlines())
    # Merged /usr: a package may name /lib/x and the file is /usr/lib/x.
    paths |= {f"/usr{path}" for path in paths if path.startswith(("/lib", "/bin", "/sbin"))}
    return paths


def seals(host: LabHost) -> list[dict[str, Any]]:
    """The seals of all roles, as they are on the host."""
    texts = host.run("for f in /var/lib/gpuhost/seals/*.json; do cat $f; echo; echo @@; done").split("@@")
    return [json.loads(text) for text in texts if text.strip()]


def footprint_paths(host: LabHost) -> list[str]:
    """Patterns of all paths inside the footprints of the host's seals, and of gpuhost's own records."""
    patterns = ["/etc/gpuhost", "/etc/gpuhost/*", "/var/lib/gpuhost", "/var/lib/gpuhost/*", "/opt/gpuhost", "/srv/gpuhost"]
    for seal in seals(host):
        for item in seal["items"]:
            path = item.get("path")
            if path:
                patterns += [path, f"{path}/*"] if item["kind"] in ("tree", "venv", "directory", "glob") else [path]
            # A folder on the way to an owned path comes into being with it.
            while path and path.count("/") > 2:
                path = path.rpartition("/")[0]
                patterns.append(path)
    return patterns


def packages_of_seals(host: LabHost) -> set[str]:
    """Packages that the seals name: asked for, or brought along by gpuhost's own transactions."""
    named = {item["name"] for seal in seals(host) for item in seal["items"] if item["kind"] == "package"}
    return named | {name for seal in seals(host) for name in seal["installed_packages"]}
