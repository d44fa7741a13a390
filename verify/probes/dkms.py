"""DKMS modules, read from DKMS's own tree: `dkms status` is slow, and on a broken tree it prints only an error."""

from __future__ import annotations

from typing import Any

from .host import Host

TREE = "/var/lib/dkms"


def look_dkms(host: Host) -> list[dict[str, Any]]:
    """One row per module, version and kernel, with the words of `dkms status`.

    `added` has no kernel; `broken` is a version whose source is gone (`dkms status` stops at it).
    `installed` says that the file is in place for that kernel, not that it is loaded.
    """
    rows: list[dict[str, Any]] = []
    for folder in host.glob(f"{TREE}/*/*"):
        module, version = folder.split("/")[-2:]
        if host.link(f"{folder}/source"):
            rows += versions(host, module, version)
    return rows


def versions(host: Host, module: str, version: str) -> list[dict[str, Any]]:
    folder = f"{TREE}/{module}/{version}"
    if not host.exists(f"{folder}/source/dkms.conf"):
        return [row(module, version, None, None, "broken")]
    builds = [p.split("/")[-3:-1] for p in host.glob(f"{folder}/*/*/module")]
    rows = [row(module, version, kernel, arch, build_state(host, module, version, kernel, arch)) for kernel, arch in builds]
    return rows or [row(module, version, None, None, "added")]


def build_state(host: Host, module: str, version: str, kernel: str, arch: str) -> str:
    """`installed` where DKMS's link for the kernel names this version. Source: dkms, `_is_module_installed`."""
    said = host.link(f"{TREE}/{module}/kernel-{kernel}-{arch}") or ""
    return "installed" if said.rstrip("/").split("/")[-3:] == [version, kernel, arch] else "built"


def row(module: str, version: str, kernel: str | None, arch: str | None, state: str) -> dict[str, Any]:
    return {"module": module, "version": version, "kernel": kernel, "arch": arch, "state": state}
