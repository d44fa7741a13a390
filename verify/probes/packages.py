"""Installed packages, read from the package manager's own files: no process is started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .host import Host

DPKG = "/var/lib/dpkg/status"
APK = "/lib/apk/db/installed"
#: Names that matter for a GPU host: kernel, firmware, driver, ROCm, container engine, firewall, Python.
MATTER = re.compile(
    r"linux-(image|headers|modules-extra|firmware)\b.*|firmware-.*|amdgpu.*|dkms|mokutil"
    r"|(amd)?rocm.*|rock-dkms.*|roc(blas|fft|rand|solver|sparse|prim|thrust|minfo|tracer|profiler).*|hip.*|hsa.*|lib(hip|hsa|roc|amd|miopen|rccl).*"
    r"|miopen.*|rccl.*|amd-smi.*|comgr|libdrm-amdgpu.*|libdrm2|nvidia-.*|cuda-.*"
    r"|docker.*|moby.*|containerd.*|runc|podman.*|buildah|crun"
    r"|python3(\.\d+)?(-venv|-pip|-minimal|-dev|-torch|-numpy|-apt|-requests)?|libtorch.*|ca-certificates|nftables|openssh-server|sudo|acl|ollama|gcc(-\d+)?|make|zstd"
)
#: Whose packages all matter: what of AMD's is installed goes as a whole before another release comes.
VENDORS = ("amd.com",)
#: Words of dpkg's Status line for a package that is wholly there.
DONE = "install ok installed", "hold ok installed"


def installed(sysroot: str = "/") -> dict[str, str]:
    """Every installed package and its version, by dpkg or apk.

    A package of another architecture than dpkg's first stands as `name:arch`. Raises :class:`OSError`
    (FileNotFoundError) where neither database is there.
    """
    return {name: fields["Version"] for name, fields in entries(Host(sysroot)) if fields["Status"] in DONE}


def entries(host: Host) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and fields (Version, Status, Maintainer, Architecture) of every package that has a version."""
    if host.exists(DPKG):
        yield from dpkg_entries(host.text(DPKG))
    elif host.exists(APK):
        yield from apk_entries(host.text(APK))
    else:
        raise FileNotFoundError("neither dpkg's nor apk's database is here: packages of this system are not known")


def dpkg_entries(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    seen: set[str] = set()
    for block in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture|Maintainer): (.*)$", block, re.MULTILINE))
        if "Package" not in fields or "Version" not in fields:
            continue
        name = fields["Package"]
        yield (f"{name}:{fields.get('Architecture')}" if name in seen else name), {"Status": "", **fields}
        seen.add(name)


def apk_entries(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for block in text.split("\n\n"):
        fields = dict(re.findall(r"^([PVm]):(.*)$", block, re.MULTILINE))
        if "P" in fields and "V" in fields:
            yield fields["P"], {"Version": fields["V"], "Status": DONE[0], "Maintainer": fields.get("m", "")}


def look_packages(host: Host) -> dict[str, Any]:
    """Installed packages that matter. `origin` is the domain of the maintainer's address: who built it."""
    return {
        name: {"version": fields["Version"], "origin": origin(fields.get("Maintainer", ""))}
        for name, fields in sorted(entries(host))
        if fields["Status"] in DONE
        and (MATTER.fullmatch(name.split(":")[0]) or origin(fields.get("Maintainer", "")) in VENDORS)
    }


def origin(maintainer: str) -> str | None:
    found = re.search(r"@([\w.-]+)>?\s*$", maintainer)
    return found.group(1) if found else None


def unfinished(host: Host) -> list[str]:
    """Packages that dpkg left half done (unpacked, half-configured, …), as `name: state`."""
    if not host.exists(DPKG):
        return []
    left = ("installed", "config-files", "not-installed")
    states = ((name, fields["Status"].split()[-1:]) for name, fields in entries(host))
    return sorted(f"{name}: {state[0]}" for name, state in states if state and state[0] not in left)
