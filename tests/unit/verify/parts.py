"""Operating systems and graphics cards that recorded hosts are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.unit.verify.recorded import GIB


@dataclass
class Card:
    """One GPU: its PCI ids, and its KFD node where the driver brought it up."""

    device: str
    pci: str = "0000:03:00.0"
    vendor: str = "1002"
    revision: str = "00"
    pci_class: str = "030000"
    driver: str | None = "amdgpu"
    gfx_version: int = 0
    simds: int = 0
    vram: int | None = None
    gtt: int | None = None
    render_minor: int | None = None
    boot_vga: bool = True
    unique_id: str | None = None


RX6600 = Card("73ff", revision="c7", gfx_version=100302, simds=56, vram=8573157376, gtt=16 * GIB, render_minor=128)
RX6700XT = Card("73df", revision="c1", gfx_version=100301, simds=80, vram=12868124672, gtt=16 * GIB, render_minor=128)
RX7900XTX = Card(
    "744c",
    revision="c8",
    gfx_version=110000,
    simds=192,
    vram=25753026560,
    gtt=32 * GIB,
    render_minor=128,
    unique_id="a1ffb3c9d5e7f011",
)
NOT_DRIVEN = Card("744c", revision="c8", driver=None)
RAPHAEL = Card(
    "164e",
    "0000:0f:00.0",
    revision="c1",
    gfx_version=100306,
    simds=4,
    vram=GIB // 2,
    gtt=16377958400,
    render_minor=129,
    boot_vga=False,
)
NVIDIA = Card("2684", "0000:01:00.0", vendor="10de", revision="a1", driver="nvidia", render_minor=128)
VIRTIO = Card("1050", "0000:00:01.0", vendor="1af4", revision="01", driver="virtio-pci")
DEAD = Card("75c1", "0000:00:03.0", pci_class="120000", driver=None, boot_vga=False)


SRCVERSION = "2BFA4D9C6A1E0F3377D1C55"


@dataclass
class System:
    """An operating system: what its files say."""

    os_release: str
    kernel: str
    python: str
    packages: dict[str, tuple[str, str]] = field(default_factory=dict)
    sources: str = ""
    sources_file: str = "/etc/apt/sources.list.d/debian.sources"
    render_gid: int | None = 992
    init: str = "systemd"
    #: How the distribution packs its modules, and whether it builds them with a srcversion.
    suffix: str = ".ko"
    srcversion: str | None = None


def debian(version: str, codename: str, kernel: str, python: str, python_version: str) -> System:
    release = f'PRETTY_NAME="Debian GNU/Linux {version} ({codename})"\nVERSION_ID="{version}"\n'
    release += f"VERSION_CODENAME={codename}\nID=debian\n"
    sources = f"Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {codename} {codename}-updates\nComponents: main\n"
    packages = {
        f"linux-image-{kernel}": (kernel.split("-")[0] + "-1", "lists.debian.org"),
        "firmware-amd-graphics": ("20250410-2", "lists.debian.org"),
        "python3": (python_version, "debian.org"),
        f"{python}-minimal": (python_version, "debian.org"),
        "ca-certificates": ("20250419", "debian.org"),
        "openssh-server": ("1:10.0p1-7", "lists.debian.org"),
        "sudo": ("1.9.16p2-3", "debian.org"),
    }
    return System(release, kernel, python, packages, sources, suffix=".ko.xz" if version == "13" else ".ko")


def ubuntu(version: str, codename: str, kernel: str, python: str, python_version: str) -> System:
    release = f'PRETTY_NAME="Ubuntu {version} LTS"\nVERSION_ID="{version}"\n'
    release += f"VERSION_CODENAME={codename}\nID=ubuntu\nID_LIKE=debian\n"
    sources = f"Types: deb\nURIs: http://archive.ubuntu.com/ubuntu/\nSuites: {codename} {codename}-updates\n"
    sources += "Components: main universe\n"
    packages = {
        f"linux-image-{kernel}": (kernel.removesuffix("-generic") + ".1", "lists.ubuntu.com"),
        f"linux-modules-extra-{kernel}": (kernel.removesuffix("-generic") + ".1", "lists.ubuntu.com"),
        "linux-firmware": ("20240318.git3b128b60-0ubuntu2.18", "lists.ubuntu.com"),
        "python3": (python_version, "lists.ubuntu.com"),
        f"{python}-minimal": (python_version, "lists.ubuntu.com"),
        "ca-certificates": ("20240203", "lists.ubuntu.com"),
        "openssh-server": ("1:9.6p1-3ubuntu13.14", "lists.ubuntu.com"),
    }
    suffix = ".ko" if version < "24" else ".ko.zst"
    source_list = "/etc/apt/sources.list.d/ubuntu.sources"
    return System(release, kernel, python, packages, sources, source_list, 993, suffix=suffix, srcversion=SRCVERSION)


DEBIAN12 = debian("12", "bookworm", "6.1.0-41-amd64", "python3.11", "3.11.2-6+deb12u6")
DEBIAN13 = debian("13", "trixie", "6.12.57+deb13-amd64", "python3.13", "3.13.5-2")
UBUNTU2204 = ubuntu("22.04", "jammy", "6.8.0-90-generic", "python3.10", "3.10.12-1~22.04.11")
UBUNTU2404 = ubuntu("24.04", "noble", "6.14.0-37-generic", "python3.12", "3.12.3-1ubuntu0.8")
ALPINE = System(
    'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.2\nPRETTY_NAME="Alpine Linux v3.22"\n',
    "6.12.55-0-lts",
    "python3.12",
    render_gid=None,
    init="init",
)
