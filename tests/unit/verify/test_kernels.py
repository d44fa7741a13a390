"""Installed kernels, the module each would load, what boots next, and what the kernel refused."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.verify import module_bytes
from tests.unit.verify.builder import Builder
from tests.unit.verify.kernels import DKMS, OTHER_SRCVERSION, OWN, UUID
from tests.unit.verify.parts import DEBIAN12, DEBIAN13, RX6600, SRCVERSION, UBUNTU2404
from tests.unit.verify.recorded import RecordedHost
from verify.parsers import grub, kernel_log, module_file
from verify.parsers.releases import order
from verify.probes import boot, kernel, modules

OLD, NEW = "6.1.0-9-amd64", "6.1.0-41-amd64"


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    return Builder(tmp_path, DEBIAN12)


# -- kernels


def test_releases_are_ordered_as_people_count() -> None:
    wanted = [
        "6.1.0-9-amd64",
        "6.1.0-41-amd64",
        "6.8.0-rc3-generic",
        "6.8.0",
        "6.8.0-9-generic",
        "6.8.0-90-generic",
        "6.12.48+deb13-amd64",
        "6.12.107+deb13-amd64",
        "6.17.0-1004-oem",
        "7.0.0-5-generic",
    ]
    mixed = random.Random(3).sample(wanted, len(wanted))
    assert sorted(mixed, key=order) == wanted


def test_installed_kernels_come_newest_first_with_what_each_has(made: Builder) -> None:
    made.kernel(OLD, headers=True)
    (made.root / f"boot/initrd.img-{OLD}").unlink()
    made.write("/lib/modules/6.1.0-5-amd64/updates/dkms/amdgpu.ko", "left by DKMS when the kernel was removed")
    made.installed()
    rows = kernel.installed(made.host)
    assert rows == [
        {"release": NEW, "version": "6.1.0-1", "image": True, "initrd": True, "headers": False},
        {"release": OLD, "version": None, "image": True, "initrd": False, "headers": True},
    ]


def test_a_kernel_whose_package_is_only_half_there_has_no_version(made: Builder) -> None:
    made.kernel(OLD)
    made.unfinished[f"linux-image-{OLD}"] = ("6.1.27-1", "debian.org")
    made.installed()
    assert {row["release"]: row["version"] for row in kernel.installed(made.host)}[OLD] is None


def test_a_container_without_a_kernel_of_its_own_has_none_installed(tmp_path: Path) -> None:
    said = Builder(tmp_path, DEBIAN13).simulated(RX6600).snapshot()["kernel"]
    assert (said["installed"], said["modules"]["amdgpu"]["files"], said["boot"]["firmware"]) == ([], [], None)
    assert (said["rejected"], said["boot"]["next"]) == ([], None)


# -- module files


@pytest.mark.parametrize("system", [DEBIAN12, DEBIAN13, UBUNTU2404], ids=["ko", "ko.xz", "ko.zst"])
def test_the_file_that_modprobe_would_take_is_told_for_each_kernel(tmp_path: Path, system: Any) -> None:
    made = Builder(tmp_path, system)
    newer = f"9.{system.kernel}"
    made.kernel(newer)
    made.dkms("6.16.13-2278356.24.04", system.kernel, signed=True)
    files = kernel.look_kernel(made.host)["modules"]["amdgpu"]["files"]
    own = {"srcversion": system.srcversion, "version": None, "in_tree": True, "signer": None, "signer_serial": None}
    assert files[0] == {"release": newer, "file": f"{OWN.removesuffix('.ko')}{system.suffix}", **own}
    signed = {"signer": module_bytes.MOK_SUBJECT, "signer_serial": module_bytes.MOK_SERIAL}
    mine = {"srcversion": OTHER_SRCVERSION, "version": "6.16.13", "in_tree": False, **signed}
    assert files[1] == {"release": system.kernel, "file": f"updates/dkms/amdgpu{system.suffix}", **mine}


def test_a_gzipped_module_is_read_too(made: Builder) -> None:
    content = gzip.compress(module_bytes.module(NEW, srcversion=SRCVERSION))
    assert modules.read(content, "kernel/x/amdgpu.ko.gz", True)["srcversion"] == SRCVERSION


def test_strings_far_inside_a_large_module_are_found(made: Builder) -> None:
    noise = random.Random(1).randbytes(600_000)
    content = module_bytes.xz(
        noise + module_bytes.module(NEW, in_tree=False, srcversion=SRCVERSION, version="6.16.13") + noise
    )
    said = modules.read(content, "updates/dkms/amdgpu.ko.xz", True)
    assert (said["srcversion"], said["version"], said["in_tree"], said["signer"]) == (SRCVERSION, "6.16.13", False, None)


@pytest.mark.parametrize("split", range(modules.PIECE - 700, modules.PIECE + 100, 97))
def test_strings_across_the_border_of_two_pieces_are_found_whole(made: Builder, split: int) -> None:
    body = module_bytes.module(NEW, srcversion=SRCVERSION)
    at = body.index(module_file.ANCHOR)
    content = module_bytes.xz(b"x" * (split - at) + body + b"x" * modules.PIECE)
    assert modules.read(content, "kernel/amdgpu.ko.xz", False)["srcversion"] == SRCVERSION


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".ko", b""),
        (".ko", b"\x7fELF" + bytes(4000)),
        (".ko.xz", b"not xz"),
        (".ko.xz", module_bytes.xz(module_bytes.module(NEW))[:40]),
        (".ko.gz", b"\x1f\x8b"),
        (".ko.zst", b"modinfo says nothing"),
    ],
)
def test_a_module_that_is_cut_short_is_there_and_tells_nothing(made: Builder, suffix: str, content: bytes) -> None:
    place = f"updates/dkms/amdgpu{suffix}"
    made.data(f"/lib/modules/{NEW}/{place}", content)
    made.write(f"/lib/modules/{NEW}/modules.dep", f"{place}:\n")
    (row,) = modules.files(made.host, "amdgpu", [NEW])
    assert row == {"release": NEW, "file": place, **module_file.UNTOLD}


def test_a_file_that_depmod_names_and_that_is_gone_is_no_file(made: Builder) -> None:
    made.write(f"/lib/modules/{NEW}/modules.dep", f"{DKMS}:\n")
    assert modules.files(made.host, "amdgpu", [NEW]) == []
    assert modules.module(made.host, "amdgpu", NEW, [NEW])["file"] is None


def test_a_module_with_a_longer_name_is_another(made: Builder) -> None:
    made.write(f"/lib/modules/{NEW}/kernel/drivers/xamdgpu.ko", "")
    made.write(f"/lib/modules/{NEW}/modules.dep", "kernel/drivers/xamdgpu.ko:\n")
    assert modules.module_path(made.host, "amdgpu", NEW) is None


@pytest.mark.parametrize(
    ("end", "signer"),
    [
        (b"no signature", None),
        (module_bytes.signature(module_bytes.sample("dkms-mok.p7s")), module_bytes.MOK_SUBJECT),
        (module_bytes.signature(b"broken"), "unknown"),
        (module_file.SIGNATURE_MARK, "unknown"),
        (module_bytes.signature(b"x")[:-29] + b"\xff" * 4 + module_file.SIGNATURE_MARK, "unknown"),
    ],
)
def test_who_signed_a_module(end: bytes, signer: str | None) -> None:
    assert module_file.signature(b"the module" + end)["signer"] == signer


# -- the simulated GPU on a real kernel


@pytest.mark.parametrize(("kernel_is", "marked"), [(', "kernel": "real"', False), ("", True)])
def test_a_real_kernel_under_a_simulated_gpu_is_told_from_a_simulated_one(
    made: Builder, kernel_is: str, marked: bool
) -> None:
    made.gpus(RX6600, below="/opt/sim")
    made.loaded(OTHER_SRCVERSION, "6.16.13", in_tree=False)
    made.write("/etc/gpuhost/simulated.json", f'{{"sysroot": "/opt/sim"{kernel_is}}}')
    said = made.snapshot()
    module = said["kernel"]["modules"]["amdgpu"]
    assert said["simulated"] is True
    assert said["gpus"][0]["simulated"] is True
    assert (module.get("simulated", False), module["in_tree"]) == (marked, marked)


# -- what boots next


def menu(made: Builder, default: str, environment: str = "") -> str | None:
    made.kernel(OLD)
    made.grub(default, environment)
    return boot.next_of_grub(made.host)


@pytest.mark.parametrize(
    ("default", "environment", "release"),
    [
        ("0", "", NEW),
        ("1>2", "", OLD),
        ("1>0", "", NEW),
        ("1", "", None),
        ("7", "", NEW),
        (f"gnulinux-advanced-{UUID}>gnulinux-{OLD}-advanced-{UUID}", "", OLD),
        (f"Advanced options for Linux>Linux, with Linux {OLD}", "", OLD),
        ("a title of yesterday", "", NEW),
        ("${saved_entry}", "", NEW),
        ("${saved_entry}", f"saved_entry=gnulinux-advanced-{UUID}>gnulinux-{OLD}-advanced-{UUID}\n", OLD),
        ("0", "next_entry=1>2\n", OLD),
        ("0", "saved_entry=1>2\n", NEW),
        ("2", "", None),
    ],
)
def test_grub_boots_what_its_default_says(made: Builder, default: str, environment: str, release: str | None) -> None:
    assert menu(made, default, environment) == release


def test_a_boot_partition_of_its_own_and_a_link_lead_to_a_release(made: Builder) -> None:
    made.link("/vmlinuz", f"boot/vmlinuz-{OLD}")
    assert boot.release_of(made.host, f"/vmlinuz-{NEW}") == NEW
    assert boot.release_of(made.host, f"/@rootfs/boot/vmlinuz-{NEW}") == NEW
    assert boot.release_of(made.host, "/vmlinuz") == OLD
    assert boot.release_of(made.host, "/casper/kernel") is None


def test_other_systems_in_the_menu_have_no_linux_of_ours() -> None:
    head = "menuentry 'Windows Boot Manager (on /dev/sda1)' --class windows $menuentry_id_option 'osprober-efi-1' {"
    text = f"{head}\n\tchainloader /EFI/Microsoft/Boot/bootmgfw.efi\n}}\n"
    (entry,) = grub.menu(text)
    assert (entry.title, entry.id, entry.kernel) == ("Windows Boot Manager (on /dev/sda1)", "osprober-efi-1", None)


@pytest.mark.parametrize("text", ["", "}\n}\n", "menuentry 'open {\n", "submenu 'a' {\nmenuentry 'b' {\n", "set default=\n"])
def test_a_broken_menu_boots_nothing_that_is_known(made: Builder, text: str) -> None:
    made.write("/boot/grub/grub.cfg", text)
    assert boot.look_boot(made.host, None)["next"] is None


def test_where_grub_reads_parameters_from_is_told(made: Builder) -> None:
    made.grub()
    made.write("/etc/default/grub.d/50-cloud.cfg", 'GRUB_CMDLINE_LINUX="console=ttyS0"\n')
    said = boot.look_boot(made.host, None)
    assert (said["firmware"], said["loader"], said["drop_ins"]) == ("uefi", "grub", True)
    assert [row["path"] for row in said["parameter_files"]] == ["/etc/default/grub", "/etc/default/grub.d/50-cloud.cfg"]
    assert said["parameter_files"][1]["text"] == 'GRUB_CMDLINE_LINUX="console=ttyS0"'
    made.write("/usr/sbin/grub-mkconfig", ". /etc/default/grub\n")
    made.bios()
    said = boot.look_boot(made.host, None)
    assert (said["firmware"], said["drop_ins"]) == ("bios", False)


def test_a_menu_that_only_root_may_read_is_asked_of_root(made: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    made.grub()
    read = RecordedHost.text

    def closed(self: RecordedHost, path: str) -> str:
        if path.endswith("grub.cfg"):
            raise PermissionError(13, "Permission denied")
        return read(self, path)

    monkeypatch.setattr(RecordedHost, "text", closed)
    assert boot.look_boot(made.host, None)["next"] is None
    assert made.host.needs_root == {"kernel.boot"}


def entries(made: Builder, **texts: str) -> None:
    machine = "0b5a4c1e9d3f4a7c8e6d2f1a0b9c8d7e"
    for name, release in {"new": NEW, "old": OLD}.items():
        counter = texts.get(f"{name}_counter", "")
        made.write(
            f"/boot/efi/loader/entries/{machine}-{release}{counter}.conf",
            f"# Boot Loader Specification type#1 entry\ntitle      Debian GNU/Linux 12 (bookworm)\nversion    {release}\n"
            f"machine-id {machine}\nsort-key   debian\noptions    root=UUID={UUID} ro quiet\n"
            f"linux      /{machine}/{release}/linux\ninitrd     /{machine}/{release}/initrd.img-{release}\n",
        )
    made.write("/boot/efi/loader/loader.conf", texts.get("conf", "timeout 3\n"))
    made.efivar("LoaderInfo", "systemd-boot 252.39-1~deb12u1\0".encode("utf-16-le"))
    for variable in ("LoaderEntryOneShot", "LoaderEntryDefault"):
        if variable in texts:
            made.efivar(variable, f"{machine}-{texts[variable]}.conf\0".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("texts", "release"),
    [
        ({}, NEW),
        ({"conf": "default *-6.1.0-9-amd64.conf\n"}, OLD),
        ({"conf": "default *-6.1.0-9-*\ntimeout 0\n"}, OLD),
        ({"conf": "default nothing-like-it\n"}, NEW),
        ({"LoaderEntryDefault": OLD}, OLD),
        ({"LoaderEntryDefault": OLD, "LoaderEntryOneShot": NEW}, NEW),
        ({"new_counter": "+0-3"}, OLD),
        ({"new_counter": "+2-1"}, NEW),
    ],
)
def test_systemd_boot_boots_its_newest_good_entry_or_the_chosen_one(
    made: Builder, texts: dict[str, str], release: str
) -> None:
    made.grub()
    entries(made, **texts)
    said = boot.look_boot(made.host, None)
    assert (said["loader"], said["next"]) == ("systemd-boot", release)


def test_a_grub_that_tells_its_name_to_the_firmware_is_no_systemd_boot(made: Builder) -> None:
    made.grub()
    entries(made)
    made.efivar("LoaderInfo", "GRUB 2.12-9+deb13u1\0".encode("utf-16-le"))
    assert boot.look_boot(made.host, None)["loader"] == "grub"


def test_kernels_inside_one_image_leave_the_choice_untold(made: Builder) -> None:
    entries(made)
    made.write("/boot/efi/EFI/Linux/debian-6.12.efi", "")
    assert boot.look_boot(made.host, None)["next"] is None


# -- the kernel's log

LINES = [
    ("Loading of unsigned module is rejected", None),
    ("Loading of module with unavailable key is rejected", None),
    ("Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7", None),
    ("amdgpu: version magic '6.1.0-41-amd64 SMP preempt' should be '6.1.0-9-amd64 SMP preempt'", "amdgpu"),
    ("amdgpu: disagrees about version of symbol drm_dev_register", "amdgpu"),
    ("systemd-modules-load[602]: Failed to insert module 'amdgpu': Key was rejected by service", "amdgpu"),
    ("modprobe: ERROR: could not insert 'gasket-driver': Required key not available", "gasket_driver"),
]


@pytest.mark.parametrize(("line", "module"), LINES)
def test_a_refused_module_is_found_in_the_kernels_words(made: Builder, line: str, module: str | None) -> None:
    made.log("Linux version 6.1.0-41-amd64", line, "audit: type=1400", line)
    assert kernel.look_kernel(made.host)["rejected"] == [{"module": module, "why": line}]


@pytest.mark.parametrize(
    "line",
    [
        "amdgpu: module verification failed: signature and/or required key missing - tainting kernel",
        "amdgpu: loading out-of-tree module taints kernel.",
        "Lockdown: swapper/0: Hibernation is restricted; see man kernel_lockdown.7",
        "audit: rejected",
        "amdgpu 0000:03:00.0: amdgpu: get invalid ip discovery binary signature",
    ],
)
def test_a_line_about_something_else_is_no_refusal(line: str) -> None:
    assert kernel_log.parse(f"4,812,5120345,-;{line}\n") == []


def test_the_log_is_read_without_the_numbers_in_front_too() -> None:
    assert kernel_log.parse("Loading of unsigned module is rejected\n") == [{"module": None, "why": LINES[0][0]}]


def test_the_log_of_the_machine_below_a_container_is_not_this_hosts(made: Builder) -> None:
    made.log(LINES[0][0])
    made.write("/.dockerenv", "")
    assert kernel.look_kernel(made.host)["rejected"] == []


def test_a_log_that_the_kernel_writes_over_while_it_is_read_still_ends(
    made: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.log("x")
    answers: list[Any] = [b"5,1,1,-;Loading of unsigned", BrokenPipeError(), b" module is rejected\n", BlockingIOError()]

    def read(handle: int, size: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    monkeypatch.setattr("verify.probes.host.os.read", read)
    assert kernel.rejected(made.host, None) == [{"module": None, "why": LINES[0][0]}]


# -- parameters, IOMMU, reboots


def test_parameters_are_what_the_running_kernel_has(made: Builder) -> None:
    made.write("/sys/module/amdgpu/parameters/gttsize", "-1\n")
    made.write("/sys/module/ttm/parameters/pages_limit", "4194304\n")
    made.write("/sys/module/nvidia/parameters/x", "1\n")
    assert modules.look_parameters(made.host) == {
        "amdgpu": {"gttsize": "-1"},
        "ttm": {"pages_limit": "4194304"},
        "module": {"sig_enforce": "N"},
    }


def test_the_iommu_is_told_by_the_gpus_own_group(made: Builder) -> None:
    made.gpus(RX6600)
    assert kernel.look_iommu(made.host) == {"groups": 0, "type": None}
    for group, kind in (("0", "DMA"), ("13", "identity")):
        made.write(f"/sys/kernel/iommu_groups/{group}/type", kind + "\n")
    assert kernel.look_iommu(made.host) == {"groups": 2, "type": "DMA"}
    made.link("/sys/bus/pci/devices/0000:03:00.0/iommu_group", "../../../../kernel/iommu_groups/13")
    assert kernel.look_iommu(made.host) == {"groups": 2, "type": "identity"}


def test_gpuhosts_own_reboots_are_passed_on(made: Builder) -> None:
    assert boot.look_reboots(made.host) is None
    made.write(boot.REBOOTS, '{"count": 1, "boot_id": "x", "reason": "the new driver"}')
    assert made.snapshot()["reboots"] == {"count": 1, "boot_id": "x", "reason": "the new driver"}
    made.write(boot.REBOOTS, "{")
    assert "error" in made.snapshot()["reboots"]
