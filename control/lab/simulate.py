"""A GPU that is not there: the sysfs tree and the device nodes of a real card, to plan and to set flags with.

Everything that reads the tree marks what it found `simulated`. Values come from a Radeon RX 6600 as its owners
published them (`/sys/class/kfd` and `/sys/bus/pci` of such hosts), completed after the kernel's
`drivers/gpu/drm/amd/amdkfd/kfd_topology.c`. Nothing is executed by it: opening the nodes gives ENXIO.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SYSROOT = "/opt/gpuhost-lab/sim"
SIMULATED_JSON = "/etc/gpuhost/simulated.json"
CPU = {
    "cpu_cores_count": 16, "simd_count": 0, "mem_banks_count": 1, "caches_count": 0, "io_links_count": 1,
    "p2p_links_count": 0, "cpu_core_id_base": 0, "simd_id_base": 0, "max_waves_per_simd": 0, "lds_size_in_kb": 0,
    "gds_size_in_kb": 0, "num_gws": 0, "wave_front_size": 0, "array_count": 0, "simd_arrays_per_engine": 0,
    "cu_per_simd_array": 0, "simd_per_cu": 0, "max_slots_scratch_cu": 0, "gfx_target_version": 0, "vendor_id": 0,
    "device_id": 0, "location_id": 0, "domain": 0, "drm_render_minor": 0, "hive_id": 0, "num_sdma_engines": 0,
    "num_sdma_xgmi_engines": 0, "num_sdma_queues_per_engine": 0, "num_cp_queues": 0, "max_engine_clk_ccompute": 4650,
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A symbolic link in a tree."""

    target: str


@dataclass(frozen=True)
class Card:
    """A card to simulate. Sizes in bytes."""

    name: str
    gfx: str
    pci: str
    device: int
    revision: int
    subsystem: tuple[int, int]
    vram: int
    gtt: int
    kfd: Mapping[str, int] = field(hash=False)
    gpu_id: int
    unique_id: str
    render_minor: int = 128
    card_minor: int = 0
    bridge: str = "pci0000:00/0000:00:03.1/0000:01:00.0/0000:02:00.0"

    @property
    def note(self) -> str:
        return f"SIMULATED {self.name} ({self.gfx}); a lab host has no GPU"


RX_6600 = Card(
    name="RX 6600",
    gfx="gfx1032",
    pci="0000:03:00.0",
    device=0x73FF,
    revision=0xC7,
    subsystem=(0x1DA2, 0xE448),
    vram=8 * 2**30 - 16 * 2**20,
    gtt=16 * 2**30,
    gpu_id=51142,
    unique_id="a1b2c3d4e5f60718",
    kfd={
        "cpu_cores_count": 0, "simd_count": 56, "mem_banks_count": 1, "caches_count": 74, "io_links_count": 1,
        "p2p_links_count": 0, "cpu_core_id_base": 0, "simd_id_base": 2147488000, "max_waves_per_simd": 16,
        "lds_size_in_kb": 64, "gds_size_in_kb": 0, "num_gws": 0, "wave_front_size": 32, "array_count": 4,
        "simd_arrays_per_engine": 2, "cu_per_simd_array": 8, "simd_per_cu": 2, "max_slots_scratch_cu": 32,
        "gfx_target_version": 100302, "vendor_id": 0x1002, "device_id": 0x73FF, "location_id": 0x0300, "domain": 0,
        "drm_render_minor": 128, "hive_id": 0, "num_sdma_engines": 2, "num_sdma_xgmi_engines": 0,
        "num_sdma_queues_per_engine": 8, "num_cp_queues": 8, "max_engine_clk_fcompute": 2750, "local_mem_size": 0,
        "fw_version": 124, "capability": 545505920, "debug_prop": 1495, "sdma_fw_version": 80,
        "unique_id": 0xA1B2C3D4E5F60718, "num_xcc": 1, "max_engine_clk_ccompute": 4650,
    },
)  # fmt: skip
CARDS = {"rx6600": RX_6600}


def describe(gpu: str | None) -> str:
    """What a person reads of a host's GPU."""
    return f"SIMULATED {CARDS[gpu].name}" if gpu else "no GPU"


def tree(card: Card, module: bool = True) -> dict[str, str | Link]:
    """What is below the simulated root, by path (``sys/…``, no leading slash): file contents, and links.

    The layout is the kernel's: devices below ``sys/devices``, reached by links from ``sys/bus`` and ``sys/class``.

    :param module: with the driver's module; a host that has a kernel of its own has modules of its own.
    """
    return {**_pci(card), **_kfd(card), **(_module() if module else {})}


def _pci(card: Card) -> dict[str, str | Link]:
    device = f"sys/devices/{card.bridge}/{card.pci}"
    ids = {
        "vendor": 0x1002,
        "device": card.device,
        "subsystem_vendor": card.subsystem[0],
        "subsystem_device": card.subsystem[1],
    }
    nodes = {f"card{card.card_minor}": card.card_minor, f"renderD{card.render_minor}": card.render_minor}
    files: dict[str, str | Link] = {f"{device}/{name}": f"0x{value:04x}\n" for name, value in ids.items()}
    files |= {
        f"{device}/revision": f"0x{card.revision:02x}\n",
        f"{device}/class": "0x030000\n",
        f"{device}/boot_vga": "1\n",
        f"{device}/enable": "1\n",
        f"{device}/numa_node": "-1\n",
        f"{device}/mem_info_vram_total": f"{card.vram}\n",
        f"{device}/mem_info_vram_used": "27000832\n",
        f"{device}/mem_info_gtt_total": f"{card.gtt}\n",
        f"{device}/unique_id": f"{card.unique_id}\n",
        f"{device}/driver": Link("../" * (len(device.split("/")) - 1) + "bus/pci/drivers/amdgpu"),
        f"sys/bus/pci/devices/{card.pci}": Link(f"../../../devices/{card.bridge}/{card.pci}"),
        f"sys/bus/pci/drivers/amdgpu/{card.pci}": Link(f"../../../../devices/{card.bridge}/{card.pci}"),
    }
    for name, minor in nodes.items():
        files[f"{device}/drm/{name}/dev"] = f"226:{minor}\n"
        files[f"sys/class/drm/{name}"] = Link(f"../../devices/{card.bridge}/{card.pci}/drm/{name}")
    return files


def _kfd(card: Card) -> dict[str, str | Link]:
    topology = "sys/devices/virtual/kfd/kfd/topology"
    cpu, gpu = f"{topology}/nodes/0", f"{topology}/nodes/1"
    return {
        "sys/class/kfd/kfd": Link("../../devices/virtual/kfd/kfd"),
        f"{topology}/generation_id": "2\n",
        f"{topology}/system_properties": _lines({"platform_oem": 0, "platform_id": 0, "platform_rev": 0}),
        f"{cpu}/gpu_id": "0\n",
        f"{cpu}/name": "\n",
        f"{cpu}/properties": _lines(CPU),
        f"{cpu}/mem_banks/0/properties": _bank(heap=0, size=32 * 2**30, width=64, clock=3200),
        f"{gpu}/gpu_id": f"{card.gpu_id}\n",
        f"{gpu}/name": "dimgrey_cavefish\n",
        f"{gpu}/properties": _lines(card.kfd),
        f"{gpu}/mem_banks/0/properties": _bank(heap=1, size=card.vram, width=128, clock=875),
    }


def _module() -> dict[str, str | Link]:
    """The driver of the kernel itself: no file `version`, which only AMD's own package brings."""
    return {
        "sys/module/amdgpu/initstate": "live\n",
        "sys/module/amdgpu/srcversion": "0123456789ABCDEF0123456\n",
        "sys/module/amdgpu/refcnt": "4\n",
    }


def _lines(values: Mapping[str, int]) -> str:
    return "".join(f"{name} {value}\n" for name, value in values.items())


def _bank(heap: int, size: int, width: int, clock: int) -> str:
    return _lines({"heap_type": heap, "size_in_bytes": size, "flags": 0, "width": width, "mem_clk_max": clock})


def device_nodes(card: Card, proc_devices: str) -> str:
    """Lines ``path major minor group mode`` for the nodes of the card.

    :param proc_devices: ``/proc/devices`` of this machine. Majors that a driver here owns are never used: on a
        machine with a GPU, 226:128 would be that GPU, and a lab host must not reach it.
    """
    drm, kfd = free_majors(proc_devices)
    return (
        f"/dev/kfd {kfd} 0 render 0660\n"
        f"/dev/dri/card{card.card_minor} {drm} {card.card_minor} video 0660\n"
        f"/dev/dri/renderD{card.render_minor} {drm} {card.render_minor} render 0660\n"
    )


def free_majors(proc_devices: str) -> tuple[int, int]:
    """Major numbers for DRM (226 if no driver has it) and KFD that nothing on this machine answers to."""
    character = proc_devices.split("Block devices:", 1)[0]
    taken = {int(number) for number in re.findall(r"^\s*(\d+)\s", character, re.MULTILINE)}
    spare = [number for number in range(511, 383, -1) if number not in taken]
    return (226 if 226 not in taken else spare[1]), spare[0]
