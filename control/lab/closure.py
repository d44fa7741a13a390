"""Which wheels are still missing for one Python.

pip resolves for another Python's wheels, but asks *its own* Python whether a dependency is needed ("only before
3.12"). On a control node with a newer Python than the host's, such dependencies would be left out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

#: Requirements that the metadata of a project's wheel names, or None where there is no wheel of it.
Metadata = Callable[[str], list[str] | None]


def missing(requirements: Iterable[str], python: str, metadata: Metadata) -> list[str]:
    """Requirements, given or followed from given ones, for which there is no wheel; sorted.

    :param python: ``3.11``; on Linux, x86-64, CPython.
    """
    environment = _environment(python)
    waiting = [Requirement(one) for one in requirements]
    seen: set[tuple[str, str]] = set()
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), one.extras or {""}
        depends = metadata(name)
        if depends is None:
            found.add(str(Requirement(str(one).split(";")[0])))
            continue
        new = {(name, extra) for extra in extras | {""}} - seen
        seen |= new
        for _, extra in new:
            waiting += [further for text in depends if _holds(further := Requirement(text), environment, extra)]
    return sorted(found)


def applying(requirements: Iterable[str], python: str) -> list[str]:
    """The requirements whose condition holds for this Python, without the condition."""
    environment = _environment(python)
    return [text.split(";")[0].strip() for text in requirements if _holds(Requirement(text), environment, "")]


def wheel_metadata(folder: Path, python: str) -> Metadata:
    """Looks into the wheels of a folder; those for another Python count as missing."""
    wheels = {name: path for path in sorted(folder.glob("*.whl")) if (name := _project(path, python))}

    def metadata(name: str) -> list[str] | None:
        path = wheels.get(name)
        return None if path is None else requires_dist(path)

    return metadata


def requires_dist(wheel: Path) -> list[str]:
    """The dependencies that a wheel's own metadata names, with their conditions."""
    with zipfile.ZipFile(wheel) as archive:
        entry = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(entry).decode()).get_all("Requires-Dist") or []


def _project(path: Path, python: str) -> str | None:
    """The project's name if its wheel fits this Python."""
    name, _, _, tags = parse_wheel_filename(path.name)
    digits = python.replace(".", "")
    fits = any(tag.interpreter in {f"cp{digits}", "py3", "py2.py3"} or tag.abi == "abi3" for tag in tags)
    return name if fits else None


def _environment(python: str) -> Mapping[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_release": "",
        "platform_version": "",
    }


def _holds(requirement: Requirement, environment: Mapping[str, str], extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra})
