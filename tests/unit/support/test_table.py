"""The truth table: what loads, what is refused on load, and what it answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from control import roles, support
from control.paths import ROOT
from control.support import Table


@pytest.fixture(scope="module")
def table() -> support.Table:
    return support.load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of support/ to spoil. Its path is new for each test, so nothing comes from the cache."""
    return Path(shutil.copytree(support.SUPPORT_DIR, tmp_path / "support"))


def replace(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text, "the test spoils a text that is not there"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("gpus", "family: ryzen", "famly: ryzen", "support/gpus.yml gpus[0] '1114': famly: unknown key"),
        ("gpus", "family: ryzen", "family: gtx", "family: Input should be 'instinct'"),
        ("gpus", 'device: "1506"', 'device: "1114"', "'1114' is there 2 times"),
        ("gpus", 'device: "1114"', 'device: "ffff"', "must stand before"),
        ("gpus", "gfx: gfx1152, family", "gfx: gfx1999, family", "no row 'gfx1999' in targets"),
        ("gpus", "Ryzen AI 5 340], source: libdrm", "Ryzen AI 5 340]", "'1114': source: missing"),
        ("gpus", "inbox_source: linux-5.10", "inbox_source: linux-9", "inbox_source 'linux-9' is not among"),
        ("gpus", 'MI60 / MI50": "6.0.0"', 'MI60": "6.0.0"', "listed: no GPU of gfx906 is called 'Instinct MI60'"),
        ("gpus", 'Instinct MI100: "6.0.0"', 'Instinct MI100: "6.1.0"', "'gfx908': rocm: must begin with 6.1.0"),
        ("rates", "Radeon RX 9060]", "Radeon RX 9061]", "support/rates.yml rates 'rx9060': products: no GPU is called"),
        ("rates", "Radeon RX 9060]", "Radeon RX 9060 XT]", "'rx9060xt': products: 'Radeon RX 9060 XT' has a row already"),
        ("rates", "float32: 10,", "float12: 10,", "rates[6] 'nv31': tflops.float12"),
        ("rates", "float16: 41", "float16: 0", "Input should be greater than 0"),
        ("gpus", "source: libdrm", "source: hearsay", "source 'hearsay' is not among the file's sources"),
        ("systems", "as_of: 2026-11-22", "on: 2026-11-22", "source 'debian-bookworm': as_of: missing"),
        ("systems", "as_of: 2026-11-22", "as_of: lately", "as_of: Input should be a valid date"),
        ("systems", 'version: "12"', 'version: "14"', "'debian-13' must stand before 'debian-12'"),
        ("systems", 'version: "12"', 'version: "twelve"', "version: Value error, Invalid version"),
        ("systems", "schema: 1", "schema: 2", "must be a mapping with schema: 1"),
        ("systems", "schema: 1", "schema: 1\nextra: 3", "unknown key 'extra'"),
        ("systems", "codename: bookworm", "codename: bookworm\n    codename: x", "key given twice: codename"),
        ("rocm", "systems: [debian-12]", "systems: [debian-11]", "no row 'debian-11' in systems"),
        ("rocm", "repositories: [core]", "repositories: [cor]", "'core-10.0.0': repositories: no row 'cor' in repositories"),
        (
            "rocm",
            '    directory: "7.2.4"\n',
            "",
            "'classic-7.2.4': directory: missing; the repository 'rocm' has one per release",
        ),
        (
            "rocm",
            'driver: {min: "6.0.0", max: "30.10.2"}',
            'driver: {min: "8", max: "9"}',
            "no row of drivers is from 8 to 9",
        ),
        ("rocm", 'driver: {min: "6.0.0", max: "30.10.2"}', 'driver: {min: "9", max: "8"}', "driver: ends before it begins"),
        ("rocm", 'driver: {min: "6.0.0", max: "30.10.2"}', 'driver: {min: "6.1.0", max: "30.10.2"}', "leaves out 6.0.0"),
        (
            "rocm",
            "targets: [gfx906, gfx908",
            "targets: [gfx908",
            "targets: gfx906 is missing, against the target's own range",
        ),
        ("rocm", "    repositories: [rocm]\n", "", "AMD's own ROCm needs each of them"),
        ("repositories", "key: amdrocm\n", "key: amdroc\n", "'core': key: no row 'amdroc' in keys"),
        ("repositories", "fingerprint: CA8B", "fingerprint: ca8b", "fingerprint: String should match pattern"),
        ("repositories", "vendor: graphics", "vendor: graphic", "vendor: no repository has vendor 'graphics'"),
        ("systems", "vendor:\n      amdgpu:", "vendor:\n      amdgp:", "vendor: no repository has vendor 'amdgp'"),
        ("drivers", '    kernel_base: "6.3.6"\n', "", "'dkms-6.0.0': kernel_base: missing for kind 'dkms'"),
        ("drivers", "repository: amdgpu", "repository: amd", "'dkms-6.0.0': repository: no row 'amd' in repositories"),
        ("drivers", 'version: "6.0.2"', 'version: "6.1.5"', "'dkms-6.1.0' must stand before 'dkms-6.0.2'"),
        ("torch", '    python: {min: "3.10", max: "3.14"}\n', "", "python: missing for build 'cpu'"),
        ("torch", "gfx900, gfx906", "gfx900, gfx555", "no row 'gfx555' in targets"),
        ("images", "gpu_base: rocm-pytorch", "gpu_base: nothing", "no row 'nothing' in images"),
        ("images", "    tag: rocm\n", "", "has to have a tag, or to be built"),
        ("services", "needs: [ollama]", "needs: [olama]", "no row 'olama' in services"),
        ("services", "{address:ollama}", "{address:olama}", "{address:olama} means nothing"),
        ("services", "{secret:token}", "{secret:tokn}", "{secret:tokn} means nothing"),
        ("services", "length: 48", "length: 8", "greater than or equal to 32"),
        ("services", "uid: 1000", "uid: 0", "greater than or equal to 1"),
        ("drivers", '["5.10.252", "5.15.202"', '["5.15.202", "5.10.252"', "versions in `fixed` are not sorted"),
        ("drivers", "drivers:", "drivers: [", "support/drivers.yml: "),
    ],
)
def test_a_mistake_in_a_file_is_named_with_file_and_row(copy: Path, name: str, old: str, new: str, said: str) -> None:
    replace(copy, name, old, new)
    with pytest.raises(support.SupportError) as caught:
        support.load(copy)
    assert [problem for problem in caught.value.problems if said in problem], caught.value.problems
    assert all(problem.startswith("support/") for problem in caught.value.problems)


def test_all_mistakes_are_told_at_once(copy: Path) -> None:
    replace(copy, "gpus", "family: ryzen", "famly: ryzen")
    replace(copy, "images", "tag: rocm", "tga: rocm")
    with pytest.raises(support.SupportError) as caught:
        support.load(copy)
    assert {problem.split()[0] for problem in caught.value.problems} == {"support/gpus.yml", "support/images.yml"}


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "torch.yml").unlink()
    with pytest.raises(support.SupportError, match=r"support/torch\.yml"):
        support.load(copy)


def test_every_row_knows_where_it_was_read_and_when(table: Table) -> None:
    files = {"gpus": [*table.gpus, *table.targets], "systems": table.systems, "torch": table.torch}
    files |= {"images": table.images, "services": table.catalogue, "rocm": table.rocm}
    files |= {"drivers": [*table.drivers, *table.kernel_fixes], "repositories": [*table.keys, *table.repositories]}
    for name, rows in files.items():
        for row in rows:
            assert table.sources[name][row.source].as_of.year >= 2024


def test_importing_the_module_loads_neither_yaml_nor_pydantic() -> None:
    code = "import sys, control.support; sys.exit(bool({'yaml', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("system", "some"),
    [
        ("debian-12", {"docker.io", "rocminfo", "rocm-smi", "python3-torch", "firmware-amd-graphics"}),
        ("debian-13", {"docker.io", "docker-cli", "rocminfo", "python3-venv", "ca-certificates"}),
        ("ubuntu-24.04", {"docker.io", "rocminfo", "linux-firmware", "python3-requests"}),
    ],
)
def test_packages_for_a_system_are_those_of_every_role(table: Table, system: str, some: Any) -> None:
    names = table.packages_for(system)
    assert some <= set(names)
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("device", "revision", "name"),
    [
        ("73ff", "c7", "Radeon RX 6600"),
        ("73FF", "C1", "Radeon RX 6600 XT"),
        ("73ff", "99", "Navi 23 (1002:73ff)"),
        ("73ff", None, "Navi 23 (1002:73ff)"),
        ("ffff", "00", "unknown AMD GPU 1002:ffff"),
    ],
)
def test_the_revision_tells_the_products_of_one_device_id_apart(table: Table, device: str, revision: Any, name: str) -> None:
    assert table.gpu_name(device, revision) == name


@pytest.mark.parametrize(("gfx", "sibling"), [("gfx1032", "gfx1030"), ("gfx1103", "gfx1100"), ("gfx1100", None)])
def test_the_override_of_a_target_names_the_sibling_it_pretends_to_be(table: Table, gfx: str, sibling: str | None) -> None:
    target = table.target(gfx)
    assert target is not None
    assert target.override_gfx == sibling


def test_ollamas_target_list_lacks_the_small_rdna2_chips_and_torch_has_them(table: Table) -> None:
    assert "gfx1032" not in table.image("ollama-rocm").targets
    assert "gfx1032" in table.torch_rows("rocm")[0].targets
    assert "gfx1032" in table.image("rocm-pytorch").targets


@pytest.mark.parametrize(("asked", "found"), [("30.30", "30.30.0"), ("31.60.0", "31.60.0"), ("99", None), ("new", None)])
def test_a_driver_is_found_by_its_number_however_it_is_written(table: Table, asked: str, found: str | None) -> None:
    row = table.driver_by_version(asked)
    assert (row.version if row else None) == found


@pytest.mark.parametrize(("asked", "found"), [("7.2", "classic-7.2.0"), ("10.1.0", "core-10.1.0"), ("5.7.1", None)])
def test_amds_rocm_is_found_by_its_number_and_the_distributions_are_not_meant(
    table: Table, asked: str, found: str | None
) -> None:
    row = table.rocm_by_version(asked)
    assert (row.id if row else None) == found


def test_releases_come_newest_first_and_only_for_their_systems(table: Table) -> None:
    assert [row.version for row in table.rocm_rows("core", "ubuntu-26.04")][:2] == ["10.1.0", "10.0.0"]
    assert table.rocm_rows("classic", "ubuntu-26.04") == []
    assert [row.version for row in table.drivers_for("ubuntu-26.04")] == ["31.60.0", "31.50.0", "31.40.1", "31.40.0"]
    assert [row.id for row in table.drivers_for("debian-12", "inbox")] == ["inbox"]


@pytest.mark.parametrize(
    ("version", "series", "builds"),
    [("30.30.4", "6.17", True), ("30.30.4", "6.18", False), ("6.4.1", "6.14", False), ("31.60.0", "7.0", True)],
)
def test_a_driver_builds_up_to_its_own_kernel_or_what_is_known_beyond(
    table: Table, version: str, series: str, builds: bool
) -> None:
    row = table.driver_by_version(version)
    assert row is not None
    assert row.builds_for(series) is builds


def test_every_mirror_of_a_repository_is_a_variable_of_the_sites(table: Table) -> None:
    mirrors = {row.mirror for row in table.repositories if row.mirror}
    assert mirrors <= set(roles.defaults("sources"))
