"""Which versions of packages the archives offer now. Only looked at when asked: it fetches their lists, through apt."""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Mapping
from typing import Any

from ..scratch_apt import Apt, scratch
from .apt import without_secret

UPDATE_S, ASK_S = 120.0, 30.0
#: For the whole section.
LIMIT_S = UPDATE_S + 2 * ASK_S

Candidates = dict[str, list[dict[str, str]]]


def look_candidates(asked: Mapping[str, Any] | None) -> Candidates:
    """`{package: [{version, origin}]}`, newest first, for every name asked for and every one that fits a pattern.

    A name, or a pattern, for which no archive has anything stands with an empty list. `{}` unless asked.

    :param asked: `{names: [name or pattern], sources: [see verify.scratch_apt.scratch], ca: [PEM], hosts_own: bool}`;
        `hosts_own` (default true): the host's own sources count too.

    Raises :class:`RuntimeError` where a source that was asked about does not answer, or is not signed as it must be.
    """
    if not asked or not asked.get("names"):
        return {}
    if not shutil.which("apt-get"):
        raise RuntimeError("this system has no apt")
    sources = asked.get("sources") or []
    with scratch(sources, asked.get("ca") or [], asked.get("hosts_own", True)) as apt:
        status, said = apt.run(["apt-get", "update"], UPDATE_S)
        found = offered(apt, asked["names"])
    if status != 0:
        refuse(said, [source["url"] for source in sources], found)
    return found


def refuse(said: str, urls: list[str], found: Candidates) -> None:
    """An archive of somebody else that is down takes nothing from what the others say; one asked about does."""
    troubles = [line.strip() for line in said.splitlines() if re.match(r"(E|W|Err)\b", line)]
    ours = [line for line in troubles if any(url.rstrip("/") in line for url in urls)]
    if ours or not any(found.values()):
        worst = sorted(ours or troubles, key=lambda line: not line.startswith("E:"))
        raise RuntimeError(without_secret(worst[0] if worst else "apt-get update failed and said nothing"))


def offered(apt: Apt, names: list[str]) -> Candidates:
    fitting = {name: [name] if not is_pattern(name) else matches(apt, name) for name in names}
    asked = sorted({name for found in fitting.values() for name in found})
    there = parse_madison(apt.run(["apt-cache", "madison", *asked], ASK_S)[1]) if asked else {}
    none: Candidates = {name: [] for name, found in fitting.items() if not any(one in there for one in found)}
    return {**there, **none}


def matches(apt: Apt, pattern: str) -> list[str]:
    _, known = apt.run(["apt-cache", "pkgnames", re.split(r"[*?\[]", pattern)[0]], ASK_S)
    return sorted(set(fnmatch.filter(known.split(), pattern)))


def is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def parse_madison(text: str) -> Candidates:
    """`apt-cache madison`: ` name | version | address suite/component architecture Packages`, newest first.

    `origin` is the address, suite and component of the first archive that has the version.
    """
    found: Candidates = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not parts[2].endswith(" Packages"):
            continue
        name, version, archive = parts
        rows = found.setdefault(name, [])
        if version not in [row["version"] for row in rows]:
            rows.append({"version": version, "origin": without_secret(archive.rsplit(" ", 2)[0])})
    return found
