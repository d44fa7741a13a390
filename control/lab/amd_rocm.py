"""Stand-ins for AMD's ROCm packages of both streams, from ``docker/lab/amd/rocm.yml``.

`rocminfo` is Debian's own program at AMD's place; `amd-smi` and `rocm-smi` say that they are stand-ins and see no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import yaml
from packaging.version import Version

from control import rows
from control.lab.amd_debs import STAND_IN, Deb
from control.lab.amd_driver import FOLDER
from control.lab.files import File
from control.lab.simulate import Link

_HSA = "libhsa-runtime64.so.1"
_PROGRAMS = ("rocminfo", "rocm_agent_enumerator")
#: What the links below /opt/rocm lead to.
_LINKED = ("bin", "lib", "include", "llvm", "amdgcn", "libexec", "share")


def classic(row: rows.Rocm, release: str) -> list[Deb]:
    """Packages of one release of the classic stream.

    :param release: what AMD calls the system at the end of a version, ``24.04``.
    """
    stream = _stream("classic")
    version = Version(row.version)
    own = {**stream["own"], **stream["releases"].get(row.version, {})}
    number = f"{version.major}{version.minor:02}{version.micro:02}"

    def version_of(name: str) -> str:
        return str(stream["version"]).format(
            own=own.get(name, row.version), digits=number, build=own.get("build", 1), release=release
        )

    made = []
    for name, said in stream["packages"].items():
        depends = [f"{one} (= {version_of(one)})" for one in said.get("depends", [])] + said.get("debian", [])
        content = _content(name, row)
        made.append(Deb(name, version_of(name), _what(content), depends=tuple(depends), **content))
    return made


def core(row: rows.Rocm) -> list[Deb]:
    """Packages of one release of the core stream: each by its name with the release in it (`amdrocm-base10.1`), and by its
    name alone, which depends on the other."""
    stream = _stream("core")
    short = ".".join(row.version.split(".")[:2])
    build = stream["releases"].get(row.version, {}).get("build", 1)
    version = str(stream["version"]).format(rocm=row.version, build=build)
    per_gfx = {name for name, said in stream["packages"].items() if said.get("gfx")}

    def deb(name: str, said: Mapping[str, Any], gfx: str = "") -> Deb:
        ours = [f"{one}{short}{gfx if one in per_gfx else ''} (= {version})" for one in said.get("depends", [])]
        content = _content(name, row) if not gfx else {}
        what = _what(content)
        return Deb(f"{name}{short}{gfx}", version, what, depends=(*ours, *said.get("debian", [])), **content)

    made = []
    for name, said in stream["packages"].items():
        made += [deb(name, said), Deb(name, version, "the newest release", depends=(f"{name}{short} (= {version})",))]
        made += [_scripted(deb(name, said, f"-{gfx}"), name, row) for gfx in row.targets if name in per_gfx]
    return made


def newest(found: Sequence[rows.Rocm], count: int) -> list[rows.Rocm]:
    """The newest release of each of the last ``count`` series (7.2, 7.1). ``found`` is newest first."""
    series: dict[tuple[int, ...], rows.Rocm] = {}
    for row in found:
        series.setdefault(Version(row.version).release[:2], row)
    return list(series.values())[:count]


def _content(name: str, row: rows.Rocm) -> dict[str, Any]:
    """Files, borrowed programs and scripts of a package that has any."""
    prefix = row.prefix.lstrip("/")
    rocminfo = {f"{prefix}/bin/{one}": f"usr/bin/{one}" for one in _PROGRAMS}
    version = {f"{prefix}/.info/version": File(f"{row.version}\n")}
    runtime = {f"{prefix}/lib/{_HSA}": Link(f"/usr/lib/x86_64-linux-gnu/{_HSA}")}
    folders = {f"{prefix}/{one}/README.stand-in": File(f"{STAND_IN}\n") for one in _LINKED}
    tools = {one: {f"{prefix}/bin/{one}": File(_script(one, row), mode=0o755)} for one in ("amd-smi", "rocm-smi")}
    contents: dict[str, dict[str, Any]] = {
        "rocm-core": {"files": version, "scripts": _scripts("rocm-core", row)},
        "hsa-rocr": {"files": runtime},
        "rocminfo": {"borrowed": rocminfo},
        "amd-smi-lib": {"files": tools["amd-smi"]},
        "rocm-smi-lib": {"files": tools["rocm-smi"]},
        "amdrocm-base": {"files": {**version, **runtime, **folders}, "borrowed": rocminfo},
        "amdrocm-amdsmi": {"files": tools["amd-smi"]},
        "amdrocm-core": {"scripts": _scripts("amdrocm-core", row)},
    }
    return contents.get(name, {})


def _scripted(deb: Deb, name: str, row: rows.Rocm) -> Deb:
    """The package for one GPU makes the same links as the one for all."""
    return Deb(deb.name, deb.version, deb.what, depends=deb.depends, scripts=_content(name, row).get("scripts", {}))


def _what(content: Mapping[str, Any]) -> str:
    if content.get("borrowed"):
        return "rocminfo is Debian's"
    return "its programs see no GPU" if content.get("files") else "nothing but its place among the others"


def _scripts(name: str, row: rows.Rocm) -> dict[str, str]:
    return {kind: _script(f"{name}.{kind}", row) for kind in ("postinst", "prerm")}


def _script(name: str, row: rows.Rocm) -> str:
    version = Version(row.version)
    words = {
        "@PREFIX@": row.prefix,
        "@ROCM@": row.version,
        "@VERSION@": row.version,
        "@MAJOR@": str(version.major),
        # As AMD weighs them: a newer release wins.
        "@PRIORITY@": str((version.major * 14 + version.minor) * 14 + version.micro),
    }
    text = (FOLDER / "scripts" / name).read_text()
    for word, value in words.items():
        text = text.replace(word, value)
    return text


@cache
def _stream(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((FOLDER / "rocm.yml").read_text())[name]
    return found
