"""Python packages for the mirror and for image builds, fetched on this machine with its own pip settings."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from control import support
from control.lab import closure
from control.lab.errors import BuildError
from control.lab.inventory import PYTORCH
from control.paths import ROLES_DIR, ROOT

#: What the images that gpuhost builds on a host take from the package index.
REQUIREMENTS = tuple(ROOT / "docker" / name / "requirements.txt" for name in ("jupyter", "login"))


#: Times that wheels are looked through for what they depend on.
_ROUNDS = 5
#: Requirements named in a line; a pinned set has a hundred.
_NAMED = 4


@dataclass(frozen=True)
class WheelSet:
    """Requirements that are resolved together, for one Python (``3.11``); ``no_deps``: these and nothing that they need."""

    python: str
    requirements: tuple[str, ...]
    index_url: str = ""
    no_deps: bool = False

    def __str__(self) -> str:
        more = len(self.requirements) - _NAMED
        return ", ".join([*self.requirements[:_NAMED], *([f"{more} more"] if more > 0 else [])])

    def as_list(self) -> list[Any]:
        return [self.python, list(self.requirements), self.index_url, *(["no deps"] if self.no_deps else [])]


def wanted(releases: Sequence[int]) -> list[WheelSet]:
    """What hosts of these Debian releases and the containers on them install from the package index."""
    table = support.load()
    defaults = yaml.safe_load((ROLES_DIR / "pytorch" / "defaults" / "main.yml").read_text())
    extras = tuple(defaults["pytorch_requirements"])
    sets = []
    for release in releases:
        python = table.system_by_id(f"debian-{release}").python
        sets.append(WheelSet(python, extras))
        if PYTORCH[release] == "cpu":
            row = table.torch_rows("cpu")[0]
            sets.append(WheelSet(python, (row.requirement or "torch", *extras), row.index_url or ""))
    # What is installed in containers, on the plain Python image.
    container_python = table.image("python-slim").python or sets[0].python
    extensions = tuple(one for row in table.services() for one in row.extensions.values())
    for name, more in (("jupyter", extensions), ("login", ())):
        pinned = requirement_lines((ROOT / "docker" / name / "requirements.txt").read_text())
        sets.append(WheelSet(container_python, (*pinned, *more)))
    return sets


def requirement_lines(text: str) -> list[str]:
    """The requirements of a file, without comments, options and hashes (pip takes either all hashes or none)."""
    joined = text.replace("\\\n", " ")
    stripped = [re.split(r"\s(?:#|--hash)|^#", line.strip(), maxsplit=1)[0].strip() for line in joined.splitlines()]
    return [line for line in stripped if line and not line.startswith("-")]


def download(wheels: WheelSet, folder: Path) -> None:
    """Every wheel of the set, dependencies included, is in the folder. Raises BuildError with pip's own words."""
    folder.mkdir(parents=True, exist_ok=True)
    _fetch(replace(wheels, requirements=tuple(closure.applying(wheels.requirements, wheels.python))), folder)
    if wheels.no_deps:
        return
    for _ in range(_ROUNDS):
        more = closure.missing(wheels.requirements, wheels.python, closure.wheel_metadata(folder, wheels.python))
        if not more:
            return
        _fetch(replace(wheels, requirements=tuple(more)), folder)
    raise BuildError(
        f"wheels for Python {wheels.python} are still missing after {_ROUNDS} rounds: {', '.join(more)}",
        "the lab's package index must hold all that a host installs",
        "name their versions in the requirements they come from",
    )


def _fetch(wheels: WheelSet, folder: Path) -> None:
    """pip has put the wheels of these requirements into the folder.

    The wheels that are there without the further index are tried first: a machine may have them at hand.
    """
    ways = [_local_build(wheels), wheels.requirements] if wheels.index_url else [wheels.requirements]
    said, alone = "", ["--no-deps"] if wheels.no_deps else []
    for requirements in ways:
        further = [] if requirements is ways[0] else ["--extra-index-url", wheels.index_url]
        done = subprocess.run(
            [*_pip(wheels.python), *alone, "--dest", str(folder), *further, *requirements],
            capture_output=True, text=True, check=False, env=os.environ | {"PIP_NO_INPUT": "1"},
        )  # fmt: skip
        if done.returncode == 0:
            return
        said = "\n    ".join(done.stderr.strip().splitlines()[-4:])
    raise BuildError(
        f"pip could not fetch {wheels} for Python {wheels.python}:\n    {said}",
        "the lab's package index is filled from this machine",
        f"try it by hand: python3 -m pip download --python-version {wheels.python} --only-binary=:all: …",
    )


def _local_build(wheels: WheelSet) -> tuple[str, ...]:
    """`torch==2.13.0` as `torch==2.13.0+cpu`: on PyPI the plain number is the build for another vendor's GPUs."""
    build = wheels.index_url.rstrip("/").rsplit("/", 1)[-1]
    return tuple(f"{one}+{build}" if re.fullmatch(r"torch==[\d.]+", one) else one for one in wheels.requirements)


def _pip(python: str) -> list[str]:
    return [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--implementation", "cp", "--python-version", python,
    ]  # fmt: skip


def write_index(files: Path, simple: Path) -> int:
    """A package index (PEP 503) over the wheels in ``files`` is in ``simple``; the number of projects is returned."""
    projects: dict[str, list[Path]] = {}
    for path in sorted(files.glob("*.whl")):
        projects.setdefault(normal_name(path.name.split("-", 1)[0]), []).append(path)
    for project, paths in projects.items():
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        _write(simple / project / "index.html", project_page(project, digests))
    _write(simple / "index.html", root_page(list(projects)))
    return len(projects)


def normal_name(name: str) -> str:
    """A project's name as PEP 503 writes it in addresses."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_page(project: str, digests: Mapping[str, str]) -> str:
    """The page of one project: a link per file, with its SHA-256."""
    links = [f'<a href="../../files/{quote(n)}#sha256={d}">{escape(n)}</a><br>' for n, d in digests.items()]
    return _page(project, links)


def root_page(projects: Sequence[str]) -> str:
    return _page("Simple index", [f'<a href="{name}/">{name}</a><br>' for name in sorted(projects)])


def _page(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    return f"<!DOCTYPE html>\n<html><head><title>{escape(title)}</title></head><body>\n{body}\n</body></html>\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
