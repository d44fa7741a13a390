"""What kernel, GPU and device probes see in trees made for the case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.verify.builder import Builder
from tests.unit.verify.parts import DEBIAN12, DEBIAN13, RX6600, Card
from verify.probes import access, gpus, kernel, modules, signing, system
from verify.probes.host import Host

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    return Builder(tmp_path, DEBIAN12)


# -- system


@pytest.mark.parametrize(("value", "state"), [("\6\0\0\0\1", "on"), ("\6\0\0\0\0", "off"), ("", "unknown")])
def test_secure_boot_is_read_from_the_firmwares_variable(made: Builder, value: str, state: str) -> None:
    made.write(SECURE_BOOT, value)
    assert signing.secure_boot(made.host) == state


def test_secure_boot_without_uefi_is_none_and_without_the_variable_unknown(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    assert signing.secure_boot(host) == "none"
    (tmp_path / "sys/firmware/efi").mkdir(parents=True)
    assert signing.secure_boot(host) == "unknown"


def test_headers_count_only_where_a_module_can_be_built(made: Builder) -> None:
    made.write("/usr/src/linux-headers-6.1.0-41-common/Makefile", "")
    made.link("/lib/modules/6.1.0-41-amd64/build", "/usr/src/linux-headers-6.1.0-41-amd64")
    assert kernel.headers(made.host) == []
    made.write("/usr/src/linux-headers-6.1.0-41-amd64/Makefile", "")
    assert kernel.headers(made.host) == ["6.1.0-41-amd64"]


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/run/systemd/container", "lxc\n", "lxc"),
        ("/.dockerenv", "", "docker"),
        ("/run/.containerenv", "", "podman"),
        ("/proc/1/environ", "PATH=/bin\0container=systemd-nspawn\0", "systemd-nspawn"),
        ("/proc/sys/kernel/osrelease", "6.6.114.1-microsoft-standard-WSL2\n", "wsl"),
        ("/etc/hostname", "docker", None),
    ],
)
def test_a_container_is_known_by_its_marks(made: Builder, path: str, text: str, kind: str | None) -> None:
    made.write(path, text)
    assert kernel.look_kernel(made.host)["container"] == kind


def test_disks_are_the_mounts_that_hold_the_places_gpuhost_fills(made: Builder) -> None:
    made.write(
        "/proc/self/mounts",
        "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /var/lib/docker xfs rw 0 0\n/dev/sdc1 /srv ext4 rw 0 0\n"
        "/dev/sdd1 /mnt/my\\040data ext4 rw 0 0\ntmpfs /var/tmp tmpfs rw 0 0\n",
    )
    made.host.sizes = {"/": (100, 10), "/var/lib/docker": (200, 20), "/srv": (300, 30)}
    rows = system.look_disk(made.host)
    assert [(row["mount"], row["device"], row["free_bytes"]) for row in rows] == [
        ("/", "/dev/sda1", 10),
        ("/srv", "/dev/sdc1", 30),
        ("/var/lib/docker", "/dev/sdb1", 20),
    ]


def test_a_module_of_amds_own_package_is_told_from_the_kernels(made: Builder) -> None:
    made.gpus(RX6600)
    assert modules.module(made.host, "amdgpu", DEBIAN12.kernel, [])["in_tree"] is True
    made.write("/sys/module/amdgpu/taint", "OE\n")
    made.write("/sys/module/amdgpu/version", "6.12.12\n")
    seen = modules.module(made.host, "amdgpu", DEBIAN12.kernel, [])
    assert (seen["in_tree"], seen["version"]) == (False, "6.12.12")
    assert seen["file"] == "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"


def test_a_module_still_coming_up_is_not_loaded(made: Builder) -> None:
    made.gpus(RX6600)
    made.write("/sys/module/amdgpu/initstate", "coming\n")
    assert modules.module(made.host, "amdgpu", DEBIAN12.kernel, [])["loaded"] is False


def test_a_kernel_without_the_module_has_no_file_for_it(made: Builder) -> None:
    made.write(f"/lib/modules/{DEBIAN12.kernel}/modules.dep", "kernel/fs/xfs/xfs.ko:\n")
    assert modules.module(made.host, "amdgpu", DEBIAN12.kernel, [])["file"] is None


# -- GPUs


def test_a_partitioned_card_has_the_first_of_its_nodes(made: Builder) -> None:
    card = Card("74a1", "0000:05:00.0", pci_class="120000", gfx_version=90402, simds=152, vram=1, render_minor=128)
    made.gpus(card)
    for number, location in ((1, 0x501), (2, 0x502)):
        made.node(number, simd_count=152, gfx_target_version=90402, location_id=location, domain=0)
    assert gpus.look_gpus(made.host)[0]["kfd_node"] == 1


def test_a_virtual_function_has_the_node_at_its_own_address(made: Builder) -> None:
    first = Card("73ae", "0002:00:02.0", gfx_version=100300, simds=72, vram=1)
    second = Card("73ae", "0002:00:02.1", gfx_version=100300, simds=72, vram=1)
    made.gpus(first, second)
    made.node(1, simd_count=72, gfx_target_version=100300, location_id=0x10, domain=2)
    made.node(2, simd_count=72, gfx_target_version=100300, location_id=0x11, domain=2)
    assert [gpu["kfd_node"] for gpu in gpus.look_gpus(made.host)] == [1, 2]


def test_a_node_at_another_address_is_no_gpus(made: Builder) -> None:
    made.gpus(RX6600)
    made.node(1, simd_count=56, gfx_target_version=100302, location_id=0x0400, domain=0)
    assert gpus.look_gpus(made.host)[0]["gfx"] is None


def test_a_card_given_to_a_guest_shows_what_it_is_bound_to(made: Builder) -> None:
    made.gpus(Card("73ff", driver="vfio-pci"), kfd=False)
    (gpu,) = gpus.look_gpus(made.host)
    assert (gpu["driver"], gpu["kfd_node"], gpu["amd"]) == ("vfio-pci", None, True)


def test_a_node_that_is_closed_to_us_says_so_and_is_no_cpu(made: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    made.gpus(RX6600)
    read = Host.text

    def closed(self: Host, path: str) -> str:
        if "nodes/1/properties" in path:
            raise PermissionError(1, "Operation not permitted")
        return read(self, path)

    monkeypatch.setattr(Host, "text", closed)
    assert gpus.look_kfd(made.host)["nodes"][1] == {"node": 1, "error": "EPERM"}


def test_sound_of_a_card_and_bridges_are_no_gpus(made: Builder) -> None:
    made.gpus(RX6600, Card("ab28", "0000:03:00.1", pci_class="040300", driver="snd_hda_intel"))
    assert [gpu["pci"] for gpu in gpus.look_gpus(made.host)] == ["0000:03:00.0"]


# -- access


def test_a_user_has_every_group_of_the_database_first_and_further(made: Builder) -> None:
    made.write("/etc/group", "root:x:0:\nrender:x:992:ada,bob\nvideo:x:44:bob\nada:x:1000:\n")
    users = access.look_users(made.host)
    assert set(users) == {"root", "ada"}
    assert users["ada"] == {"uid": 1000, "gid": 1000, "groups": ["ada", "render"]}
    assert access.look_groups(made.host) == {
        "render": {"gid": 992, "members": ["ada", "bob"]},
        "video": {"gid": 44, "members": ["bob"]},
    }


def test_a_display_node_is_not_opened(made: Builder) -> None:
    made.gpus(RX6600)
    made.host.nodes["/dev/dri/card0"] = (*made.host.nodes["/dev/dri/card0"][:5], "must not be asked")
    found = {device["path"]: device["open"] for device in access.look_devices(made.host)}
    assert found == {"/dev/kfd": "ok", "/dev/dri/card0": None, "/dev/dri/renderD128": "ok"}


def test_a_file_where_a_device_should_be_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").write_text("")
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_text("root:x:0:0:\n")
    (device,) = access.look_devices(Host(str(tmp_path)))
    assert (device["type"], device["major"]) == ("other", None)


# -- the tree


def test_links_of_a_tree_do_not_lead_out_of_it(tmp_path: Path) -> None:
    made = Builder(tmp_path, DEBIAN13)
    made.write("/real/file", "inside")
    made.link("/a", "/real")
    made.link("/b/c", "../a/file")
    assert made.host.text("/b/c") == "inside"
    assert made.host.real("/b/c") == "/real/file"
    made.link("/out", "/etc/hostname")
    assert made.host.exists("/out") is False


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    made = Builder(tmp_path, DEBIAN13)
    made.link("/x", "/y")
    made.link("/y", "/x")
    assert made.host.exists("/x/file") is False
