"""Files of secrets and environment files: made once on the host, kept until somebody asks for new ones, told to nobody."""

from __future__ import annotations

import os
import re
import secrets as random
import stat
import string
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from . import files, paths
from .finding import FindingError

#: AnythingLLM cuts values at other characters (its docker/.env.example).
LETTERS_AND_DIGITS = string.ascii_letters + string.digits

_PLAIN = re.compile(r"^[A-Za-z0-9_./:@%+,=-]*$")
_ASSIGNMENT = re.compile(
    r"^(?P<before>\s*(?:export\s+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<quote>['\"]?)(?P<value>.*?)(?P=quote)\s*$"
)
_KEY = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.MULTILINE)


def ensure(
    path: str,
    length: int = 48,
    alphabet: str = LETTERS_AND_DIGITS,
    uid: int = 0,
    gid: int = 0,
    mode: int = 0o600,
    check: bool = False,
    value: str = "",
) -> bool:
    """The file holds a secret; whether it had to be made. One that is there keeps its value.

    :param value: what a new one is; without it ``length`` characters of ``alphabet`` by chance.
    :raises FindingError: ``GH-DATA-OWNER`` when the one that is there has another owner or is open to others.
    """
    target = paths.under(path)
    if _exists(target, uid, gid, mode):
        return False
    if not check:
        _create(target, (value or new_value(length, alphabet)).encode(), uid, gid, mode)
    return True


def new_value(length: int, alphabet: str = LETTERS_AND_DIGITS) -> str:
    """A secret that nobody has seen yet."""
    return "".join(random.choice(alphabet) for _ in range(length))


def read(path: str) -> str | None:
    """The secret in a file, or None where there is no file."""
    try:
        return paths.under(path).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def replace(path: str, value: str) -> None:
    """The file that is there holds ``value``, under the owner and mode that it had: before or after, never half."""
    _rewrite(paths.under(path), value)


def ensure_env_file(
    path: str,
    values: Mapping[str, str],
    secrets: Sequence[Mapping[str, object]] = (),
    uid: int = 0,
    gid: int = 0,
    mode: int = 0o600,
    check: bool = False,
    given: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """The file has every key of ``values`` and of ``secrets`` (``{name, length}``); the keys that were added.

    Keys that are there keep their values: they belong to the user. New lines are written into the same file,
    not into a new one in its place: a container that has it mounted sees them.

    :param given: what secrets are to be that are missing; others are made by chance.
    :raises FindingError: ``GH-DATA-OWNER`` as for a secret.
    """
    target = paths.under(path)
    there = _exists(target, uid, gid, mode)
    text = target.read_text(encoding="utf-8") if there else ""
    known = set(_KEY.findall(text))
    wanted = {**values, **{str(secret["name"]): given.get(str(secret["name"])) for secret in secrets}}
    missing = [name for name in wanted if name not in known]
    if check or (there and not missing):
        return missing
    lengths = {str(secret["name"]): int(str(secret.get("length") or 48)) for secret in secrets}
    added = "".join(_line(name, wanted[name], lengths) for name in missing)
    if not there:
        _create(target, added.encode(), uid, gid, mode)
    elif added:
        _append(target, added if not text or text.endswith("\n") else f"\n{added}")
    return missing


def read_env(path: str, names: Collection[str]) -> dict[str, str]:
    """The values of these keys, of those that the file has; where a key stands twice, the last counts, as for programs."""
    try:
        text = paths.under(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    found = (_ASSIGNMENT.match(line) for line in text.splitlines())
    return {match["name"]: match["value"] for match in found if match and match["name"] in names}


def replace_in_env(path: str, values: Mapping[str, str]) -> None:
    """Keys that are there have these values; everything else in the file, its owner and its mode stay as they were.

    Nobody may be writing to it meanwhile: it is another file afterwards.
    """
    target = paths.under(path)
    lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    _rewrite(target, "".join(_with_value(line, values) for line in lines))


def _with_value(line: str, values: Mapping[str, str]) -> str:
    found = _ASSIGNMENT.match(line.rstrip("\n"))
    if not found or found["name"] not in values:
        return line
    return f"{found['before']}{_line(found['name'], values[found['name']], {})}"


def _line(name: str, value: str | None, lengths: Mapping[str, int]) -> str:
    text = new_value(lengths[name]) if value is None else str(value)
    if _PLAIN.match(text):
        return f"{name}={text}\n"
    if "'" in text or "\n" in text:
        raise ValueError(f"the value of {name} holds a quote or a line break; an environment file cannot")
    return f"{name}='{text}'\n"


def _exists(target: Path, uid: int, gid: int, mode: int) -> bool:
    """Whether the file is there, as its service needs it.

    :raises FindingError: ``GH-DATA-OWNER`` where it is there in another way, with the command that mends it.
    """
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
        raise FindingError("GH-DATA-OWNER", f"{target} is {what}, yet a file is needed there; move it away")
    has = stat.S_IMODE(found.st_mode)
    group_reads = bool(mode & 0o070)
    if found.st_uid != uid or (group_reads and found.st_gid != gid):
        seen = f"{target} belongs to {found.st_uid}:{found.st_gid}, its service needs {uid}:{gid}"
        raise FindingError("GH-DATA-OWNER", f"{seen}; chown {uid}:{gid} {target}")
    if has & ~mode & 0o077:
        seen = f"{target} has mode {has:04o}, so others can read what is secret in it"
        raise FindingError("GH-DATA-OWNER", f"{seen}; chmod {mode:04o} {target}")
    return True


def _create(target: Path, data: bytes, uid: int, gid: int, mode: int) -> None:
    """The file exists with all of ``data``, its owner and mode; one that came to be meanwhile is not replaced."""
    _make_folders(target.parent)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.link(draft, target)
    finally:
        Path(draft).unlink()
    files.flush_folder(target.parent)


def _make_folders(folder: Path) -> None:
    """The folder exists; those of secrets are closed to others from their first moment."""
    if paths.secrets() == folder or paths.secrets() in folder.parents:
        files.make_folder(paths.etc())
        files.make_folder(folder, mode=0o700)
    else:
        files.make_folder(folder)


def _rewrite(target: Path, text: str) -> None:
    """Another file is in the place of this one: it was never open to anybody who the first was closed to."""
    before = target.stat()
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
            os.fchmod(stream.fileno(), stat.S_IMODE(before.st_mode))
            os.fsync(stream.fileno())
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink()
        raise
    files.flush_folder(target.parent)


def _append(target: Path, text: str) -> None:
    with target.open("a", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
