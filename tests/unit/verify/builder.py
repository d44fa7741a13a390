"""Writes small file trees, shaped like the real ones, for recorded hosts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.unit.verify.kernels import Kernels
from tests.unit.verify.parts import RAPHAEL, Card, System
from tests.unit.verify.recorded import RecordedHost
from verify.snapshot import take

ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
enp5s0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
enp5s0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.1
           /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.7
           /32 host LOCAL
"""
#: The second is a temporary one (RFC 8981).
IF_INET6 = """00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000123456789abcdef 02 40 00 01   enp5s0
20010db8000000000000000000000007 02 40 00 80   enp5s0
fe80000000000000021122fffe334455 02 40 20 80   enp5s0
fd001234000000000000000000000001 05 40 00 80  docker0
"""


class Builder(Kernels):
    """Writes one host's tree below `root`; each method adds a part and gives the builder back."""

    def __init__(self, root: Path, system: System) -> None:
        self.root, self.system = root, system
        self.host = RecordedHost(str(root))
        self.packages = {"base-files": ("13", "debian.org"), **system.packages}
        #: Packages that dpkg left half done, by name, with version and origin.
        self.unfinished: dict[str, tuple[str, str]] = {}
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
        self.write("/sys/module/module/parameters/sig_enforce", "N\n")
        self.write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        self.kernel(system.kernel)
        self.listen((22, 700, "sshd"))
        self.network()
        if system.sources:
            self.write(system.sources_file, system.sources)

    def network(self) -> Builder:
        """An interface with an address of each kind, and Docker's bridge."""
        self.write("/proc/sys/kernel/hostname", "gpu01\n")
        self.write("/proc/net/route", ROUTES)
        self.write("/proc/net/fib_trie", FIB_TRIE)
        self.write("/proc/net/if_inet6", IF_INET6)
        return self

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
            if self.system.srcversion:
                self.write("/sys/module/amdgpu/srcversion", f"{self.system.srcversion}\n", below)
            self.write("/sys/module/amdgpu/taint", "\n", below)
            self.node(0, cpu_cores_count=16, simd_count=0, below=below)
            self.character("/dev/kfd", 241, 0, self.system.render_gid or 0)
        for number, card in enumerate(bound, 1):
            self.compute(number, card, below)
        for number, card in enumerate(cards):
            self.pci(card, number, below)
        return self

    def compute(self, number: int, card: Card, below: str, function: int = 0) -> None:
        bus, device = (int(part, 16) for part in card.pci.split(".")[0].split(":")[1:])
        self.node(
            number,
            cpu_cores_count=0,
            simd_count=card.simds,
            simd_per_cu=2,
            gfx_target_version=card.gfx_version,
            vendor_id=4098,
            device_id=int(card.device, 16),
            location_id=bus << 8 | device << 3 | function,
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
        for folder in ("boot", "lib/modules", "sys/firmware"):
            shutil.rmtree(self.root / folder)
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
        states = [("installed", *row) for row in rows] + [("half-configured", *row) for row in self.unfinished.items()]
        blocks = (
            f"Package: {n}\nStatus: install ok {state}\nMaintainer: A <a@{o}>\nArchitecture: amd64\nVersion: {v}\n"
            for state, n, (v, o) in states
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
        if self.system.init == "systemd" and not (self.root / "boot/grub").exists():
            self.grub()
        return take(self.host)
