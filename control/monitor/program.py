"""The program that tells a host's live figures, as one text: it is sent over the connection, and leaves nothing behind."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from control.paths import ROOT

#: What the program is made of, all of it from the standard library on.
MODULES = (
    "verify",
    "verify.engine",
    "verify.monitor",
    "verify.parsers",
    "verify.parsers.docker",
    "verify.parsers.drm_fdinfo",
    "verify.parsers.gpu_metrics",
    "verify.parsers.kfd",
    "verify.parsers.pp_dpm",
    "verify.probes",
    "verify.probes.containers",
    "verify.probes.gpu_processes",
    "verify.probes.gpus",
    "verify.probes.host",
    "verify.probes.live",
    "verify.probes.service_states",
)
#: Reads and runs what comes after the line `gpuhost <bytes>`. A line before it was meant for a sudo that did not ask.
LOADER = """\
import sys
if sys.version_info < (3, 9):
    sys.exit("python %d.%d is too old: 3.9 or newer is needed" % sys.version_info[:2])
line = b"-"
while line and not line.startswith(b"gpuhost "):
    line = sys.stdin.buffer.readline()
if line:
    exec(compile(sys.stdin.buffer.read(int(line.split()[1])), "<gpuhost>", "exec"))
"""


@dataclass(frozen=True)
class Way:
    """How a program is started on a host.

    :param prefix: the command that logs in, ``ssh`` with all its options; empty for this machine.
    :param sudo: whether root is somebody else there.
    :param problem: why there is no way.
    """

    host: str
    prefix: tuple[str, ...] = ()
    python: str = "/usr/bin/python3"
    sudo: bool = False
    problem: str = ""


def text(argv: Sequence[str], modules: Sequence[str] = MODULES, main: str = "verify.monitor") -> bytes:
    """What goes to the loader's standard input.

    :param argv: for ``main`` of the module of this name, which is one of ``modules``.
    """
    texts = {name: _source(name) for name in modules}
    program = f"{_source('verify.carried')}\nsys.exit(start({texts!r}, {main!r}, {list(argv)!r}))\n".encode()
    return b"gpuhost %d\n" % len(program) + program


def _source(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


def command(way: Way, password: bool = False) -> list[str]:
    """The command line that starts the loader there, as root where that can be had.

    :param password: the first line of its standard input is the one that sudo asks for. Without one, where sudo refuses,
        the program runs as whoever logged in, and says so in each of its lines.
    """
    run = shlex.join([way.python, "-I", "-S", "-c", LOADER])
    if way.sudo and password:
        script = f"exec sudo -k -S -p '' -- {run}"
    elif way.sudo:
        script = f"if sudo -n true 2>/dev/null; then exec sudo -n -- {run}; else exec {run}; fi"
    else:
        script = f"exec {run}"
    # The login shell may be any: one word for it, and a POSIX shell for the rest.
    return [*way.prefix, shlex.join(["/bin/sh", "-c", script])] if way.prefix else ["/bin/sh", "-c", script]
