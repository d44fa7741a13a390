"""Which entry systemd-boot boots next.

Sources: UAPI Boot Loader Specification (keys, "Sorting"), systemd-boot(7), loader.conf(5).
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from .releases import order


@dataclass(frozen=True)
class BootEntry:
    """One file of `loader/entries`; `id` is its name without the counter of tries."""

    id: str
    version: str
    sort_key: str
    machine: str
    kernel: str
    tries_left: int | None


def settings(text: str) -> dict[str, str]:
    """`key value` lines; of a repeated key the first counts."""
    found: dict[str, str] = {}
    for key, value in re.findall(r"^([\w-]+)[ \t]+(.*?)[ \t]*$", text, re.MULTILINE):
        found.setdefault(key, value)
    return found


def entry(file_name: str, text: str) -> BootEntry:
    """:param file_name: `<id>[+<tries left>[-<tries done>]].conf`."""
    said = settings(text)
    name = re.fullmatch(r"(.*?)(?:\+(\d+)(?:-\d+)?)?\.conf", file_name)
    id, tries = (name[1], name[2]) if name else (file_name, None)
    path = said.get("linux", "")
    folder = path.rsplit("/", 2)[-2] if path.count("/") > 1 else ""
    version = said.get("version") or (folder if re.match(r"\d", folder) else "")
    counted = None if tries is None else int(tries)
    return BootEntry(f"{id}.conf", version, said.get("sort-key", ""), said.get("machine-id", ""), path, counted)


def in_order(entries: list[BootEntry]) -> list[BootEntry]:
    """As the menu shows them: entries without a try left last, then by sort key, machine, and the newest version first."""
    newest = sorted(entries, key=lambda e: (order(e.version), order(e.id)), reverse=True)
    return sorted(newest, key=lambda e: (e.tries_left == 0, not e.sort_key, e.sort_key, e.machine))


def booted(entries: list[BootEntry], once: str | None, default: str | None, configured: str | None) -> BootEntry | None:
    """The next one: of the firmware's one-shot entry, its default, `default` of loader.conf, the first that names one."""
    ordered = in_order(entries)
    for pattern in (once, default, configured):
        wanted = pattern and (pattern if pattern.endswith((".conf", "*")) else f"{pattern}.conf")
        named = [one for one in ordered if wanted and fnmatch.fnmatchcase(one.id.lower(), wanted.lower())]
        if named:
            return named[0]
    return ordered[0] if ordered else None
