"""dkms: what its tree says, how it is kept from building, and what a failed build says for itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from onhost import dkms
from tests.unit.onhost import dkms_tree

RELEASE = dkms_tree.RELEASE


def test_a_module_counts_where_link_and_file_are_there(root: Path) -> None:
    assert dkms.installed("amdgpu", RELEASE) is None
    dkms_tree.install(root, "amdgpu", "6.16.13-1.24.04")
    assert dkms.installed("amdgpu", RELEASE) == "6.16.13-1.24.04"
    assert dkms.installed("amdgpu", "9.9.9-other") is None


@pytest.mark.parametrize("what", ["file", "link", "empty file", "another file"])
def test_half_of_it_does_not_count(root: Path, what: str) -> None:
    file = dkms_tree.install(root, "amdgpu", "6.16.13-1.24.04")
    if what == "file":
        file.unlink()
    elif what == "link":
        (root / f"var/lib/dkms/amdgpu/kernel-{RELEASE}-{dkms.arch()}").unlink()
    elif what == "another file":
        file.write_bytes(b"stripped of its signature")
    else:
        # What a power cut leaves of a file that was on its way to the disk.
        file.write_bytes(b"")
    assert dkms.installed("amdgpu", RELEASE) is None


def test_an_absolute_link_of_an_older_dkms_is_read_too(root: Path) -> None:
    dkms_tree.install(root, "amdgpu", "6.8.5-1")
    link = root / f"var/lib/dkms/amdgpu/kernel-{RELEASE}-{dkms.arch()}"
    link.unlink()
    link.symlink_to(f"/var/lib/dkms/amdgpu/6.8.5-1/{RELEASE}/{dkms.arch()}")
    assert dkms.installed("amdgpu", RELEASE) == "6.8.5-1"


def test_the_source_is_known_by_what_its_settings_say(root: Path, tmp_path: Path) -> None:
    assert dkms.source("amdgpu") is None
    dkms_tree.source(root, "amdgpu", "6.16.13-1.24.04")
    dkms_tree.source(root, "amdgpu-pro", "1.0", folder="amdgpu-pro-1.0")
    found = dkms.source("amdgpu")
    assert found is not None
    assert found == (root / "usr/src/amdgpu-6.16.13-1.24.04", "6.16.13-1.24.04")
    unpacked = tmp_path / "unpacked"
    dkms_tree.source(unpacked, "amdgpu", "6.19.14-2")
    assert (dkms.source("amdgpu", unpacked) or (None, ""))[1] == "6.19.14-2"


def packaged(root: Path, version: str) -> None:
    listing = root / "var/lib/dpkg/info/amdgpu-dkms.list"
    listing.parent.mkdir(parents=True, exist_ok=True)
    top = f"/usr/src/amdgpu-{version}"
    listing.write_text(f"/.\n/usr/src\n{top}\n{top}/amd/dkms/dkms.conf.in\n{top}/dkms.conf\n")


def test_of_several_sources_it_is_the_package_s_whichever_is_newer(root: Path) -> None:
    for age, version in enumerate(("6.16.6-1", "6.16.13-1", "6.12.12-1")):
        os.utime(dkms_tree.source(root, "amdgpu", version) / "dkms.conf", (1000 + age, 1000 + age))
    assert (dkms.source("amdgpu") or (None, ""))[1] == "6.12.12-1", "without a package, the newest file"
    packaged(root, "6.16.6-1")
    assert dkms.source("amdgpu") == (root / "usr/src/amdgpu-6.16.6-1", "6.16.6-1")


def test_where_the_package_s_source_is_gone_nothing_else_stands_for_it(root: Path) -> None:
    dkms_tree.source(root, "amdgpu", "6.16.13-1")
    packaged(root, "6.16.6-1")
    assert dkms.source("amdgpu") is None


def test_a_package_that_is_removed_and_left_its_settings_counts_no_more(root: Path) -> None:
    dkms_tree.source(root, "amdgpu", "6.16.13-1")
    listing = root / "var/lib/dpkg/info/amdgpu-dkms.list"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("/etc\n/etc/modprobe.d/blacklist-radeon.conf\n")
    assert (dkms.source("amdgpu") or (None, ""))[1] == "6.16.13-1"


def holds(root: Path) -> bool:
    """Asked as dkms's own scripts ask: `[ -f /etc/dkms/no-autoinstall ]`."""
    return subprocess.run(["test", "-f", str(root / "etc/dkms/no-autoinstall")], check=False).returncode == 0


def test_nothing_is_built_inside_a_hold(root: Path) -> None:
    with dkms.held():
        assert holds(root)
    assert not holds(root)
    assert not (root / "etc/dkms/no-autoinstall").is_symlink()


def test_a_hold_ends_with_the_process_that_holds(root: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    hold = root / "etc/dkms/no-autoinstall"
    hold.parent.mkdir(parents=True)
    hold.symlink_to(f"/proc/{gone.pid}/status")
    assert not holds(root)
    with dkms.held():
        assert holds(root)


def test_an_administrators_own_switch_is_left_alone(root: Path) -> None:
    switch = root / "etc/dkms/no-autoinstall"
    switch.parent.mkdir(parents=True)
    switch.write_text("no modules on this host, please\n")
    with dkms.held():
        assert holds(root)
    assert switch.read_text().startswith("no modules")


def asked(settings: Path) -> str:
    """What dkms makes of the settings: it reads them as shell."""
    script = f'AUTOINSTALL=yes; . "{settings}"; printf "%s" "$AUTOINSTALL"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


def test_a_module_that_is_passed_over_is_not_built_for_a_kernel_that_comes(root: Path) -> None:
    dkms_tree.source(root, "amdgpu", "6.16.13-1")
    settings = root / "etc/dkms/amdgpu-6.16.13-1.conf"
    settings.parent.mkdir(parents=True)
    with dkms.passed_over("amdgpu"):
        assert asked(settings) == ""
        text = settings.read_text()
    assert not settings.exists()
    # What a killed process leaves behind says nothing, and is no reason to think that somebody else wrote it.
    gone = subprocess.Popen(["true"])
    gone.wait()
    settings.write_text(text.replace(str(os.getpid()), str(gone.pid)))
    assert asked(settings) == "yes"
    with dkms.passed_over("amdgpu"):
        assert asked(settings) == ""
    assert not settings.exists()


def test_settings_that_somebody_wrote_are_left_alone(root: Path) -> None:
    dkms_tree.source(root, "amdgpu", "6.16.13-1")
    settings = root / "etc/dkms/amdgpu-6.16.13-1.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text('PRE_BUILD=""\n')
    with dkms.passed_over("amdgpu"):
        assert settings.read_text() == 'PRE_BUILD=""\n'
    assert settings.exists()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        # As gcc 14 on Debian 13 wrote it, in a trial's tree.
        (
            "  CC [M]  /var/lib/gpuhost/driver/new/tree/amdgpu/6.16.13-1/build/amd/amdgpu/amdgpu_drv.o\n"
            "In file included from /var/lib/gpuhost/driver/new/tree/amdgpu/6.16.13-1/build/amd/amdgpu/amdgpu_drv.c:11:\n"
            "/var/lib/gpuhost/driver/new/tree/amdgpu/6.16.13-1/build/amd/amdgpu/amdgpu_variant.h:9:20: error: "
            "'const struct drm_display_info' has no member named 'panel_type'\n"
            "make[4]: *** [Makefile.build:234: amdgpu_drv.o] Error 1\n",
            "amd/amdgpu/amdgpu_variant.h:9:20: error: 'const struct drm_display_info' has no member named 'panel_type'",
        ),
        # ROCm/ROCm#3701: amdgpu-dkms 6.2 on Ubuntu's 6.8.0-44.
        (
            "/tmp/amd.4ys4nzpf/amd/amdkcl/kcl_drm_dp.c:10:5: error: too many arguments to function "
            "'drm_dp_add_payload_part2'\nmake[1]: *** [Makefile:1926: /tmp/amd] Error 2\n",
            "too many arguments to function",
        ),
        ('ERROR: modpost: "drm_gem_fb_get_obj" [amdgpu.ko] undefined!\n', "drm_gem_fb_get_obj"),
        ("/bin/sh: 1: autoconf: not found\nmake: *** [Makefile:10: all] Error 127\n", "autoconf: not found"),
        ("all is well\n", "all is well"),
        ("", "the build left no log"),
    ],
)
def test_the_line_that_says_why_a_build_failed(log: str, words: str) -> None:
    assert words in dkms.compiler_error(log)
