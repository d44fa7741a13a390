"""What AMD's installer and guides left on a host, taken out of its files; what they were stays in a backup.

What a leftover is, :mod:`verify.probes.leftovers` says: nothing else is touched, whatever a plan names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from . import backups, files, paths

try:
    from ansible.module_utils.verify.probes import leftovers as probe
    from ansible.module_utils.verify.probes.host import Host as ProbedHost
except ImportError:
    from verify.probes import leftovers as probe
    from verify.probes.host import Host as ProbedHost

_GROUPS = re.compile(r"^\s*EXTRA_GROUPS=[\"']?(?:video|render)(?:\s+(?:video|render))*[\"']?\s*$")
_GUIDE_SWITCH = re.compile(r"^\s*ADD_EXTRA_GROUPS=1\s*$")
_GROUPS = re.compile(r"^\s*EXTRA_GROUPS\s*=")

Leftover = Mapping[str, Any]


@dataclass
class Outcome:
    """``cleaned``: paths; ``backup``: the folder that holds what they were, empty where nothing was cleaned."""

    cleaned: list[str] = field(default_factory=list)
    backup: str = ""


def clean(role: str, planned: Iterable[Leftover], check: bool = False) -> Outcome:
    """None of the leftovers in ``planned`` (``{path, kind}``) is there any more; a package is not this function's.

    A file that held nothing else is gone, another has lost those lines alone. Each is in the backup before, as it was; of a
    link its content too.

    :param check: only tell.
    """
    wanted = {(one["path"], one["kind"]) for one in planned if one["kind"] in _WITHOUT}
    found = [
        one for one in probe.look_leftovers(ProbedHost(os.fspath(paths.root()))) if (one["path"], one["kind"]) in wanted
    ]
    rest = {one["path"]: _WITHOUT[one["kind"]](_text(one["path"])) for one in found}
    changes = {path: text for path, text in rest.items() if text != _text(path) or (not text and _is_link(path))}
    outcome = Outcome(cleaned=sorted(changes))
    if not changes or check:
        return outcome
    folder = backups.keep(role, [one for one in found if one["path"] in changes])
    outcome.backup = f"/{folder.relative_to(paths.root())}"
    for path, text in changes.items():
        _replace(paths.under(path), text)
    return outcome


def _replace(path: Path, text: str) -> None:
    """``text`` is in the file; where it is empty, the file is gone. A link becomes a file: what it led to is not ours."""
    if not text.strip():
        path.unlink()
        return
    before = path.stat()
    files.write(path, text.encode(errors="surrogateescape"), mode=before.st_mode & 0o7777)
    os.chown(path, before.st_uid, before.st_gid)


def _text(path: str) -> str:
    try:
        return paths.under(path).read_text(encoding="utf-8", errors="surrogateescape")
    except UnicodeError:
        return ""


def _is_link(path: str) -> bool:
    return paths.under(path).is_symlink()


def _nothing(text: str) -> str:
    return ""


def _without_source(text: str) -> str:
    """Without AMD's entries, in either of apt's two formats. Comments alone are no reason to keep a file."""
    if probe.amd_lines(text):
        gone = set(probe.amd_lines(text))
        left = [line for line in text.splitlines(keepends=True) if line.rstrip("\n") not in gone]
        return _unless_comments("".join(left))
    gone = {part.strip() for part in probe.amd_stanzas(text)}
    return _unless_comments(_joined(part for part in _stanzas(text) if part.strip() not in gone))


def _without_pin(text: str) -> str:
    return _unless_comments(_joined(part for part in _stanzas(text) if not probe.AMD_PIN.search(part)))


def _without_linker(text: str) -> str:
    left = [line for line in text.splitlines(keepends=True) if not line.strip().startswith("/opt/rocm")]
    return _unless_comments("".join(left))


def _without_groups(text: str) -> str:
    """Without the guides' lines; the switch stays where a site's own groups need it."""
    lines = [line for line in text.splitlines(keepends=True) if not probe.GUIDE_GROUPS.match(line)]
    needed = any(_GROUPS.match(line) for line in lines)
    return "".join(line for line in lines if needed or not probe.GUIDE_SWITCH.match(line))


def _stanzas(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts)


def _unless_comments(text: str) -> str:
    """``text``, or nothing where only comments are left of it."""
    return text if any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()) else ""


#: Kind -> what is left of a file's text.
_WITHOUT: dict[str, Callable[[str], str]] = {
    "source": _without_source,
    "pin": _without_pin,
    "key": _nothing,
    "linker": _without_linker,
    "extra_groups": _without_groups,
}
