"""Hosts that never were: small file trees, shaped like the real ones, and the snapshots taken of them.

`python -m tests.unit.verify.hosts` writes `tests/samples/snapshots/*.json` anew; a test compares them.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verify.engine import EngineError
from verify.probes.host import Host
from verify.snapshot import take

SNAPSHOTS = Path(__file__).parents[2] / "samples" / "snapshots"
GIB = 1024**3


class RecordedHost(Host):
    """A tree, with the answers that no file holds. As root unless told otherwise."""

    root_user = True
    api: dict[str, Any] | None = None

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.nodes: dict[str, tuple[int, int, int, int, int, str]] = {}
        self.sizes = {"/": (250 * GIB, 180 * GIB)}
        self.locks: dict[str, int] = {}
        self.user: str | None = "ada"

    def now(self) -> str:
        return "2026-11-22T12:00:00Z"

    def clock(self) -> float:
        return 0.0

    def is_root(self) -> bool:
        return self.root_user

    def process_groups(self) -> list[int]:
        return [0] if self.root_user else [1000]

    def login_user(self) -> str | None:
        return self.user

    def machine(self) -> str:
        return "x86_64"

    def python_running(self) -> tuple[str, str]:
        return "", ""

    def space(self, path: str) -> tuple[int, int]:
        return self.sizes[path]

    def stat(self, path: str) -> os.stat_result:
        if path not in self.nodes:
            return super().stat(path)
        major, minor, uid, gid, mode, _ = self.nodes[path]
        device = {"st_rdev": os.makedev(major, minor)}
        return os.stat_result((stat.S_IFCHR | mode, 1, 1, 1, uid, gid, 0, 0, 0, 0), device)

    def has_acl(self, path: str) -> bool:
        return False

    def try_open(self, path: str) -> str:
        return self.nodes[path][5]

    def user_name(self, uid: int) -> str | None:
        return None

    def group_name(self, gid: int) -> str | None:
        return None

    def lock_holder(self, path: str) -> int | None:
        if not self.root_user:
            raise PermissionError(path)
        return self.locks.get(path)

    def engine(self) -> Any:
        return RecordedEngine(self.api)


@dataclass
class RecordedEngine:
    """An engine's answers by path; without any, its socket refuses."""

    api: dict[str, Any] | None

    def get(self, path: str) -> Any:
        if self.api is None:
            raise EngineError(0, "permission denied on /var/run/docker.sock")
        if path not in self.api:
            raise EngineError(404, f"no such path {path}")
        return self.api[path]


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
    return System(release, kernel, python, packages, sources)


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
    return System(release, kernel, python, packages, sources, "/etc/apt/sources.list.d/ubuntu.sources", 993)


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


class Builder:
    """Writes one host's tree below `root`; each method adds a part and gives the builder back."""

    def __init__(self, root: Path, system: System) -> None:
        self.root, self.system = root, system
        self.host = RecordedHost(str(root))
        self.packages = {"base-files": ("13", "debian.org"), **system.packages}
        self.base()

    def write(self, path: str, text: str, below: str = "") -> None:
        target = self.root / (below + path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def link(self, path: str, to: str, below: str = "") -> None:
        target = self.root / (below + path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)

    def base(self) -> None:
        system = self.system
        self.write("/etc/os-release", system.os_release)
        self.write("/proc/sys/kernel/osrelease", system.kernel + "\n")
        self.write("/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC\n")
        self.write("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{system.kernel} root=UUID=5f2c ro quiet\n")
        processors = "".join(
            f"processor\t: {n}\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 7 5700X 8-Core Processor\n\n"
            for n in range(16)
        )
        self.write("/proc/cpuinfo", processors)
        self.write(
            "/proc/meminfo",
            "MemTotal:       32768000 kB\nMemFree:  1000000 kB\nMemAvailable:   29000000 kB\nSwapTotal:      1000000 kB\n",
        )
        self.write(
            "/proc/self/mounts", "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\ntmpfs /run tmpfs rw 0 0\n"
        )
        self.write("/proc/1/comm", system.init + "\n")
        if system.init == "systemd":
            (self.root / "run/systemd/system").mkdir(parents=True)
        groups = "root:x:0:\nsudo:x:27:ada\nvideo:x:44:\nada:x:1000:\n"
        groups += f"render:x:{system.render_gid}:\n" if system.render_gid else ""
        self.write("/etc/group", groups)
        self.write(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n",
        )
        self.write(f"/usr/bin/{system.python}", "")
        self.link("/usr/bin/python3", system.python)
        self.write("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\6\0\0\0\0")
        self.write(
            f"/lib/modules/{system.kernel}/modules.dep",
            "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz: kernel/drivers/video/backlight.ko\n",
        )
        self.listen((22, 700, "sshd"))
        if system.sources:
            self.write(system.sources_file, system.sources)

    def listen(self, *ports: tuple[int, int, str]) -> Builder:
        """Port, pid and name of listening processes, all on 0.0.0.0."""
        lines = ["  sl  local_address rem_address   st"]
        for n, (port, pid, name) in enumerate(ports):
            lines.append(
                f"   {n}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {9000 + pid} 1"
            )
            self.write(f"/proc/{pid}/comm", name + "\n")
            if not (self.root / f"proc/{pid}/fd/3").is_symlink():
                self.link(f"/proc/{pid}/fd/3", f"socket:[{9000 + pid}]")
        self.write("/proc/net/tcp", "\n".join(lines) + "\n")
        self.write("/proc/net/tcp6", lines[0] + "\n")
        return self

    def gpus(self, *cards: Card, below: str = "", kfd: bool = True) -> Builder:
        """Cards on the bus, the amdgpu module where one is bound to it, and the compute topology."""
        bound = [card for card in cards if card.driver == "amdgpu"]
        if bound or kfd:
            self.write("/sys/module/amdgpu/initstate", "live\n", below)
            self.write("/sys/module/amdgpu/srcversion", "2BFA4D9C6A1E0F3377D1C55\n", below)
            self.write("/sys/module/amdgpu/taint", "\n", below)
            self.node(0, cpu_cores_count=16, simd_count=0, below=below)
            self.character("/dev/kfd", 241, 0, self.system.render_gid or 0)
        for number, card in enumerate(bound, 1):
            self.compute(number, card, below)
        for number, card in enumerate(cards):
            self.pci(card, number, below)
        return self

    def compute(self, number: int, card: Card, below: str) -> None:
        bus, device = (int(part, 16) for part in card.pci.split(".")[0].split(":")[1:])
        self.node(
            number,
            cpu_cores_count=0,
            simd_count=card.simds,
            simd_per_cu=2,
            gfx_target_version=card.gfx_version,
            vendor_id=4098,
            device_id=int(card.device, 16),
            location_id=bus << 8 | device << 3,
            domain=0,
            drm_render_minor=card.render_minor,
            num_xcc=1,
            below=below,
        )
        bank = card.gtt if card is RAPHAEL else card.vram
        folder = f"/sys/class/kfd/kfd/topology/nodes/{number}"
        self.write(f"{folder}/mem_banks/0/properties", f"heap_type 1\nsize_in_bytes {bank}\n", below)

    def node(self, number: int, below: str = "", **properties: int | None) -> None:
        folder = f"/sys/class/kfd/kfd/topology/nodes/{number}"
        self.write(f"{folder}/properties", "".join(f"{name} {value}\n" for name, value in properties.items()), below)
        self.write(f"{folder}/gpu_id", f"{21330 + number if properties['simd_count'] else 0}\n", below)

    def pci(self, card: Card, number: int, below: str) -> None:
        folder = f"/sys/bus/pci/devices/{card.pci}"
        ids = {"vendor": card.vendor, "device": card.device, "revision": card.revision, "class": card.pci_class}
        for name, value in {**ids, "subsystem_vendor": "1da2", "subsystem_device": "e447"}.items():
            self.write(f"{folder}/{name}", f"0x{value}\n", below)
        self.write(f"{folder}/boot_vga", f"{int(card.boot_vga)}\n", below)
        for name, number_of in (
            ("mem_info_vram_total", card.vram),
            ("mem_info_gtt_total", card.gtt),
            ("unique_id", card.unique_id),
        ):
            if number_of is not None:
                self.write(f"{folder}/{name}", f"{number_of}\n", below)
        if card.driver:
            self.link(f"{folder}/driver", f"../../../../bus/pci/drivers/{card.driver}", below)
        if card.render_minor is not None:
            (self.root / below.lstrip("/") / folder.lstrip("/") / f"drm/renderD{card.render_minor}").mkdir(parents=True)
            self.character(f"/dev/dri/card{number}", 226, number, 44)
            self.character(f"/dev/dri/renderD{card.render_minor}", 226, card.render_minor, self.system.render_gid or 0)

    def character(self, path: str, major: int, minor: int, gid: int, opens: str = "ok") -> None:
        """A device node: an empty file here, whose numbers the recorded host tells."""
        self.write(path, "")
        self.host.nodes[path] = (major, minor, 0, gid, 0o660, opens)

    def opening_gives(self, error: str) -> Builder:
        """Every device node answers so, as one does that was made by mknod with no driver behind it."""
        self.host.nodes = {path: (*node[:5], error) for path, node in self.host.nodes.items()}
        return self

    def simulated(self, *cards: Card) -> Builder:
        """A container host of the lab: the GPU is a tree of files below `/opt/gpuhost-lab/sim`."""
        sim = "/opt/gpuhost-lab/sim"
        self.write("/etc/gpuhost/simulated.json", json.dumps({"sysroot": sim, "note": "the lab's GPU"}))
        self.write("/.dockerenv", "")
        return self.gpus(*cards, below=sim).opening_gives("ENXIO")

    def add(self, origin: str, **packages: str) -> Builder:
        """Packages by name (with `_` for `-`) and version, all built by `origin`."""
        self.packages.update({n.replace("_", "-"): (v, origin) for n, v in packages.items()})
        return self

    def installed(self) -> Builder:
        rows = sorted(self.packages.items())
        if self.system.init == "init":
            self.write("/lib/apk/db/installed", "".join(f"P:{n}\nV:{v}\nm:A <a@{o}>\n\n" for n, (v, o) in rows))
            return self
        blocks = (
            f"Package: {n}\nStatus: install ok installed\nMaintainer: A <a@{o}>\nArchitecture: amd64\nVersion: {v}\n"
            for n, (v, o) in rows
        )
        self.write("/var/lib/dpkg/status", "\n".join(blocks) + "\n")
        return self

    def docker(self, version: str, containers: list[dict[str, Any]]) -> Builder:
        """A running engine with these containers, each as the Engine API describes it."""
        self.write("/var/run/docker.sock", "")
        self.write("/etc/group", (self.root / "etc/group").read_text() + "docker:x:988:ada\n")
        self.host.api = {
            "/version": {"Version": version, "ApiVersion": "1.51", "KernelVersion": self.system.kernel},
            "/images/json": [{"Id": c["Image"], "RepoDigests": [f"{c['Name'][1:]}@sha256:{'d' * 64}"]} for c in containers],
            "/containers/json?all=1": [{"Id": c["Id"]} for c in containers],
            "/networks": [{"Name": "bridge"}, {"Name": "host"}, {"Name": "none"}],
            "/volumes": {"Volumes": None},
            **{f"/containers/{c['Id']}/json": c for c in containers},
        }
        return self

    def snapshot(self) -> dict[str, Any]:
        self.installed()
        return take(self.host)


def container(name: str, image: str, port: int) -> dict[str, Any]:
    """What the Engine API tells of a container that publishes one port on all addresses."""
    binding = {f"{port}/tcp": [{"HostIp": "", "HostPort": str(port)}]}
    return {
        "Id": name * 2,
        "Name": f"/{name}",
        "Image": "sha256:" + "a" * 64,
        "Config": {"Image": image, "Env": ["PATH=/usr/bin"], "Labels": {"maintainer": "somebody"}},
        "HostConfig": {"PortBindings": binding, "RestartPolicy": {"Name": "always"}},
        "State": {"Status": "running"},
    }


def classic(root: Path) -> Builder:
    """Ubuntu 22.04 as AMD's guide of ROCm 6.2 leaves it, with a stale override and an Ollama on its usual port."""
    made = Builder(root, UBUNTU2204).gpus(RX6700XT)
    kernel, driver = UBUNTU2204.kernel, "6.8.5-2041575.22.04"
    made.write("/sys/module/amdgpu/version", "6.8.5\n")
    made.write("/sys/module/amdgpu/taint", "OE\n")
    made.write(f"/usr/src/linux-headers-{kernel}/Makefile", "")
    made.link(f"/lib/modules/{kernel}/build", f"/usr/src/linux-headers-{kernel}")
    made.write(f"/usr/src/amdgpu-{driver}/dkms.conf", "")
    made.link(f"/var/lib/dkms/amdgpu/{driver}/source", f"/usr/src/amdgpu-{driver}")
    made.write(f"/var/lib/dkms/amdgpu/{driver}/{kernel}/x86_64/module/amdgpu.ko", "")
    made.link(f"/var/lib/dkms/amdgpu/kernel-{kernel}-x86_64", f"{driver}/{kernel}/x86_64")
    made.write("/opt/rocm-6.2.4/.info/version", "6.2.4-139\n")
    made.link("/opt/rocm", "/opt/rocm-6.2.4")
    made.write("/etc/environment", 'PATH="/usr/bin"\nHSA_OVERRIDE_GFX_VERSION=10.3.0\n')
    made.write("/etc/apt/sources.list.d/rocm.list", "deb [arch=amd64] https://repo.radeon.com/rocm/apt/6.2.4 jammy main\n")
    made.write("/opt/webui/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.10.12\n")
    torch = "__version__ = '2.5.1+rocm6.2'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.2.41133-dd7f95766'\n"
    made.write("/opt/webui/venv/lib/python3.10/site-packages/torch/version.py", torch)
    made.listen((22, 700, "sshd"), (11434, 900, "docker-proxy"))
    made.docker("27.5.1", [container("ollama", "ollama/ollama:rocm", 11434)])
    made.add(
        "amd.com", amdgpu_dkms="1:6.8.5.60204-2041575.22.04", rocm="6.2.4.60204-139~22.04", rocminfo="1.0.0.60204-139~22.04"
    )
    made.add("lists.ubuntu.com", dkms="2.8.7-2ubuntu2.2")
    return made.add("docker.com", docker_ce="5:27.5.1-1~ubuntu.22.04~jammy")


def samples(root: Path) -> dict[str, Builder]:
    """Every host whose snapshot the repository keeps, by the file's name."""
    return {
        "debian-12-rx6600": Builder(root / "a", DEBIAN12).gpus(RX6600),
        "debian-13-rx6600-simulated": Builder(root / "b", DEBIAN13).simulated(RX6600),
        "ubuntu-22.04-rx6600": Builder(root / "c", UBUNTU2204).gpus(RX6600),
        "ubuntu-22.04-rx6700xt-classic": classic(root / "d"),
        "ubuntu-24.04-rx7900xtx": Builder(root / "e", UBUNTU2404).gpus(RX7900XTX),
        "ubuntu-24.04-rx6600-plus-igpu": Builder(root / "f", UBUNTU2404).gpus(RX6600, RAPHAEL),
        "debian-13-nogpu": Builder(root / "g", DEBIAN13).gpus(VIRTIO, kfd=False),
        "debian-12-nvidia": Builder(root / "h", DEBIAN12).gpus(NVIDIA, kfd=False),
        "debian-13-driver-init-failed": Builder(root / "i", DEBIAN13).gpus(DEAD),
        "alpine": Builder(root / "j", ALPINE).gpus(RX6600),
    }


def text(snapshot: dict[str, Any]) -> str:
    return json.dumps(snapshot, indent=1) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, made in samples(Path(folder)).items():
            (SNAPSHOTS / f"{name}.json").write_text(text(made.snapshot()))
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
