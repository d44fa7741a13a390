"""Kernel parameters at every boot: added beside what the administrator has set, never in its place."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import files, paths
from .finding import FindingError

#: A file of gpuhost's own. GRUB's configuration is shell: it adds to the variable, whatever that holds by then.
DROP_IN = "/etc/default/grub.d/99-gpuhost.cfg"
GRUB_SETTINGS = "/etc/default/grub"
#: Only Debian and its derivatives make it read `grub.d`.
GRUB_MKCONFIG = "/usr/sbin/grub-mkconfig"
GRUB_MENU = "/boot/grub/grub.cfg"
RUNNING = "/proc/cmdline"
LIMIT_S = 300

_HEAD = "# Written by gpuhost: kernel parameters for the GPU, added to those that are set elsewhere.\n"
_LINE = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"\n'
#: For a GRUB that does not read the folder: one line at the end of its settings.
_SOURCE = f"[ ! -r {DROP_IN} ] || . {DROP_IN}  # gpuhost\n"
#: Reads GRUB's settings as GRUB's own scripts do: they are shell, and may compute.
_BEGIN, _END = "exec 3>&1 >/dev/null", """printf '%s' "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT" >&3"""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
# Nothing that a shell, or GRUB's own script, would read as more than itself.
_VALUE = re.compile(r"^[A-Za-z0-9_.,:/@%+=-]+$")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_ENTRY = re.compile(r"^\s*linux(?:efi|16)?\s+\S+(.*)$", re.MULTILINE)
_KERNELS = re.compile(r"### BEGIN \S*/10_linux ###(.*?)(?:### END \S*/10_linux ###|\Z)", re.DOTALL)

#: What 10_linux adds to an entry for repairs (GRUB_CMDLINE_LINUX_RECOVERY), which gets GRUB_CMDLINE_LINUX alone.
_RECOVERY = {"single", "recovery"}

#: ``{"name", "value"}``; value None is a parameter that stands alone.
Parameter = dict[str, Any]


@dataclass
class Merge:
    """``add``: words that are missing; ``held``: those there already; ``conflicts``: ``{name, wanted, found}``."""

    add: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    conflicts: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Outcome:
    """``words`` are what every boot now gets of what was wanted; ``manual`` those that a person has to add."""

    changed: bool = False
    words: list[str] = field(default_factory=list)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    manual: list[str] = field(default_factory=list)
    reboot_needed: bool = False


def merge(wanted: Iterable[Parameter], present: str) -> Merge:
    """What of ``wanted`` has to be added to the command line ``present``.

    A parameter that stands there with another value is somebody's decision: it stays, and is a conflict. As for the
    kernel, ``-`` and ``_`` in names are the same, and of several the last counts.

    :raises ValueError: for a name or value that is none.
    """
    values = _values(present)
    found = Merge()
    for parameter in wanted:
        word, name, value = _word(parameter), str(parameter["name"]), parameter.get("value")
        if _key(name) not in values:
            found.add.append(word)
        elif values[_key(name)] == (None if value is None else str(value)):
            found.held.append(word)
        else:
            there = _written(name, values[_key(name)])
            found.conflicts.append({"name": name, "wanted": word, "found": there})
    return found


def missing(words: Iterable[str], present: str) -> list[str]:
    """Which of ``words`` the command line ``present`` lacks, or has with another value."""
    values = _values(present)
    return [word for word in words if _values(word) != {key: values.get(key, "\0") for key in _values(word)}]


def ensure(wanted: list[Parameter], check: bool = False) -> Outcome:
    """Every boot gets ``wanted``, as far as nobody set them otherwise; without any, our drop-in is gone.

    :param check: only tell what would change.
    :raises FindingError: ``GH-BOOT-LOADER-FAILED`` when GRUB's menu cannot be made; drop-in and menu are as before.
    """
    running = _read(RUNNING)
    if not (paths.under(GRUB_MKCONFIG).exists() and paths.under(GRUB_MENU).parent.is_dir()):
        plan = merge(wanted, running)
        return Outcome(conflicts=plan.conflicts, words=plan.held, manual=plan.add)
    plan = merge(wanted, _settings(""))
    words, before, after = [*plan.add, *plan.held], _read(DROP_IN), _text(plan.add)
    dropped = [word for word in _words(before) if word not in words]
    outcome = Outcome(words=words, conflicts=plan.conflicts, manual=missing(words, _settings(after)))
    menu = _read(GRUB_MENU)
    outcome.changed = before != after or not set(missing_in_menu(words, menu)) <= set(outcome.manual)
    if outcome.changed and not check:
        _apply(before, after)
        outcome.changed = before != after or menu != _read(GRUB_MENU)
        outcome.manual = missing_in_menu(words, _read(GRUB_MENU))
    # No reboot brings what the menu does not get.
    coming = [word for word in words if word not in outcome.manual]
    outcome.reboot_needed = bool(missing(coming, running)) or any(not missing([word], running) for word in dropped)
    return outcome


def missing_in_menu(words: Sequence[str], menu: str) -> list[str]:
    """Which of ``words`` some kernel is started without, of those that GRUB itself put into its menu."""
    section = _KERNELS.search(menu)
    lines = [line for line in _ENTRY.findall(section[1] if section else menu) if not _RECOVERY & set(line.split())]
    lacking = {word for line in lines for word in missing(words, line)}
    return [word for word in words if word in lacking]


def _key(name: str) -> str:
    return name.replace("-", "_")


def _values(line: str) -> dict[str, str | None]:
    pairs = (word.replace('"', "").partition("=") for word in _WORD.findall(line))
    return {_key(name): value if equals else None for name, equals, value in pairs}


def _word(parameter: Parameter) -> str:
    name, value = str(parameter["name"]), parameter.get("value")
    if not _NAME.match(name) or (value is not None and not _VALUE.match(str(value))):
        raise ValueError(f"{_written(name, value)!r} cannot be a kernel parameter")
    return _written(name, value)


def _written(name: str, value: Any) -> str:
    return name if value is None else f"{name}={value}"


def _text(words: list[str]) -> str:
    """What the drop-in holds; nothing where it is not needed."""
    return _HEAD + _LINE.format(words=" ".join(words)) if words else ""


def _words(text: str) -> list[str]:
    """The parameters in a drop-in."""
    head, tail = _LINE.split("{words}")
    line = text[len(_HEAD) :]
    return line[len(head) : -len(tail)].split() if line.startswith(head) else []


def _read(path: str) -> str:
    try:
        return paths.under(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _reads_folder() -> bool:
    return "default/grub.d" in _read(GRUB_MKCONFIG)


def _settings(own: str) -> str:
    """What every kernel is started with, were ``own`` our drop-in.

    :raises FindingError: when GRUB's settings are not a shell script that runs.
    """
    texts = [_read(GRUB_SETTINGS).replace(_SOURCE, "")]
    name, others = Path(DROP_IN).name, {}
    if _reads_folder():
        found = paths.under(DROP_IN).parent.glob("*.cfg")
        others = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in found if path.name != name}
    texts += [text for _, text in sorted({**others, name: own}.items())]
    script = "\n".join([_BEGIN, *texts, _END, ""])
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=LIMIT_S, cwd="/", check=False)
    if done.returncode:
        raise FindingError("GH-BOOT-LOADER-FAILED", f"GRUB's settings cannot be read: {_last_line(done.stderr)}")
    return done.stdout


def _apply(before: str, after: str) -> None:
    """Drop-in and menu say what they should, or both are as before.

    A drop-in that is no longer needed is emptied first and goes last: whoever finds it knows that the menu is to be made.
    """
    _put(after or _HEAD)
    done = subprocess.run(["update-grub"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        _put(before)
        raise FindingError("GH-BOOT-LOADER-FAILED", f"update-grub: {_last_line(done.stderr)}", done.stderr)
    _put(after)


def _put(text: str) -> None:
    path, settings = paths.under(DROP_IN), _read(GRUB_SETTINGS)
    if text:
        files.write(path, text.encode(), mode=0o644)
    else:
        path.unlink(missing_ok=True)
    others = settings.replace(_SOURCE, "")
    ended = others if others.endswith("\n") or not others else f"{others}\n"
    wanted = others if not text or _reads_folder() else ended + _SOURCE
    if wanted != settings:
        found = paths.under(GRUB_SETTINGS)
        files.write(found, wanted.encode(), mode=found.stat().st_mode & 0o7777 if found.exists() else 0o644)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
