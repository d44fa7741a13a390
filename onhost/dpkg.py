"""What dpkg's own database says, read without starting a process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import paths

STATUS = "/var/lib/dpkg/status"
UPDATES = "/var/lib/dpkg/updates"
LISTS = "/var/lib/dpkg/info"

_RELATION = re.compile(r"^\s*([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True)
class Package:
    """One entry of dpkg's database; ``state`` is its third status word (``installed``, ``unpacked``, …)."""

    name: str
    version: str
    state: str
    essential: bool
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def packages() -> dict[str, Package]:
    """All packages that dpkg knows, by name; of several architectures the installed one counts."""
    try:
        text = paths.under(STATUS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found: dict[str, Package] = {}
    for paragraph in text.split("\n\n"):
        package = _package(paragraph)
        if package and (package.name not in found or package.state == "installed"):
            found[package.name] = package
    return found


def installed() -> dict[str, str]:
    """Version by name of every package that is fully installed."""
    return {name: package.version for name, package in packages().items() if package.state == "installed"}


def holds(path: str) -> bool:
    """Whether an installed package has brought ``path``, or something below it."""
    for listing in paths.under(LISTS).glob("*.list"):
        names = listing.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(name == path or name.startswith(f"{path}/") for name in names):
            return True
    return False


def interrupted() -> list[str]:
    """Packages that an interrupted dpkg left half done; ``["dpkg"]`` where only its journal shows it."""
    done = {"installed", "config-files", "not-installed"}
    half = sorted(name for name, package in packages().items() if package.state not in done)
    updates = paths.under(UPDATES)
    journal = updates.is_dir() and any(entry.name.isdigit() for entry in updates.iterdir())
    return half or (["dpkg"] if journal else [])


def needed_by_others(ours: Iterable[str]) -> dict[str, str]:
    """Which of ``ours`` other installed software needs, each with the name of one package that needs it.

    Something that needs another of ours which must stay keeps what that one needs too. An alternative
    (``a | b``) that a package of somebody else fulfils keeps nothing of ours.
    """
    known = {name: package for name, package in packages().items() if package.state == "installed"}
    removable = {name for name in ours if name in known and not known[name].essential}
    waiting = [package for name, package in known.items() if name not in removable]
    kept: dict[str, str] = {}
    while waiting:
        package = waiting.pop()
        for group in package.depends:
            for name in _needed(group, known, removable):
                removable.discard(name)
                kept[name] = package.name
                waiting.append(known[name])
    return kept


def _needed(group: tuple[str, ...], known: dict[str, Package], removable: set[str]) -> Iterator[str]:
    """The packages of ours, if any, that have to stay so that one dependency stays fulfilled."""
    names = [name for option in group for name in _providers(option, known)]
    if names and all(name in removable for name in names):
        yield names[0]


def _providers(option: str, known: dict[str, Package]) -> list[str]:
    if option in known:
        return [option]
    return [name for name, package in known.items() if option in package.provides]


def _package(paragraph: str) -> Package | None:
    fields: dict[str, str] = {}
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            fields[name] = value.strip()
    if "Package" not in fields or "Status" not in fields:
        return None
    depends = ",".join(fields[key] for key in ("Pre-Depends", "Depends") if key in fields)
    return Package(
        name=fields["Package"],
        version=fields.get("Version", ""),
        state=fields["Status"].split()[-1],
        essential=fields.get("Essential") == "yes" or fields.get("Protected") == "yes",
        depends=tuple(tuple(_names(group.split("|"))) for group in depends.split(",") if group.strip()),
        provides=tuple(_names(fields.get("Provides", "").split(","))),
    )


def _names(relations: Iterable[str]) -> Iterator[str]:
    for relation in relations:
        match = _RELATION.match(relation)
        if match:
            yield match.group(1)
