"""What of another ROCm has to go before one is installed, and what older installers left behind.

AMD: ROCm up to 7.2.4 is uninstalled before the Core SDK is installed, and before another release of the same stream. The
distribution's rocminfo has the higher version number and wins over AMD's of the same name (legacy-rocm-build#3656).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.planner.model import Context, Decision, Outcome

if TYPE_CHECKING:
    from control.rows import Rocm

#: AMD's packages up to 7.2 carry the release in their version: rocblas 5.2.0.70204-93~24.04 is of 7.2.4.
_CLASSIC = re.compile(r"\.(\d{5,6})-\d")
#: Names of the Core SDK's packages: amdrocm-core-sdk10.0-gfx1100, amdrocm-runtime10.0, amdrocm-amdsmi.
_CORE = re.compile(r"amdrocm(?:-[a-z-]*[a-z])?(?P<version>\d+\.\d+)?(?:-.+)?")
#: The driver's packages are numbered likewise; they are the role amdgpu's.
_DRIVER = re.compile(r"amdgpu.*|libdrm.*|linux-.*")
#: Addresses of AMD's ROCm repositories, as amdgpu-install and AMD's guides write them.
_ADDRESS = re.compile(r"repo\.radeon\.com/(?:rocm|graphics)|repo\.amd\.com/rocm")
#: Kinds of leftovers that are ROCm's whatever they say. Keys stay: a source that stays may be signed by one.
_KINDS = ("pin", "linker", "extra_groups")


def classic_release(name: str, version: str) -> str | None:
    """The release of an installed package of AMD's up to 7.2, None for any other: 7.2.4."""
    found = _CLASSIC.search(version)
    if not found or _DRIVER.fullmatch(name) or name.startswith("amdrocm"):
        return None
    digits = found[1].zfill(6)
    return ".".join(str(int(digits[at : at + 2])) for at in (0, 2, 4))


def core_release(name: str) -> str | None:
    """The release in the name of a package of the Core SDK: 10.0. Empty for one without, None for any other package."""
    found = _CORE.fullmatch(name)
    return (found["version"] or "") if found else None


def decide(ctx: Context, row: Rocm) -> Outcome:
    """``part`` has ``remove`` (packages) and ``leftovers``."""
    gone = {**_other_streams(ctx, row), **_other_releases(ctx, row), **_distro_tools(ctx, row)}
    cleaned = leftovers(ctx, row)
    decisions = list(cleaned.decisions)
    found = []
    if gone:
        why = "; ".join(dict.fromkeys(gone.values()))
        decisions.append(Decision("packages that go first", _some(gone), why, "rocm.replace"))
        if not all(name in _sealed(ctx) for name in gone):
            found.append(ctx.finding("GH-ROCM-REPLACES", f"{_some(gone)}: {why}"))
    return Outcome({"remove": sorted(gone), "leftovers": cleaned.part["leftovers"]}, decisions, found)


def _installed(ctx: Context) -> dict[str, str]:
    return {name: str(one.get("version") or "") for name, one in ctx.mapping("packages").items() if isinstance(one, Mapping)}


def _other_streams(ctx: Context, row: Rocm) -> dict[str, str]:
    """Packages of a stream that cannot stand beside the wanted one, each with the reason."""
    packages = _installed(ctx)
    if row.stream == "classic":
        return {name: "AMD's two streams exclude each other" for name in packages if core_release(name) is not None}
    why = "AMD's two streams exclude each other" if row.stream == "core" else "package names of both are the same"
    return {name: why for name, version in packages.items() if classic_release(name, version)}


def _other_releases(ctx: Context, row: Rocm) -> dict[str, str]:
    """Of the same stream: all of another classic release; of the Core SDK, whose releases stand side by side, our own."""
    packages = _installed(ctx)
    if row.stream == "classic":
        others = {name: one for name, version in packages.items() if (one := classic_release(name, version))}
        return {name: f"{one} goes before {row.version} comes" for name, one in others.items() if one != row.version}
    if row.stream != "core":
        return {}
    wanted = ".".join(row.version.split(".")[:2])
    ours = {core_release(name) for name in _sealed(ctx)} - {None, "", wanted}
    return {name: f"{core_release(name)} was gpuhost's" for name in packages if core_release(name) in ours}


def _distro_tools(ctx: Context, row: Rocm) -> dict[str, str]:
    """The distribution's tools: under AMD's older packages they have the same names, elsewhere only gpuhost's own go."""
    if row.stream == "distro":
        return {}
    distro = ctx.table.rocm_row("distro", ctx.system.id)
    names = set(distro.packages.runtime.names) if distro else set()
    if row.stream == "classic":
        names |= set(row.packages.runtime.names)
    there = {
        name: version for name, version in _installed(ctx).items() if name in names and not classic_release(name, version)
    }
    if row.stream == "core":
        there = {name: version for name, version in there.items() if name in _sealed(ctx)}
    return {name: f"the distribution's {name} {version} would hide AMD's" for name, version in there.items()}


def _sealed(ctx: Context) -> set[str]:
    """Packages that gpuhost's role answers for on this host."""
    seal = ctx.mapping("seals").get("rocm") or {}
    return {key.removeprefix("package:") for key in seal.get("items") or {} if key.startswith("package:")}


def sealed_versions(ctx: Context, row: Rocm) -> bool:
    """Whether gpuhost installed this row: its packages are in the role's seal."""
    levels = [row.packages.runtime, *([row.packages.full] if row.packages.full else [])]
    wanted = {name.partition("-{gfx}")[0] for level in levels for name in level.names}
    return any(sealed.startswith(name) for sealed in _sealed(ctx) for name in wanted)


def leftovers(ctx: Context, row: Rocm | None) -> Outcome:
    """What amdgpu-install and AMD's guides left: cleaned where gpuhost sets AMD's ROCm up, or nothing uses it any more."""
    vendor = [one for one in ctx.rows("rocm") if one.get("source") in ("classic", "core")]
    if vendor and (row is None or row.stream == "distro"):
        return Outcome({"leftovers": []})
    found = [entry for entry in ctx.rows("leftovers") if _is_rocms(entry)]
    part = [{"path": entry["path"], "kind": entry["kind"]} for entry in found]
    if not part:
        return Outcome({"leftovers": []})
    why = "two entries for one source stop apt" if row and row.repositories else "no ROCm of AMD's is installed any more"
    choice = f"moved to a backup: {', '.join(dict.fromkeys(entry['path'] for entry in part))}"
    return Outcome({"leftovers": part}, [Decision("leftovers of ROCm", choice, why, "rocm.leftovers")])


def _is_rocms(entry: Mapping[str, Any]) -> bool:
    text = f"{entry.get('text') or ''}"
    return entry.get("kind") in _KINDS or (entry.get("kind") == "source" and bool(_ADDRESS.search(text)))


def _some(names: Mapping[str, str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")
