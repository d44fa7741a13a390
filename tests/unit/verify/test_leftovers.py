"""What AMD's installer and guides leave behind, line by line, and nothing that is somebody's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.verify.builder import Builder
from tests.unit.verify.parts import UBUNTU2204
from verify.probes import leftovers

ROCM_LIST = "deb [arch=amd64 signed-by=/etc/apt/keyrings/rocm.gpg] https://repo.radeon.com/rocm/apt/6.2.4 jammy main"
PIN = "Package: *\nPin: release o=repo.radeon.com\nPin-Priority: 600"
CORE = (
    "X-Repo-Id: amdrocm-stable\nTypes: deb\nURIs: https://stable.repo.amd.com/rocm/core/packages/ubuntu2204/\n"
    "Suites: stable\nComponents: main"
)


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    return Builder(tmp_path, UBUNTU2204)


def found(made: Builder) -> list[tuple[str, str, str]]:
    made.installed()
    return [(row["kind"], row["path"], row["text"]) for row in leftovers.look_leftovers(made.host)]


def test_a_host_that_never_saw_amds_installer_has_none(made: Builder) -> None:
    made.write("/etc/adduser.conf", '# EXTRA_GROUPS="video render"\nDHOME=/home\n')
    made.write("/etc/ld.so.conf.d/libc.conf", "/usr/local/lib\n")
    made.write("/etc/apt/preferences.d/mine", "Package: *\nPin: release o=Ubuntu\nPin-Priority: 500\n")
    assert found(made) == []


def test_everything_that_the_guide_of_rocm_6_writes_is_found(made: Builder) -> None:
    made.write("/etc/apt/sources.list.d/rocm.list", ROCM_LIST + "\n")
    made.write("/etc/apt/preferences.d/rocm-pin-600", PIN + "\n")
    made.write("/etc/apt/keyrings/rocm.gpg", "")
    made.write("/etc/adduser.conf", "DHOME=/home\nADD_EXTRA_GROUPS=1\nEXTRA_GROUPS=video\nEXTRA_GROUPS=render\n")
    made.write("/etc/ld.so.conf.d/rocm.conf", "/opt/rocm/lib\n/opt/rocm/lib64\n")
    made.add("amd.com", amdgpu_install="6.2.60204-2070768.22.04")
    assert found(made) == [
        ("source", "/etc/apt/sources.list.d/rocm.list", ROCM_LIST),
        ("pin", "/etc/apt/preferences.d/rocm-pin-600", PIN),
        ("key", "/etc/apt/keyrings/rocm.gpg", ""),
        ("extra_groups", "/etc/adduser.conf", "ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS=video\nEXTRA_GROUPS=render"),
        ("linker", "/etc/ld.so.conf.d/rocm.conf", "/opt/rocm/lib\n/opt/rocm/lib64"),
        ("package", "amdgpu-install", "6.2.60204-2070768.22.04"),
    ]


def test_of_a_file_that_others_use_too_only_amds_lines_are_leftovers(made: Builder) -> None:
    made.write("/etc/apt/sources.list", f"deb http://archive.ubuntu.com/ubuntu jammy main\n{ROCM_LIST}\n# {ROCM_LIST}\n")
    made.write("/etc/apt/preferences", f"Package: *\nPin: release o=Ubuntu\nPin-Priority: 500\n\n{PIN}\n")
    mixed = f"Types: deb\nURIs: http://archive.ubuntu.com/ubuntu\nSuites: jammy\nComponents: main\n\n{CORE}\n"
    made.write("/etc/apt/sources.list.d/mixed.sources", mixed)
    assert found(made) == [
        ("source", "/etc/apt/sources.list", ROCM_LIST),
        ("source", "/etc/apt/sources.list.d/mixed.sources", CORE),
        ("pin", "/etc/apt/preferences", PIN),
    ]


def test_a_source_that_is_switched_off_is_no_leftover(made: Builder) -> None:
    made.write("/etc/apt/sources.list.d/amdgpu.list", f"# {ROCM_LIST}\n")
    made.write("/etc/apt/sources.list.d/core.sources", f"{CORE}\nEnabled: no\n")
    assert found(made) == []


def test_what_gpuhost_wrote_is_no_leftover(made: Builder) -> None:
    made.write("/etc/apt/sources.list.d/gpuhost-rocm.sources", CORE + "\n")
    made.write("/etc/apt/preferences.d/gpuhost-rocm.pref", PIN + "\n")
    made.write("/etc/apt/keyrings/gpuhost-rocm.gpg", "")
    made.write("/etc/ld.so.conf.d/gpuhost-rocm.conf", "/opt/rocm/lib\n")
    assert found(made) == []


@pytest.mark.parametrize(("status", "leftover"), [("install ok installed", False), ("deinstall ok config-files", True)])
def test_a_linker_path_of_an_installed_package_is_that_packages(made: Builder, status: str, leftover: bool) -> None:
    path = "/etc/ld.so.conf.d/10-rocm-opencl.conf"
    made.write(path, "/opt/rocm/lib\n")
    made.installed()
    status_file = made.root / "var/lib/dpkg/status"
    block = f"Package: rocm-opencl\nStatus: {status}\nVersion: 2.0.0\nConffiles:\n {path} 0123456789abcdef0123456789abcdef\n"
    status_file.write_text(status_file.read_text() + "\n" + block)
    assert bool(leftovers.linker(made.host)) is leftover


def test_an_installer_of_which_only_the_configuration_is_left_is_found(made: Builder) -> None:
    made.installed()
    status = made.root / "var/lib/dpkg/status"
    block = "Package: amdgpu-install\nStatus: deinstall ok config-files\nVersion: 6.4.60401-2164967.22.04\n"
    status.write_text(status.read_text() + "\n" + block)
    (row,) = leftovers.look_leftovers(made.host)
    assert row == {"path": "amdgpu-install", "kind": "package", "text": "6.4.60401-2164967.22.04"}


def test_a_password_in_an_address_stays_on_the_host(made: Builder) -> None:
    made.write("/etc/apt/sources.list.d/rocm.list", "deb https://ada:s3cret@repo.radeon.com/rocm/apt/6.2.4 jammy main\n")
    ((_, _, text),) = found(made)
    assert text == "deb https://repo.radeon.com/rocm/apt/6.2.4 jammy main"
