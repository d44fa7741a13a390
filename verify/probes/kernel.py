"""The running kernel, those that are installed beside it, and what they would load."""

from __future__ import annotations

import re
from typing import Any

from ..parsers import kernel_log
from ..parsers.releases import order
from .boot import look_boot
from .gpus import AMD, CLASSES, pci_id
from .host import Host
from .modules import look_modules, look_parameters
from .packages import DONE, entries
from .signing import look_signing, secure_boot

IOMMU = "/sys/kernel/iommu_groups"
#: What dracut and initramfs-tools name their images.
INITRDS = "initrd.img-{}", "initramfs-{}.img", "initrd-{}"


def look_kernel(host: Host) -> dict[str, Any]:
    release = host.word("/proc/sys/kernel/osrelease")
    kernels, kind = installed(host), container(host, release or "")
    releases = [kernel["release"] for kernel in kernels]
    return {
        "release": release,
        "version": host.word("/proc/sys/kernel/version"),
        "cmdline": host.word("/proc/cmdline"),
        "headers_installed": headers(host),
        "secure_boot": secure_boot(host),
        "modules": look_modules(host, release, releases),
        "installed": kernels,
        "boot": look_boot(host, kind),
        "signing": look_signing(host),
        "parameters": look_parameters(host),
        "rejected": rejected(host, kind),
        "container": kind,
        "init": init(host),
    }


def headers(host: Host) -> list[str]:
    """Kernel releases for which a module can be built: their `build` link ends at a Makefile."""
    return sorted({path.split("/")[-3] for path in host.glob("/lib/modules/*/build/Makefile")})


def installed(host: Host) -> list[dict[str, Any]]:
    """Kernels with an image in `/boot` or modules of their own, newest first.

    A folder that holds nothing but what DKMS left of a removed kernel is none.
    """
    images = {path.split("vmlinuz-", 1)[1] for path in host.glob("/boot/vmlinuz-*")}
    modules = {path.split("/")[3] for path in host.glob("/lib/modules/*/kernel", "/lib/modules/*/modules.builtin")}
    if not images | modules:
        return []
    versions, can_build = package_versions(host), headers(host)
    return [
        {
            "release": release,
            "version": versions.get(release),
            "image": release in images,
            "initrd": any(host.exists(f"/boot/{name.format(release)}") for name in INITRDS),
            "headers": release in can_build,
        }
        for release in sorted(images | modules, key=order, reverse=True)
    ]


def package_versions(host: Host) -> dict[str, str]:
    """Version of the package that brought each kernel, by release."""
    try:
        known = dict(entries(host))
    except OSError:
        return {}
    names = ((re.fullmatch(r"linux-image-(?:unsigned-)?(\d.*)", name), fields) for name, fields in known.items())
    return {name[1]: fields["Version"] for name, fields in names if name and fields["Status"] in DONE}


def rejected(host: Host, kind: str | None) -> list[dict[str, str | None]]:
    """Modules that the kernel refused since it started. In a container the log is that of the machine below."""
    if kind:
        return []
    try:
        return kernel_log.parse(host.kernel_log())
    except PermissionError:
        host.needs_root.add("kernel.rejected")
    except OSError:
        pass  # a kernel without /dev/kmsg
    return []


def container(host: Host, release: str) -> str | None:
    """What kind of container this is, as systemd and the engines mark it; `wsl` for Microsoft's; None outside."""
    said = host.word("/run/systemd/container")
    if said:
        return said
    if host.exists("/.dockerenv"):
        return "docker"
    if host.exists("/run/.containerenv"):
        return "podman"
    found = re.search(r"(?:^|\0)container=([^\0]+)", host.word("/proc/1/environ") or "")
    if found:
        return found.group(1)
    return "wsl" if "microsoft" in release.lower() else None


def init(host: Host) -> str | None:
    return "systemd" if host.exists("/run/systemd/system") else host.word("/proc/1/comm")


def look_iommu(host: Host) -> dict[str, Any]:
    """Groups, and how an AMD GPU's addresses are translated: `identity` (not), `DMA`, `DMA-FQ`; None without an IOMMU.

    Source: kernel `Documentation/ABI/testing/sysfs-kernel-iommu_groups`. Older kernels do not tell the type.
    """
    groups = host.names(IOMMU)
    own = [path.rsplit("/", 1)[0] for path in host.glob("/sys/bus/pci/devices/*/vendor") if amd_gpu(host, path)]
    asked = [(host.link(f"{folder}/iommu_group") or "").rsplit("/", 1)[-1] for folder in own]
    types = [host.word(f"{IOMMU}/{group}/type") for group in [*filter(None, asked), *groups[:1]]]
    return {"groups": len(groups), "type": next(filter(None, types), None)}


def amd_gpu(host: Host, vendor_file: str) -> bool:
    pci = vendor_file.split("/")[-2]
    return pci_id(host, pci, "vendor") == AMD and pci_id(host, pci, "class")[:2] in CLASSES
