"""Can gpuhost work on this host at all: operating system, init, what the snapshot could not read, kernel, memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control import findings
from control.planner.model import Context, Decision, Outcome, in_words

if TYPE_CHECKING:
    from control.findings import Finding
    from control.support import Table

#: Sections without which a decision would be a guess.
NEEDED = ("os", "kernel", "disk", "gpus", "kfd", "devices", "packages", "ports", "python", "engine")

#: Below this a model of a billion parameters, the services and the system do not fit together.
LITTLE_MEMORY = 4_000_000_000


def refusal(snapshot: Mapping[str, Any], table: Table, host: str) -> list[Finding]:
    """Why no plan can be made at all; empty where one can."""
    os_section = snapshot.get("os") or {}
    if table.system(os_section) is not None:
        return []
    nearest = table.nearest_system(os_section)
    known = ", ".join(row.name for row in table.systems)
    name = os_section.get("pretty_name") or os_section.get("id") or os_section.get("error") or "unknown"
    seen = f"{name} ({os_section.get('arch') or 'unknown architecture'}); known are {known} on {nearest.arch}"
    return [findings.make("GH-OS-UNSUPPORTED", host, seen, near=nearest.name)]


def decide(ctx: Context) -> Outcome:
    """The system's row, and what is noteworthy about the host as a whole."""
    found = [*_unreadable(ctx), *_init(ctx), *_notes(ctx), *_memory(ctx), *_apt(ctx)]
    reason = f"{ctx.mapping('os').get('pretty_name')} has a row in the truth table"
    return Outcome({}, [Decision("system", ctx.system.id, reason, "system.row")], found)


def _unreadable(ctx: Context) -> list[Finding]:
    broken = {
        name: section["error"]
        for name in NEEDED
        if isinstance(section := ctx.snapshot.get(name), dict) and set(section) == {"error"}
    }
    return [ctx.finding("GH-SNAPSHOT-PART", f"{name}: {error}") for name, error in broken.items()]


def _init(ctx: Context) -> list[Finding]:
    init = ctx.mapping("kernel").get("init")
    if init == "systemd":
        return []
    return [ctx.finding("GH-INIT", f"process 1 is {init or 'unknown'}")]


def _notes(ctx: Context) -> list[Finding]:
    found = []
    if ctx.simulated:
        found.append(ctx.finding("GH-SIMULATED", "the snapshot reads a simulated GPU"))
    container = ctx.mapping("kernel").get("container")
    if container:
        found.append(ctx.finding("GH-CONTAINER-HOST", f"the host runs inside {container}"))
    return found


def _memory(ctx: Context) -> list[Finding]:
    total = ctx.mapping("memory").get("total_bytes")
    if not total or total >= LITTLE_MEMORY or not ctx.wishes["services_enabled"]:
        return []
    why = f"models and services together want at least {in_words(LITTLE_MEMORY)}; the kernel ends what does not fit"
    return [ctx.finding("GH-MEMORY-LOW", f"{in_words(total)} of memory", why=why)]


def _apt(ctx: Context) -> list[Finding]:
    apt, found = ctx.mapping("apt"), []
    if apt.get("locked_by"):
        found.append(ctx.finding("GH-APT-BUSY", f"apt is held by {apt['locked_by']}"))
    if apt.get("interrupted"):
        unfinished = ", ".join(apt.get("unfinished") or []) or "dpkg's journal is not empty"
        found.append(ctx.finding("GH-DPKG-UNFINISHED", unfinished))
    return found


def kernel_holes(ctx: Context) -> list[Finding]:
    """Known holes of the GPU driver in the running kernel; only where its upstream version can be told."""
    kernel = ctx.mapping("kernel")
    version = upstream_version(str(kernel.get("release") or ""), str(kernel.get("version") or ""))
    if version is None or not ctx.used or ctx.simulated or kernel.get("container"):
        return []
    found = []
    for row in ctx.table.kernel_fixes:
        fix = fixed_in(version, row.since, row.fixed)
        if fix:
            seen = f"kernel {version} and {row.id}, fixed in {fix}"
            found.append(ctx.finding("GH-KERNEL-CVE", seen, why=row.what))
    return found


def upstream_version(release: str, version: str) -> Version | None:
    """The stable version of a kernel, or None where its name does not tell (Ubuntu numbers its own way).

    Debian 12 has it in the version (``… Debian 6.1.119-1 …``), Debian 13 in the release (``6.12.57+deb13-amd64``).
    """
    match = re.search(r"\bDebian (\d+\.\d+\.\d+)-", version) or re.match(r"(\d+\.\d+\.\d+)\+deb", release)
    return Version(match[1]) if match else None


def fixed_in(version: Version, since: str, fixed: list[str]) -> str | None:
    """The version that closes a hole which ``version`` still has; None where it has it not."""
    if version < Version(since):
        return None
    series = next((one for one in fixed if Version(one).release[:2] == version.release[:2]), None)
    closing = series or next((one for one in fixed if Version(one) > version), None)
    return closing if closing and version < Version(closing) else None
