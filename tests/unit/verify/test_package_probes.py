"""What package, DKMS and ROCm probes see in trees made for the case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control import support
from tests.unit.verify.builder import Builder
from tests.unit.verify.parts import DEBIAN12
from verify.probes import apt, dkms, packages, rocm
from verify.probes.host import Host


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    return Builder(tmp_path, DEBIAN12)


# -- packages and apt


def dpkg(name: str, status: str, version: str = "1", architecture: str = "amd64") -> str:
    return (
        f"Package: {name}\nStatus: {status}\nMaintainer: X <x@amd.com>\nArchitecture: {architecture}\nVersion: {version}\n\n"
    )


def test_only_what_is_wholly_installed_counts(made: Builder) -> None:
    states = ("install ok installed", "hold ok installed", "deinstall ok config-files", "install ok unpacked")
    made.write("/var/lib/dpkg/status", "".join(dpkg(f"p{n}", state) for n, state in enumerate(states)))
    assert packages.installed(made.host.root) == {"p0": "1", "p1": "1"}
    assert packages.unfinished(made.host) == ["p3: unpacked"]


def test_a_second_architecture_has_a_name_of_its_own(made: Builder) -> None:
    done = "install ok installed"
    made.write("/var/lib/dpkg/status", dpkg("libdrm2", done, "2") + dpkg("libdrm2", done, "3", "i386"))
    assert packages.installed(made.host.root) == {"libdrm2": "2", "libdrm2:i386": "3"}


def test_a_system_without_a_known_package_database_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not known"):
        packages.installed(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("linux-image-6.1.0-41-amd64", True),
        ("firmware-amd-graphics", True),
        ("amdgpu-dkms", True),
        ("amdrocm10.0-gfx1100", True),
        ("rocm-hip-runtime", True),
        ("libhsa-runtime64-1", True),
        ("docker.io", True),
        ("python3.11-venv", True),
        ("python3-requests", True),
        ("nftables", True),
        ("python3-urllib3", False),
        ("libreoffice-core", False),
        ("hunspell", False),
    ],
)
def test_packages_of_a_gpu_host_are_kept_and_others_are_not(name: str, matters: bool) -> None:
    assert bool(packages.MATTER.fullmatch(name)) is matters


def test_every_package_that_a_role_may_install_matters_or_it_would_be_missing_for_ever() -> None:
    table = support.load()
    named = {name for row in table.systems for group in row.packages.values() for name in group.names}
    assert sorted(name for name in named if not packages.MATTER.fullmatch(name)) == []


def test_whatever_amd_built_matters_whatever_it_is_called(made: Builder) -> None:
    made.add("amd.com", half="1.12.0.70204-93~24.04", migraphx="2.15").add("debian.org", hunspell="1.7", half_life="6.1")
    found = packages.look_packages(made.installed().host)
    assert {"half", "migraphx", "hunspell", "half-life"} & set(found) == {"half", "migraphx"}


@pytest.mark.parametrize(
    ("files", "interrupted"),
    [
        ({}, False),
        ({"/var/lib/dpkg/updates/0001": "x"}, True),
        ({"/var/lib/dpkg/updates/tmp.i": "x"}, False),
        ({"/var/lib/dpkg/status": dpkg("docker.io", "install ok half-configured")}, True),
    ],
)
def test_an_interrupted_dpkg_is_seen_by_its_journal_and_by_its_packages(
    made: Builder, files: dict[str, str], interrupted: bool
) -> None:
    made.installed()
    for path, text in files.items():
        made.write(path, text)
    assert apt.look_apt(made.host)["interrupted"] is interrupted


def test_the_holder_of_a_lock_is_named(made: Builder) -> None:
    made.host.locks = {"/var/lib/apt/lists/lock": 4711}
    made.write("/proc/4711/comm", "apt-get\n")
    assert apt.locked_by(made.host) == "apt-get (pid 4711, /var/lib/apt/lists/lock)"
    made.host.locks = {"/var/lib/apt/lists/lock": 0}
    assert apt.locked_by(made.host) == "a process outside this container (pid unknown, /var/lib/apt/lists/lock)"
    made.host.locks = {}
    assert apt.locked_by(made.host) is None


def test_asking_who_holds_a_lock_takes_none(tmp_path: Path) -> None:
    import fcntl
    import os
    import subprocess
    import sys

    lock = tmp_path / "lock"
    lock.write_text("")
    host = Host(str(tmp_path))
    assert host.lock_holder("/lock") is None
    hold = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        other.stdout.readline()
        assert host.lock_holder("/lock") == other.pid
    finally:
        other.communicate("")
    with lock.open("w") as ours:
        fcntl.lockf(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert os.fstat(ours.fileno()).st_ino == lock.stat().st_ino


def test_sources_of_both_forms_are_listed_without_passwords_and_without_what_is_off(made: Builder) -> None:
    made.write(
        "/etc/apt/sources.list",
        "# deb http://old.example.org/ x main\n"
        "deb [arch=amd64 signed-by=/k] https://ada:pw@mirror.example.org/debian bookworm main\n",
    )
    made.write(
        "/etc/apt/sources.list.d/debian.sources",
        "# a comment\nTypes: deb\nURIs: http://a.example.org/ http://b.example.org/\nSuites: bookworm\n bookworm-updates\n\n"
        "Enabled: no\nURIs: http://off.example.org/\nSuites: x\n",
    )
    assert apt.sources(made.host) == [
        {"file": "/etc/apt/sources.list", "uris": ["https://mirror.example.org/debian"], "suites": ["bookworm"]},
        {
            "file": "/etc/apt/sources.list.d/debian.sources",
            "uris": ["http://a.example.org/", "http://b.example.org/"],
            "suites": ["bookworm", "bookworm-updates"],
        },
    ]


# -- DKMS and ROCm


def test_dkms_states_are_those_of_its_own_tree(made: Builder) -> None:
    for version in ("1", "2", "3"):
        made.link(f"/var/lib/dkms/amdgpu/{version}/source", f"/usr/src/amdgpu-{version}")
    for version in ("1", "2"):
        made.write(f"/usr/src/amdgpu-{version}/dkms.conf", "")
    for kernel in ("6.1", "6.8"):
        made.write(f"/var/lib/dkms/amdgpu/2/{kernel}/x86_64/module/amdgpu.ko", "")
    made.link("/var/lib/dkms/amdgpu/kernel-6.8-x86_64", "2/6.8/x86_64")
    assert [(row["version"], row["kernel"], row["state"]) for row in dkms.look_dkms(made.host)] == [
        ("1", None, "added"),
        ("2", "6.1", "built"),
        ("2", "6.8", "installed"),
        ("3", None, "broken"),
    ]


def test_every_installation_of_rocm_is_found_once_by_its_prefix(made: Builder) -> None:
    made.write("/opt/rocm-6.4.1/.info/version", "6.4.1-83\n")
    made.write("/opt/rocm/core-10.1/.info/version", "10.1.0\n")
    made.write("/usr/bin/rocminfo", "")
    made.add("debian.org", rocminfo="6.1.2-1").installed()
    assert [(row["prefix"], row["version"], row["source"]) for row in rocm.look_rocm(made.host)] == [
        ("/opt/rocm-6.4.1", "6.4.1", "classic"),
        ("/opt/rocm/core-10.1", "10.1.0", "core"),
        ("/usr", "6.1.2", "distro"),
    ]


def test_the_link_to_an_installation_is_not_a_second_one(made: Builder) -> None:
    made.write("/opt/rocm-6.4.1/.info/version", "6.4.1-83\n")
    made.link("/opt/rocm", "/opt/rocm-6.4.1")
    assert [row["prefix"] for row in rocm.look_rocm(made.host)] == ["/opt/rocm-6.4.1"]


def test_a_host_without_rocm_has_none(made: Builder) -> None:
    made.installed()
    assert rocm.look_rocm(made.host) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("HSA_OVERRIDE_GFX_VERSION=10.3.0", [("HSA_OVERRIDE_GFX_VERSION", "10.3.0")]),
        ('export HSA_OVERRIDE_GFX_VERSION="11.0.0"', [("HSA_OVERRIDE_GFX_VERSION", "11.0.0")]),
        ('Environment="HSA_OVERRIDE_GFX_VERSION=9.0.0" "A=b"', [("HSA_OVERRIDE_GFX_VERSION", "9.0.0")]),
        ("HSA_OVERRIDE_GFX_VERSION_1=10.3.0", [("HSA_OVERRIDE_GFX_VERSION_1", "10.3.0")]),
        ("HSA_OVERRIDE_GFX_VERSION=", [("HSA_OVERRIDE_GFX_VERSION", "")]),
        ("# HSA_OVERRIDE_GFX_VERSION=10.3.0", []),
        ("unset HSA_OVERRIDE_GFX_VERSION", []),
    ],
)
def test_an_override_is_found_however_it_is_written_and_an_empty_one_too(line: str, found: list[Any]) -> None:
    assert rocm.settings(f"PATH=/bin\n{line}\n") == found


def test_overrides_are_looked_for_where_environments_are_written_down(made: Builder) -> None:
    paths = [
        "/etc/environment",
        "/etc/profile.d/rocm.sh",
        "/etc/systemd/system/ollama.service.d/override.conf",
        "/home/gpuhost/.bashrc",
    ]
    for path in paths:
        made.write(path, "HSA_OVERRIDE_GFX_VERSION=10.3.0\n")
    assert [row["path"] for row in rocm.look_override(made.host)["env_files"]] == paths
