"""The truth table: what loads, what is refused on load, and what it answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from control import answers, planner, support
from control.commands import ask
from control.paths import ROOT
from control.support import Table
from tests.unit.planner.conftest import snapshot, wishes


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
        ("gpus", "chip: Krackan Point, source: libdrm", "chip: Krackan Point", "'1114': source: missing"),
        ("gpus", "source: libdrm", "source: hearsay", "source 'hearsay' is not among the file's sources"),
        ("systems", "as_of: 2026-11-22", "on: 2026-11-22", "source 'debian-bookworm': as_of: missing"),
        ("systems", "as_of: 2026-11-22", "as_of: lately", "as_of: Input should be a valid date"),
        ("systems", 'version: "12"', 'version: "14"', "'debian-13' must stand before 'debian-12'"),
        ("systems", 'version: "12"', 'version: "twelve"', "version: Value error, Invalid version"),
        ("systems", "schema: 1", "schema: 2", "must be a mapping with schema: 1"),
        ("systems", "schema: 1", "schema: 1\nextra: 3", "unknown key 'extra'"),
        ("systems", "codename: bookworm", "codename: bookworm\n    codename: x", "key given twice: codename"),
        ("rocm", "systems: [debian-12]", "systems: [debian-11]", "no row 'debian-11' in systems"),
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
    assert any(said in problem and problem.startswith(f"support/{name}.yml") for problem in caught.value.problems)


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
    files |= {"drivers": [*table.drivers, *table.kernel_fixes]}
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


@pytest.mark.parametrize(
    ("asked", "names", "gfx"),
    [
        ("RX 6600", {"Radeon RX 6600"}, "gfx1032"),
        ("amd radeon rx 6600xt", {"Radeon RX 6600 XT"}, "gfx1032"),
        ("7900 XTX", {"Radeon RX 7900 XTX"}, "gfx1100"),
        ("9070", {"Radeon RX 9070"}, "gfx1201"),
        ("MI300X", {"Instinct MI300X"}, "gfx942"),
        ("890M", {"Radeon 890M"}, "gfx1150"),
        ("strix halo", {"Radeon 8060S", "Radeon 8050S", "Radeon 8040S"}, "gfx1151"),
        ("RX 580", {"Radeon RX 580 Series", "Radeon RX 580 2048SP"}, "gfx803"),
        ("1002:744c", {"Radeon RX 7900 XTX", "Radeon RX 7900 XT", "Radeon RX 7900 GRE", "Radeon RX 7900M"}, "gfx1100"),
    ],
)
def test_a_gpu_is_found_by_name_chip_and_id(table: Table, asked: str, names: Any, gfx: str) -> None:
    found = answers.find(table, asked)
    assert {one.name for one in found} == names
    assert {one.gfx for one in found} == {gfx}


@pytest.mark.parametrize(("asked", "near"), [("Vega 64", "Radeon RX Vega"), ("RX 6650", "Radeon RX 6650 XT")])
def test_what_is_not_known_by_that_name_leads_to_what_is(table: Table, asked: str, near: str) -> None:
    try:
        names = {one.name for one in answers.find(table, asked)}
    except answers.UnknownError as error:
        names = set(error.near)
    assert near in names


def test_nothing_is_made_up_for_another_makers_card(table: Table) -> None:
    with pytest.raises(answers.UnknownError, match="does not know 'GTX 1080'"):
        answers.find(table, "GTX 1080")


def test_the_answer_says_per_consumer_whether_the_override_is_needed(table: Table) -> None:
    text = ask.answered(table, "RX 6600", "ubuntu-24.04")
    assert "runs with HSA_OVERRIDE_GFX_VERSION=10.3.0" in text
    assert "must not be" in text
    assert "ubuntu-24.04" in text
    assert "debian-12" not in text


def test_an_unknown_system_is_answered_with_those_near(table: Table) -> None:
    with pytest.raises(answers.UnknownError) as caught:
        ask.answered(table, "", "ubuntu-25.10")
    assert "ubuntu-24.04" in caught.value.near


def test_a_new_release_takes_nothing_but_a_row(copy: Path) -> None:
    """What docs/add-a-rocm-release.md tells a newcomer to do, done with an invented release."""
    with (copy / "torch.yml").open("a", encoding="utf-8") as file:
        file.write(
            "  - {id: rocm10.2.0-2.14.0, build: rocm, version: '2.14.0', rocm: '10.2.0',\n"
            "     requirement: 'torch[device-{gfx}]==2.14.0+rocm10.2.0', index_url: 'https://example.org/whl/',\n"
            "     python: {min: '3.10', max: '3.14'}, targets: [gfx1032],\n"
            "     size: {download_mb: 1, disk_mb: 1, basis: estimate}, source: therock-releases}\n"
        )
    plan = planner.plan(snapshot("debian-12-rx6600"), wishes(), support.load(copy), "gpu01")
    assert plan.roles["pytorch"]["requirements"][0] == "torch[device-gfx1032]==2.14.0+rocm10.2.0"
    other = planner.plan(snapshot("ubuntu-24.04-rx7900xtx"), wishes(), support.load(copy), "gpu01")
    assert other.roles["pytorch"]["requirements"][0] == "torch[device-gfx1100]==2.13.0+rocm10.0.0"
