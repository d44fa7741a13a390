"""Kernel modules: whether the loaded one is the installed one, and exchanged while the host runs where that is safe."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import dkms, paths
from .finding import FindingError

SYSTEM = "/sys/module"
LIMIT_S = 180

# What modprobe says when the kernel refuses a signature (errno texts of EKEYREJECTED and ENOKEY, EBADMSG for a broken one).
_SIGNATURE = re.compile(r"Key was rejected by service|Required key not available|Bad message|Operation not permitted")
_TRUE, _FALSE = {"y", "1", "on", "true"}, {"n", "0", "off", "false"}


@dataclass
class State:
    """A module as it is. ``reasons``: why only a reboot brings what is wanted; empty when nothing is missing."""

    loaded: bool = False
    srcversion: str | None = None
    file: str | None = None
    file_srcversion: str | None = None
    changed: bool = False
    reasons: list[str] = field(default_factory=list)


def look(module: str) -> State:
    """The loaded module, and the file that ``modprobe`` would take for the kernel that runs."""
    loaded = _folder(module).is_dir()
    file, srcversion = _file(module, dkms.running())
    return State(loaded, _word(_folder(module) / "srcversion"), file, srcversion)


def ensure(
    module: str,
    kernels: list[str] | None = None,
    options: dict[str, str] | None = None,
    only_loaded: bool = False,
    check: bool = False,
) -> State:
    """The installed module for the running kernel is loaded, with ``options``, or ``reasons`` say what stands in the way.

    One that is in use is never pulled from under its users, nor is one that drives a device: that needs a reboot.

    :param kernels: releases that the driver was built for; empty or None where it is the kernel's own.
    :param only_loaded: leave a module that is not loaded alone.
    :param check: only tell.
    :raises FindingError: ``GH-MODULE-REJECTED`` or ``GH-MODULE-FAILED`` where the kernel does not take it.
    """
    running = dkms.running()
    if kernels and running not in kernels:
        state = look(module)
        state.reasons = [f"the driver is built for {', '.join(kernels)}, and {running} runs"]
        return state
    state = look(module)
    wrong = _wrong(module, state, options or {})
    if (only_loaded and not state.loaded) or (state.loaded and not wrong):
        return state
    if state.loaded and (held := _in_use(module)):
        state.reasons = [f"{'; '.join(wrong)}, and it cannot be exchanged now: {held}"]
        return state
    if not check:
        if state.loaded:
            _unload(module)
        load(module)
        state = look(module)
        if left := _wrong(module, state, {}):
            state.reasons = left
    state.changed = True
    return state


def load(module: str) -> None:
    """The module is loaded.

    :raises FindingError: why the kernel does not take it.
    """
    code, said = _modprobe(module)
    if code == 0:
        return
    if _SIGNATURE.search(said):
        raise FindingError("GH-MODULE-REJECTED", f"{said}{_signed(module)}")
    raise FindingError("GH-MODULE-FAILED", said)


def asked_for(lines: list[str]) -> dict[str, str]:
    """The options of one module out of lines as modprobe.d(5) has them."""
    found: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if len(words) > 2 and words[0] == "options":
            found.update({name: value for name, equals, value in (word.partition("=") for word in words[2:]) if equals})
    return found


def _wrong(module: str, state: State, options: dict[str, str]) -> list[str]:
    """What of the loaded module is not as the installed one would be."""
    if not state.loaded:
        return []
    found = []
    if state.file and state.srcversion != state.file_srcversion:
        found.append(
            f"the loaded {module} ({state.srcversion}) is another build than the installed one ({state.file_srcversion})"
        )
    for name, value in options.items():
        now = _word(_folder(module) / "parameters" / name)
        if now is not None and _plain(now) != _plain(value):
            found.append(f"{module} was loaded with {name}={now}, and {value} is wanted")
    return found


def _plain(value: str) -> str:
    word = value.strip().lower()
    return "y" if word in _TRUE else "n" if word in _FALSE else word


def _in_use(module: str) -> str:
    """Who would lose something if the module went, in words; empty when nobody would."""
    devices = [path.name for path in paths.under(f"/sys/bus/pci/drivers/{module}").glob("*:*:*.*")]
    if devices:
        return f"it drives {', '.join(sorted(devices))}"
    users = [path.name for path in (_folder(module) / "holders").glob("*")]
    if users:
        return f"{', '.join(sorted(users))} needs it"
    count = _word(_folder(module) / "refcnt")
    return "a program uses it" if count not in (None, "0") else ""


def _unload(module: str) -> None:
    code, said = _modprobe("-r", module)
    if code and _folder(module).is_dir():
        raise FindingError("GH-MODULE-FAILED", f"unloading {module}: {said}")


def _modprobe(*arguments: str) -> tuple[int, str]:
    try:
        done = subprocess.run(["modprobe", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        return 1, "there is no modprobe (package kmod)"
    return done.returncode, _last_line(done.stderr)


def _file(module: str, release: str) -> tuple[str | None, str | None]:
    path = _modinfo("filename", "-k", release, module)
    if path is None or not path.startswith("/"):
        return path, None
    return path, _modinfo("srcversion", path)


def _modinfo(field: str, *arguments: str) -> str | None:
    """One field of a module's description; None where there is no module, or it has none."""
    argv = ["modinfo", "-F", field, *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        return None
    lines = done.stdout.split("\n") if done.returncode == 0 else []
    return lines[0].strip() or None if lines else None


def _signed(module: str) -> str:
    """Who signed the file that was refused, for a person."""
    path, _ = _file(module, dkms.running())
    if path is None:
        return ""
    who = _modinfo("signer", path)
    return f" ({path} is signed by {who}, whom the kernel does not trust)" if who else f" ({path} is not signed)"


def _folder(module: str) -> Path:
    return paths.under(f"{SYSTEM}/{module.replace('-', '_')}")


def _word(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "modprobe said nothing"


def as_dict(state: State) -> dict[str, Any]:
    """What the Ansible module reports."""
    return dict(vars(state))
