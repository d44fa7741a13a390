"""Changes to recorded hosts, in the words of the planner's tests: which kernels, which driver, what the mirror has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Edit = Callable[[dict[str, Any]], None]

#: What is true of a release of AMD's driver in the truth table: package, DKMS source, number of the module.
RELEASES = {
    "30.30.4": ("1:6.16.13.30300400-2341068.24.04", "6.16.13-2341068.24.04", "6.16.13"),
    "30.20.0": ("1:6.16.6.30200000-2238411.24.04", "6.16.6-2238411.24.04", "6.16.6"),
    "6.2.4": ("1:6.8.5.60204-2041575.22.04", "6.8.5-2041575.22.04", "6.8.5"),
}


def kernel(release: str, **given: Any) -> Edit:
    """The running kernel, alone and without headers, or with what ``given`` says of ``kernel``."""

    def edit(host: dict[str, Any]) -> None:
        host["kernel"].update(release=release, headers_installed=[], installed=[installed(release)])
        host["kernel"]["boot"]["next"] = release
        host["kernel"]["modules"]["amdgpu"]["files"] = [file(release)]
        host["kernel"].update(given)

    return edit


def installed(release: str, headers: bool = False, image: bool = True) -> dict[str, Any]:
    return {"release": release, "version": "1", "image": image, "initrd": image, "headers": headers}


def file(release: str, in_tree: bool = True, srcversion: str = "AAAA") -> dict[str, Any]:
    path = "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko" if in_tree else "updates/dkms/amdgpu.ko"
    return {"release": release, "file": path, "srcversion": srcversion, "version": None, "in_tree": in_tree, "signer": None}


def kernels(*rows: dict[str, Any], boots: str = "") -> Edit:
    """Kernels on the host, newest first, each of :func:`installed`; the first boots next unless ``boots`` says otherwise."""

    def edit(host: dict[str, Any]) -> None:
        host["kernel"]["installed"] = list(rows)
        host["kernel"]["headers_installed"] = [row["release"] for row in rows if row["headers"]]
        host["kernel"]["boot"]["next"] = boots or rows[0]["release"]
        host["kernel"]["modules"]["amdgpu"]["files"] = [file(row["release"]) for row in rows]

    return edit


def offers(*names: str, without: tuple[str, ...] = (), **versions: str) -> Edit:
    """What the mirror has, and what it was asked for in vain."""

    def edit(host: dict[str, Any]) -> None:
        host["candidates"] = {name: [{"version": "1", "origin": "mirror"}] for name in names} | {
            name: [] for name in without
        }
        for name, version in versions.items():
            host["candidates"][name.replace("_", "-")] = [{"version": version, "origin": "mirror"}]

    return edit


def packages(**versions: str) -> Edit:
    """Installed packages; ``_`` in a name is ``-``."""

    def edit(host: dict[str, Any]) -> None:
        for name, version in versions.items():
            host["packages"][name.replace("_", "-")] = {"version": version, "origin": None}

    return edit


def not_driven(host: dict[str, Any]) -> None:
    """The GPU has no driver, and none is loaded."""
    for gpu in host["gpus"]:
        gpu.update(driver=None, kfd_node=None, render_minor=None, vram_bytes=None)
    host["kfd"] = {"present": False, "nodes": []}
    host["kernel"]["modules"]["amdgpu"].update(loaded=False, in_tree=None, version=None, srcversion=None)


def dkms(version: str, ours: bool = False) -> Edit:
    """A release of AMD's driver at work; ``ours``: from the package source that gpuhost writes."""

    def edit(host: dict[str, Any]) -> None:
        package, source, module = RELEASES[version]
        release = host["kernel"]["release"]
        host["packages"]["amdgpu-dkms"] = {"version": package, "origin": "amd.com"}
        host["kernel"]["modules"]["amdgpu"].update(
            loaded=True, in_tree=False, version=module, srcversion="BBBB", files=[file(release, False, "BBBB")]
        )
        host["dkms"] = [{"module": "amdgpu", "version": source, "kernel": release, "arch": "x86_64", "state": "installed"}]
        if ours:
            name = "/etc/apt/sources.list.d/gpuhost-amdgpu.sources"
            host["apt"]["sources"].append(
                {"file": name, "uris": ["https://repo.radeon.com/amdgpu/30.30.4/ubuntu"], "suites": []}
            )

    return edit


def gpu(device: str, gfx: str, **more: Any) -> Edit:
    """Another card in the place of the first."""

    def edit(host: dict[str, Any]) -> None:
        host["gpus"][0].update(device_id=device, revision="00", gfx=gfx, **more)
        for node in host["kfd"].get("nodes") or []:
            if node.get("simd_count"):
                node.update(gfx=gfx)

    return edit


def driven(gfx: str) -> Edit:
    """What a host looks like when the driver that was planned is at work."""

    def edit(host: dict[str, Any]) -> None:
        host["gpus"][0].update(driver="amdgpu", kfd_node=1, gfx=gfx, render_minor=128)
        host["kfd"] = {
            "present": True,
            "nodes": [{"node": 1, "kind": "gpu", "simd_count": 64, "gfx": gfx, "location_id": 768}],
        }

    return edit


def secure_boot(state: str, **signing: Any) -> Edit:
    def edit(host: dict[str, Any]) -> None:
        host["kernel"]["secure_boot"] = state
        host["kernel"]["signing"].update(signing)

    return edit


def virtual_machine(host: dict[str, Any]) -> None:
    """A lab's virtual machine: the GPU is made up, the kernel is real."""
    host["kernel"]["container"] = None
    host["kernel"]["modules"]["amdgpu"].update(loaded=False, in_tree=None, srcversion=None)
    host["kernel"]["modules"]["amdgpu"].pop("simulated", None)
