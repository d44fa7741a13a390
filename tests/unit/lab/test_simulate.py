"""The simulated card reads like the real one, and marks itself."""

from __future__ import annotations

import posixpath

import pytest

from control.lab import hosts, simulate
from control.lab.files import File
from control.lab.simulate import RX_6600, Link
from verify.parsers import kfd

TREE = simulate.tree(RX_6600)
DEVICE = "sys/bus/pci/devices/0000:03:00.0"


def resolve(path: str) -> str:
    """What the path leads to in the tree, links followed."""
    parts = path.split("/")
    for n in range(1, len(parts) + 1):
        here = TREE.get("/".join(parts[:n]))
        if isinstance(here, Link):
            there = posixpath.normpath(posixpath.join(*parts[: n - 1], here.target))
            return resolve("/".join([there, *parts[n:]]))
    return path


def read(path: str) -> str:
    found = TREE[resolve(path)]
    assert isinstance(found, str)
    return found.strip()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("vendor", "0x1002"), ("device", "0x73ff"), ("revision", "0xc7"), ("class", "0x030000"), ("boot_vga", "1")],
)
def test_the_pci_device_has_the_ids_of_an_rx_6600(name: str, wanted: str) -> None:
    assert read(f"{DEVICE}/{name}") == wanted


def test_the_card_has_a_little_less_than_8_gib() -> None:
    assert 0 <= 8 * 2**30 - int(read(f"{DEVICE}/mem_info_vram_total")) < 2**28


def test_the_amdgpu_driver_is_bound_to_it() -> None:
    assert resolve(f"{DEVICE}/driver") == "sys/bus/pci/drivers/amdgpu"
    assert resolve("sys/bus/pci/drivers/amdgpu/0000:03:00.0") == resolve(DEVICE)


def test_every_link_leads_to_something_in_the_tree() -> None:
    for path, what in TREE.items():
        if isinstance(what, Link):
            there = resolve(path)
            assert any(one == there or one.startswith(f"{there}/") for one in TREE), path


def test_the_topology_has_a_cpu_node_and_a_gpu_node_of_gfx1032_at_the_cards_address() -> None:
    nodes = [kfd.parse(read(f"sys/class/kfd/kfd/topology/nodes/{n}/properties")) for n in (0, 1)]
    assert [node["kind"] for node in nodes] == ["cpu", "gpu"]
    gpu = nodes[1]
    assert gpu["gfx"] == RX_6600.gfx == "gfx1032"
    assert kfd.pci_address(gpu["location_id"], gpu["domain"]) == RX_6600.pci
    assert f"{gpu['unique_id']:016x}" == RX_6600.unique_id == read(f"{DEVICE}/unique_id")
    assert gpu["drm_render_minor"] == RX_6600.render_minor
    assert read("sys/class/kfd/kfd/topology/nodes/1/gpu_id") not in ("", "0")


def test_vram_is_the_same_from_both_sides() -> None:
    bank = dict(line.split() for line in read("sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties").splitlines())
    assert bank["size_in_bytes"] == read(f"{DEVICE}/mem_info_vram_total")


def test_the_driver_is_the_kernels_own_not_amds_package() -> None:
    assert read("sys/module/amdgpu/initstate") == "live"
    assert "sys/module/amdgpu/version" not in TREE


def test_a_host_with_it_says_that_it_is_simulated() -> None:
    files = hosts.gpu_files(RX_6600, "Character devices:\n")
    said = files["etc/gpuhost/simulated.json"]
    assert isinstance(said, File)
    assert '"sysroot": "/opt/gpuhost-lab/sim"' in said.text
    assert "SIMULATED RX 6600 (gfx1032); a lab host has no GPU" in said.text


NO_DRM = "Character devices:\n  1 mem\n 10 misc\n\nBlock devices:\n226 nonsense\n"
WITH_DRM = "Character devices:\n  1 mem\n226 drm\n511 other\n\nBlock devices:\n  7 loop\n"


def test_nodes_are_those_of_a_real_host_where_no_driver_here_answers_to_them() -> None:
    assert simulate.device_nodes(RX_6600, NO_DRM).splitlines() == [
        "/dev/kfd 511 0 render 0660",
        "/dev/dri/card0 226 0 video 0660",
        "/dev/dri/renderD128 226 128 render 0660",
    ]


def test_a_lab_host_never_gets_the_number_of_a_real_gpu_of_this_machine() -> None:
    drm, kfd_major = simulate.free_majors(WITH_DRM)
    assert {drm, kfd_major}.isdisjoint({1, 226, 511})
    assert drm != kfd_major
