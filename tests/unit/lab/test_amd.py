"""AMD's repositories in the lab's mirror: AMD's names and places, nothing missing, and every package says what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.parser import HeaderParser
from functools import cache
from pathlib import Path

import pytest

from control import rows, support
from control.lab import amd, amd_debs, amd_driver, names
from control.lab.amd_debs import Deb
from control.lab.amd_driver import Versions
from control.lab.files import File
from control.lab.simulate import Link

SYSTEMS = ("debian-12", "debian-13")
TABLE = support.load()


@cache
def everything(system_id: str) -> list[amd.Repository]:
    return amd.repositories(TABLE, system_id)


def debs(system_id: str) -> Iterator[Deb]:
    return (deb for one in everything(system_id) for deb in one.debs)


def driver(version: str, base: str, package: str | None) -> rows.Driver:
    return rows.Driver(
        id=version,
        kind="dkms",
        version=version,
        kernel_base=base,
        package_version=package,
        systems=[],
        families=[],
        source="x",
    )


@pytest.mark.parametrize(
    ("row", "release", "wanted"),
    [
        # `apt list --installed` and `dkms status` in public threads; docker/lab/README.md names them.
        (
            driver("30.30.3", "6.16.13", "1:6.16.13.30300300-2327507.{release}"),
            "22.04",
            Versions(
                "1:6.16.13.30300300-2327507.22.04", "30.30.3.0.30300300-2327507.22.04", "6.16.13-2327507.22.04", "6.16.13"
            ),
        ),
        (
            driver("31.40", "6.19.14", "1:6.19.14.31400000-2364437.{release}"),
            "24.04",
            Versions(
                "1:6.19.14.31400000-2364437.24.04", "1:31.40.0.0.31400000-2364437.24.04",
                "6.19.14-2364437.24.04", "6.19.14.31400000",
            ),
        ),
        (
            driver("31.50", "7.1.3", None),
            "24.04",
            Versions("1:7.1.3.31500000-1.24.04", "1:31.50.0.0.31500000-1.24.04", "7.1.3-1.24.04", "7.1.3.31500000"),
        ),
    ],
    ids=lambda one: one.version if isinstance(one, rows.Driver) else None,
)  # fmt: skip
def test_versions_are_written_as_amd_writes_them(row: rows.Driver, release: str, wanted: Versions) -> None:
    assert amd_driver.versions(row, release) == wanted


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_there_are_releases_to_go_up_and_down_with(system_id: str) -> None:
    assert len(amd.drivers(TABLE, system_id)) == amd.DRIVERS
    assert amd.drivers(TABLE, system_id)[0] == TABLE.drivers_for(system_id)[0]
    for stream in ("classic", "core"):
        found = amd.rocms(TABLE, stream, system_id)
        assert len(found) == amd.ROCMS
        assert found[0] == TABLE.rocm_rows(stream, system_id)[0]


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_every_package_that_a_row_names_is_there(system_id: str) -> None:
    offered = {deb.name for deb in debs(system_id)} | {*amd.debian_dependencies(TABLE, system_id)}
    wanted = set()
    for row in [*amd.rocms(TABLE, "classic", system_id), *amd.rocms(TABLE, "core", system_id)]:
        groups = [group for group in (row.packages.runtime, row.packages.full) if group]
        wanted |= {name.format(gfx=gfx) for group in groups for name in group.names for gfx in row.targets}
    for one in amd.drivers(TABLE, system_id):
        wanted |= {*one.packages, *one.firmware}
    assert wanted <= offered


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_every_dependency_is_met_by_the_same_repository_or_by_debian(system_id: str) -> None:
    from_debian = {*amd.debian_dependencies(TABLE, system_id)}
    for one in everything(system_id):
        offered = {f"{deb.name} (= {deb.version})" for deb in one.debs} | {deb.name for deb in one.debs}
        for deb in one.debs:
            assert {*deb.depends} <= offered | from_debian, deb.name


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_no_two_packages_of_one_suite_are_one_file(system_id: str) -> None:
    for one in everything(system_id):
        files = [deb.file_name for deb in one.debs]
        assert len(files) == len(set(files))


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_repositories_lie_where_the_planner_looks_for_them(system_id: str) -> None:
    system = TABLE.system_by_id(system_id)
    there = {(f"{names.AMD_URL}/{one.path}", one.suite) for one in everything(system_id)}
    wanted = {("amdgpu", row.directory) for row in amd.drivers(TABLE, system_id)}
    for row in [*amd.rocms(TABLE, "classic", system_id), *amd.rocms(TABLE, "core", system_id)]:
        wanted |= {(name, row.directory) for name in row.repositories}
    for name, directory in wanted:
        repository = TABLE.repository(name)
        vendor = system.vendor[repository.vendor]
        path = repository.path.format(directory=directory, directory_name=vendor.directory_name)
        assert (f"{names.amd_url(name)}/{path}", vendor.suite) in there


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_the_origin_is_the_one_that_the_pin_is_for(system_id: str) -> None:
    pinned = [one for one in everything(system_id) if one.row.pin]
    assert {one.row.id for one in pinned} == {"amdgpu", "rocm", "graphics"}
    assert all(one.release["Origin"] == one.row.pin.origin for one in pinned if one.row.pin)


def test_a_site_can_be_pointed_at_each_trouble() -> None:
    paths = {one.path for one in everything("debian-13")}
    newest = amd.drivers(TABLE, "debian-13")[0].directory
    assert set(amd_driver.variants()) == {"fails-to-compile", "fails-on-next-kernel", "needs-newer-kernel", "slow-build"}
    for variant in amd_driver.variants():
        assert names.amd_url("amdgpu", variant) == f"{names.AMD_URL}/{variant}/amdgpu"
        assert f"{variant}/amdgpu/{newest}/ubuntu" in paths


@pytest.mark.parametrize("variant", [None, *amd_driver.variants()])
def test_the_driver_is_a_dkms_source_in_amds_layout(variant: str | None) -> None:
    package, _ = amd_driver.debs(driver("31.50", "7.1.3", None), "24.04", variant)
    source = {path.removeprefix("usr/src/amdgpu-7.1.3-1.24.04/"): what.text for path, what in package.files.items()}  # type: ignore[union-attr]  # no links
    said = dict(re.findall(r'^(\S+?)="(.*)"$', source["dkms.conf"], re.MULTILINE))
    assert (said["PACKAGE_NAME"], said["PACKAGE_VERSION"], said["AUTOINSTALL"]) == ("amdgpu", "7.1.3-1.24.04", "yes")
    assert said["DEST_MODULE_LOCATION[0]"] == "/kernel/drivers/gpu/drm/amd/amdgpu"
    built = f"{said['BUILT_MODULE_LOCATION[0]']}/Makefile"
    assert f"obj-m := {said['BUILT_MODULE_NAME[0]']}.o" in source[built]
    assert 'AMDGPU_VERSION "7.1.3.31500000"' in source["amd/amdgpu/amdgpu_version.h"]
    assert ("BUILD_EXCLUSIVE_KERNEL" in said) == (variant == "needs-newer-kernel")
    texts = [*source.values(), *package.scripts.values()]
    assert not any(re.search(r"@[A-Z_]+@", text) for text in texts)


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_every_package_says_that_it_is_a_stand_in(system_id: str) -> None:
    for deb in debs(system_id):
        said = HeaderParser().parsestr(amd_debs.control(deb))
        assert said["Description"].startswith("STAND-IN of gpuhost's lab for AMD's ")
        assert said["Maintainer"].startswith("AMD stand-in ")
    programs = [
        what.text
        for deb in debs(system_id)
        for path, what in deb.files.items()
        if "/bin/" in path and isinstance(what, File)
    ]
    assert programs
    assert all("STAND-IN" in text for text in programs)


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_only_programs_that_debian_builds_too_are_no_stand_ins(system_id: str) -> None:
    borrowed = {path for deb in debs(system_id) for path in deb.borrowed}
    assert {path.rpartition("/")[2] for path in borrowed} == {"rocminfo", "rocm_agent_enumerator"}
    prefixes = {row.prefix for stream in ("classic", "core") for row in amd.rocms(TABLE, stream, system_id)}
    assert {"/" + path.rpartition("/bin/")[0] for path in borrowed} == prefixes


def test_trees_have_what_dpkg_deb_wants(tmp_path: Path) -> None:
    deb = Deb(
        "thing", "1:2.0-3", "nothing", depends=("a (= 1)", "b | c"),
        files={"opt/x": File("x\n", mode=0o755), "opt/y": Link("/opt/x")}, borrowed={"opt/bin/p": "usr/bin/p"},
        scripts={"postinst": "#!/bin/sh\n"},
    )  # fmt: skip
    amd_debs.write(deb, tmp_path)
    tree = tmp_path / "thing_2.0-3_amd64"
    said = HeaderParser().parsestr((tree / "DEBIAN" / "control").read_text())
    assert (said["Package"], said["Version"], said["Depends"]) == ("thing", "1:2.0-3", "a (= 1), b | c")
    assert (tree / "DEBIAN" / "borrow").read_text() == "usr/bin/p opt/bin/p\n"
    assert (tree / "DEBIAN" / "postinst").stat().st_mode & 0o777 == 0o755
    assert (tree / "opt" / "x").stat().st_mode & 0o777 == 0o755
    assert (tree / "opt" / "y").readlink() == Path("/opt/x")


def test_what_a_release_file_says_is_laid_beside_its_packages(tmp_path: Path) -> None:
    (one,) = [one for one in everything("debian-13") if one.path.startswith("rocm/apt/7.2")]
    amd.lay([one], tmp_path)
    conf = (tmp_path / one.path / "dists" / one.suite / names.AMD_RELEASE_CONF).read_text()
    assert 'APT::FTPArchive::Release::Origin "repo.radeon.com";' in conf
    assert f'APT::FTPArchive::Release::Suite "{one.suite}";' in conf
    laid = {path.name for path in (tmp_path / one.path / "pool" / one.suite).iterdir()}
    assert laid == {deb.file_name for deb in one.debs}
