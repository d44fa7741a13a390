"""ROCm installations by prefix, and overrides of the GPU target that lie about in the environment."""

from __future__ import annotations

import re
from typing import Any

from .host import Host
from .packages import entries

VARIABLE = "HSA_OVERRIDE_GFX_VERSION"
#: Where a host-wide or a user's environment is written down.
ENVIRONMENT_FILES = (
    "/etc/environment",
    "/etc/environment.d/*.conf",
    "/etc/profile",
    "/etc/profile.d/*.sh",
    "/etc/bash.bashrc",
    "/etc/default/*",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.service.d/*.conf",
    "/root/.bashrc",
    "/root/.profile",
    "/home/*/.bashrc",
    "/home/*/.profile",
    "/home/*/.bash_profile",
    "/home/*/.zshrc",
    "/home/*/.config/environment.d/*.conf",
)


def look_rocm(host: Host) -> list[dict[str, Any]]:
    """Each installation once: `classic` (AMD up to 7.2, /opt/rocm-X.Y.Z), `core` (TheRock, /opt/rocm/core-X.Y), `distro`."""
    found = [install(host, path, "classic") for path in host.glob("/opt/rocm-*/.info/version")]
    found += [install(host, path, "core") for path in host.glob("/opt/rocm/core-*/.info/version")]
    own = re.match(r"\d[\w.]*", host.word("/opt/rocm/.info/version") or "")
    if own and not host.link("/opt/rocm") and not found:
        found.append({"prefix": "/opt/rocm", "version": own.group(0), "source": "classic"})
    distro = distro_version(host)
    return found + ([{"prefix": "/usr", "version": distro, "source": "distro"}] if distro else [])


def install(host: Host, path: str, source: str) -> dict[str, Any]:
    """The version as the file says it, without the build number behind a dash."""
    said = re.match(r"\d[\w.]*", host.word(path) or "")
    return {"prefix": path[: -len("/.info/version")], "version": said.group(0) if said else None, "source": source}


def distro_version(host: Host) -> str | None:
    """Version of the distribution's `rocminfo` or HIP runtime, by its package; None where neither is there."""
    if not host.exists("/usr/bin/rocminfo") and not list(host.glob("/usr/lib/*/libamdhip64.so.*")):
        return None
    known = dict(entries(host))
    for name in ("rocminfo", *sorted(n for n in known if n.startswith("libamdhip64"))):
        version = re.match(r"(?:\d+:)?(\d[\d.]*\d)", known.get(name, {}).get("Version", ""))
        if version:
            return version.group(1)
    return None


def look_override(host: Host) -> dict[str, Any]:
    """Files that set the variable (or its form for one node, with `_<node>`); an empty value is one too, and harmful."""
    found = []
    for path in host.glob(*ENVIRONMENT_FILES):
        try:
            text = host.text(path)
        except (PermissionError, IsADirectoryError):
            continue
        found += [{"path": path, "name": name, "value": value} for name, value in settings(text)]
    if not host.is_root():
        host.needs_root.add("override.env_files")
    return {"env_files": found}


def settings(text: str) -> list[tuple[str, str]]:
    """Name and value of each assignment that is not commented out."""
    pattern = rf"""^[^#\n]*?\b({VARIABLE}(?:_\d+)?)=["']?([^"'\s;]*)"""
    return re.findall(pattern, text, re.MULTILINE)
