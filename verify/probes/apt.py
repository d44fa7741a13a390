"""State of apt and dpkg: sources, who holds a lock, what was left half done."""

from __future__ import annotations

import re
from typing import Any

from .host import Host
from .packages import unfinished

#: The four locks of apt and dpkg. Source: apt `apt-pkg/aptconfiguration`, dpkg(1).
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)


def look_apt(host: Host) -> dict[str, Any]:
    """`interrupted` is dpkg's own sign (a journal in `updates/`) or a package left half done."""
    left = unfinished(host)
    journal = [name for name in host.names("/var/lib/dpkg/updates") if name.isdigit()]
    return {
        "present": host.exists("/etc/apt"),
        "locked_by": locked_by(host),
        "interrupted": bool(journal or left),
        "unfinished": left,
        "sources": sources(host),
    }


def locked_by(host: Host) -> str | None:
    """Who holds one of the locks, as `apt-get (pid 4711, /var/lib/dpkg/lock)`. Only root may ask."""
    for path in LOCKS:
        try:
            pid = host.lock_holder(path)
        except FileNotFoundError:
            continue
        except PermissionError:
            host.needs_root.add("apt.locked_by")
            return None
        if pid is not None:
            name = host.word(f"/proc/{pid}/comm") if pid else None
            return f"{name or 'a process outside this container'} (pid {pid or 'unknown'}, {path})"
    return None


def sources(host: Host) -> list[dict[str, Any]]:
    """Every enabled apt source. Passwords in addresses are left out."""
    found: list[dict[str, Any]] = []
    for path in host.glob("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"):
        try:
            text = host.text(path)
        except PermissionError:
            host.needs_root.add("apt.sources")
            continue
        rows = deb822(text) if path.endswith(".sources") else one_line(text)
        found += [{"file": path, "uris": [without_secret(u) for u in uris], "suites": suites} for uris, suites in rows]
    return found


def one_line(text: str) -> list[tuple[list[str], list[str]]]:
    """`deb [options] uri suite components…`, one per line."""
    found = re.findall(r"^\s*deb(?:-src)?\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)", text, re.MULTILINE)
    return [([uri], [suite]) for uri, suite in found]


def deb822(text: str) -> list[tuple[list[str], list[str]]]:
    """Stanzas of fields; `Enabled: no` switches one off."""
    rows = []
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = {k.lower(): v for k, v in re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE)}
        if "uris" in fields and fields.get("enabled", "yes").strip().lower() not in ("no", "false", "0"):
            rows.append((fields["uris"].split(), fields.get("suites", "").split()))
    return rows


def without_secret(url: str) -> str:
    """The address without the password (and user) that may stand before its host."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", url)
