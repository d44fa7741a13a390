"""Take away what a role brought, and nothing else: the seal says what is ours, the baseline what was there before."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from . import backups, dpkg, engine_packages, files, paths, seals, step_records
from .footprint import Item, explain, item_id, matches
from .host import Host
from .removers import REMOVERS, remove_empty, remove_path

#: Containers before what they use, files before the folders that hold them, programs last.
ORDER = (
    "container",
    # With its application; in the database, which is a user's data, they stay.
    "settings",
    "model",
    "network",
    "image",
    "member",
    "file",
    "venv",
    "tree",
    "directory",
    "user",
    "kernel_module",
    "dkms",
    "package",
    "unit",
    "nft_table",
    "glob",
)


USER_DATA = "user data"
THEIRS = "was there before gpuhost"


@dataclass
class Outcome:
    """What went and what stayed, each with its item id; ``kept`` with the reason."""

    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)


def owned(role: str, given: list[Item] | None = None, keep: list[Item] | None = None) -> list[Item]:
    """Everything that a role has on this host: its seal, its baseline where it never got that far, and ``given``.

    :param keep: what is wanted still, and left out.
    """
    sealed = (seals.read(role) or {}).get("items", [])
    noted = [note["item"] for note in seals.baseline(role).values()]
    items = {item_id(item): item for item in [*noted, *sealed, *(given or [])]}
    wanted = {item_id(item) for item in keep or []}
    return sorted((item for key, item in items.items() if key not in wanted), key=lambda item: ORDER.index(item["kind"]))


def of_kinds(role: str, kinds: Collection[str]) -> list[Item]:
    """What a role has on this host of some kinds of item."""
    return [item for item in owned(role) if item["kind"] in kinds]


def remove(
    role: str,
    given: list[Item] | None = None,
    purge_data: bool = False,
    check: bool = False,
    host: Host | None = None,
    keep: list[Item] | None = None,
) -> Outcome:
    """All that the role brought is gone but its packages, which ``packages`` of the result names.

    User data stays unless ``purge_data``; what was there before gpuhost stays in any case, a configuration
    file with the content it had. So does what the role set aside in a backup.

    :param check: only tell what would go.
    :param keep: what the role wants on this host from now on: only the rest of what it has goes.
    """
    before = seals.baseline(role)
    outcome = Outcome()
    worker = _Removal(host or Host(), before, purge_data, check, outcome)
    items = owned(role, given, keep)
    if keep is None or any(item["kind"] == "package" for item in items):
        outcome.packages = _packages(role, items, before, outcome, keep or [])
    for item in items:
        worker.take(item)
    if keep is None:
        outcome.kept.update({f"backup:{folder}": _set_aside(names) for folder, names in backups.of_role(role).items()})
    return outcome


def finish(role: str, outcome: Outcome | None = None) -> None:
    """The role has no seal, and a baseline only for user data that stays; after the last role nothing else remembers.

    What the role had installed and another one uses is that one's from now on, and goes with it.
    """
    kept = outcome.kept if outcome else {}
    ours = {key.partition(":")[2] for key in kept if key.startswith("package:")}
    for name, other in _used_by_other_roles(
        role, ours & set((seals.read(role) or {}).get("installed_packages", []))
    ).items():
        seals.hand_over(other, name)
    # Whose the data is must still be known when somebody wants it purged later.
    seals.forget(role, keep={key for key, reason in kept.items() if reason == USER_DATA})
    if any(paths.seals().glob("*.json")) or not all(
        _holds_data_alone(path.stem) for path in paths.baseline().glob("*.json")
    ):
        return
    for folder in (paths.steps(), paths.library()):
        if folder.exists():
            shutil.rmtree(folder)
    if not any(paths.baseline().glob("*.json")):
        # Nothing of the users' data is here any more, and no model either.
        paths.models().unlink(missing_ok=True)
    for folder in (paths.seals(), paths.baseline(), paths.secrets(), paths.etc()):
        remove_empty(folder)


def settle(role: str, outcome: Outcome, keep: list[Item]) -> None:
    """Seal and baseline no longer name what of the role went, so that it is nobody's business should it come back."""
    stays = {key for key, reason in outcome.kept.items() if reason != THEIRS}
    seals.drop(role, {item_id(item) for item in owned(role, keep=keep)} - stays, outcome.packages)


def _holds_data_alone(role: str) -> bool:
    return all(note["item"].get("data") for note in seals.baseline(role).values())


def _set_aside(names: list[str]) -> str:
    return f"holds what gpuhost changed: {', '.join(names)}"


def _packages(role: str, items: list[Item], before: dict[str, Any], outcome: Outcome, keep: list[Item]) -> list[str]:
    """Packages that our transactions added, that no other software needs, and that are not among ``keep``."""
    named = {item["name"] for item in items if item["kind"] == "package"}
    sealed = seals.read(role)
    # A run that never got to its seal left what its transactions added in the history of its steps.
    added = {*(sealed or {}).get("installed_packages", []), *step_records.installed_with(named)}
    ours = added & set(dpkg.installed()) - {item["name"] for item in keep if item["kind"] == "package"}
    ours -= {key.partition(":")[2] for key, note in before.items() if key.startswith("package:") and note["present"]}
    for name, other in _used_by_other_roles(role, ours).items():
        outcome.kept[f"package:{name}"] = f"the role {other} uses it"
        ours.discard(name)
    # The engine first: where it stays, what it depends on has to stay as well.
    for name, reason in engine_packages.in_use(ours).items():
        outcome.kept[f"package:{name}"] = reason
        ours.discard(name)
    for name, needed_by in dpkg.needed_by_others(ours).items():
        outcome.kept[f"package:{name}"] = f"{needed_by} needs it"
        ours.discard(name)
    return sorted(ours)


def _used_by_other_roles(role: str, ours: set[str]) -> dict[str, str]:
    """Which of ``ours`` another role names or added, each with that role."""
    used: dict[str, str] = {}
    for other in seals.roles():
        seal = seals.read(other)
        if seal and other != role:
            named = {item["name"] for item in seal["items"] if item["kind"] == "package"}
            used.update(dict.fromkeys(ours & (named | set(seal["installed_packages"])), other))
    return used


class _Removal:
    """One pass over a role's items."""

    def __init__(self, host: Host, before: dict[str, Any], purge_data: bool, check: bool, outcome: Outcome) -> None:
        self._host = host
        self._before = before
        self._purge_data = purge_data
        self._check = check
        self._outcome = outcome

    def take(self, item: Item) -> None:
        """One item is gone, or stands among the kept with the reason."""
        key, kind = item_id(item), item["kind"]
        if kind in ("package", "unit", "dkms", "nft_table"):
            self._by_package(key, item)
            return
        if kind == "glob":
            # Their owners write there while they run: taken by `sweep`, once the packages are gone.
            return
        values = explain(item, self._host)
        if not values:
            return
        if "error" in values:
            self._outcome.kept[key] = str(values["error"])
            return
        note = self._before.get(key)
        if item.get("data") and not self._purge_data:
            self._outcome.kept[key] = USER_DATA
        elif note is None or note["present"]:
            self._put_back(key, item, note)
        else:
            self._remove(key, item)

    def _by_package(self, key: str, item: Item) -> None:
        """Packages go in one transaction afterwards, and take their units along; units of ours go with their file."""
        note = self._before.get(key) or {}
        if item["kind"] == "package" and note.get("present"):
            self._outcome.kept[key] = THEIRS

    def _put_back(self, key: str, item: Item, note: dict[str, Any] | None) -> None:
        """What was there before us stays; a file gets its content back."""
        if note is None:
            self._outcome.kept[key] = "nothing says that gpuhost made it"
            return
        content = base64.b64decode(note.get("content", ""))
        path = paths.under(item.get("path", "/"))
        if "content" not in note or path.read_bytes() == content:
            self._outcome.kept[key] = THEIRS
            return
        self._outcome.removed.append(f"{key} (its content from before is back)")
        if not self._check:
            found = path.stat()
            files.write(path, content, mode=found.st_mode & 0o7777)
            os.chown(path, found.st_uid, found.st_gid)

    def _remove(self, key: str, item: Item) -> None:
        if self._check:
            self._outcome.removed.append(key)
            return
        reason = REMOVERS[item["kind"]](item, self._host)
        if reason:
            self._outcome.kept[key] = reason
        else:
            self._outcome.removed.append(key)


def sweep(role: str, outcome: Outcome, given: list[Item] | None = None, keep: list[Item] | None = None) -> None:
    """Runtime files are gone, where none of them was there before and the software that writes them is gone too.

    What an installed package has brought is no runtime file.
    """
    before = seals.baseline(role)
    if any(key.startswith("package:") and "before" not in reason for key, reason in outcome.kept.items()):
        return
    for item in owned(role, given, keep):
        key = item_id(item)
        if item["kind"] != "glob" or before.get(key, {"present": True})["present"]:
            continue
        found = [path for path in matches(item["path"]) if not dpkg.holds(f"/{path.relative_to(paths.root())}")]
        for path in sorted(found, key=lambda path: len(path.parts)):
            remove_path(path)
        if found:
            outcome.removed.append(key)
        if item["path"].endswith("/**"):
            remove_empty(paths.under(item["path"][: -len("/**")]))
