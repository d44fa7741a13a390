"""Hosts whose GPUs are those of `tests/samples/live/`, as file trees."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import yaml

from verify.probes.host import Host

SAMPLES = Path(__file__).parents[2] / "samples" / "live"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.yml"))


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SAMPLES / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def write(root: Path, path: str, text: str | bytes) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode() if isinstance(text, str) else text)


def link(root: Path, path: str, to: str) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(to)


def metrics(kind: int, version: int, length: int, words: dict[int, int]) -> bytes:
    """A table of the firmware: 16-bit figures by their byte, all others not measured."""
    data = bytearray(b"\xff" * length)
    struct.pack_into("<HBB", data, 0, length, kind, version)
    for at, value in words.items():
        struct.pack_into("<H", data, at, value)
    return bytes(data)


def add_card(root: Path, name: str, pci: str = "0000:03:00.0") -> None:
    """The card as the kernel lays it out: a device below /sys/devices, and a link to it from the bus."""
    said = sample(name)
    device = f"/sys/devices/pci0000:00/0000:00:01.1/{pci}"
    for path, text in {**{name: f"{value}\n" for name, value in said["ids"].items()}, **said["files"]}.items():
        write(root, f"{device}/{path}", text)
    if "gpu_metrics" in said:
        write(root, f"{device}/gpu_metrics", metrics(**said["gpu_metrics"]))
    if said["driver"]:
        link(root, f"{device}/driver", f"../../../../bus/pci/drivers/{said['driver']}")
    link(root, f"/sys/bus/pci/devices/{pci}", f"../../../devices/pci0000:00/0000:00:01.1/{pci}")


def fdinfo(pci: str, client: int, vram_kib: int, gtt_kib: int = 0, gfx_ns: int = 0) -> str:
    """As Linux 6.12 prints it."""
    return (
        f"pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t731\ndrm-driver:\tamdgpu\ndrm-client-id:\t{client}\n"
        f"drm-pdev:\t{pci}\npasid:\t32770\ndrm-total-vram:\t{vram_kib + 64} KiB\ndrm-resident-vram:\t{vram_kib} KiB\n"
        f"drm-resident-gtt:\t{gtt_kib} KiB\ndrm-memory-vram:\t{vram_kib} KiB\ndrm-memory-gtt: \t{gtt_kib} KiB\n"
        f"drm-engine-gfx:\t{gfx_ns} ns\ndrm-engine-compute:\t0 ns\n"
    )


def add_process(root: Path, pid: int, name: str, handles: dict[int, str], cgroup: str = "0::/user.slice\n") -> None:
    """A process with DRM devices open: file descriptor -> what fdinfo says."""
    write(root, f"/proc/{pid}/comm", f"{name}\n")
    write(root, f"/proc/{pid}/cgroup", cgroup)
    link(root, f"/proc/{pid}/fd/0", "/dev/null")
    for number, text in handles.items():
        link(root, f"/proc/{pid}/fd/{number}", "/dev/dri/renderD128")
        write(root, f"/proc/{pid}/fdinfo/{number}", text)


class Tree(Host):
    """A recorded host with a clock of its own, for which its user has a name."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.seconds = 100.0

    def clock(self) -> float:
        return self.seconds

    def user_name(self, uid: int) -> str | None:
        return "ada"

    def login_user(self) -> str | None:
        return "ada"

    def is_root(self) -> bool:
        return True

    def now(self) -> str:
        return "2026-11-22T12:00:00Z"
