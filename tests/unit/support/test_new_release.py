"""What docs/add-a-rocm-release.md tells a newcomer to do, done: its YAML, put where it says, into a copy of support/."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from control import planner, support
from control.commands import ask
from control.paths import ROOT
from tests.unit.planner.conftest import container, snapshot, wishes

GUIDE = (ROOT / "docs" / "add-a-rocm-release.md").read_text(encoding="utf-8")
XTX, RX6600 = "ubuntu-24.04-rx7900xtx", "debian-12-rx6600"

BLOCK = re.compile(r"```yaml\n# (?P<files>[^,\n]+), (?P<where>[^\n]+)\n(?P<rows>.*?)```", re.DOTALL)
REPLACED = re.compile(r"^\| (support/\w+\.yml) \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def put(text: str, where: str, rows: str) -> str:
    """``text`` with rows under ``sources:``, or after the row with an id."""
    if where == "under sources":
        return text.replace("sources:\n", f"sources:\n{rows}", 1)
    before, found, after = text.partition(f"  - id: {where.removeprefix('after ')}\n")
    assert found, f"no row to put it {where}"
    end = re.search(r"^(?=  - |\S)", after, re.MULTILINE)
    at = end.start() if end else len(after)
    return before + found + after[:at] + rows + after[at:]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> support.Table:
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(support.SUPPORT_DIR, root / "support")
    edit(root)
    return support.load(root / "support")


def edit(root: Path, without: str = "") -> None:
    """Everything that the guide says, but for the step that names ``without``."""
    for block in BLOCK.finditer(GUIDE):
        if without and without in block["where"]:
            continue
        for name in block["files"].split():
            path = root / name
            path.write_text(put(path.read_text(encoding="utf-8"), block["where"], block["rows"]), encoding="utf-8")
    for name, old, new in REPLACED.findall(GUIDE):
        if without and without in name:
            continue
        path = root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_guide_edits_four_files_and_nothing_but_yaml() -> None:
    files = {name for block in BLOCK.finditer(GUIDE) for name in block["files"].split()}
    assert files == {f"support/{name}.yml" for name in ("drivers", "rocm", "torch", "images")}
    assert {name for name, _, _ in REPLACED.findall(GUIDE)} <= files


def test_support_answers_with_the_new_release(table: support.Table) -> None:
    text = ask.answered(table, rocm="10.2", gpu="7900 XTX", os="ubuntu-24.04")
    assert "ROCm 10.2.0" in text
    assert "/opt/rocm/core-10.2" in text
    assert "driver 31.70.0" in text
    assert "PyTorch 2.15.0" in ask.answered(table, gpu="RX 6600", os="debian-12")


def plan(table: support.Table, sample: str, **wanted: Any) -> planner.Plan:
    return planner.plan(snapshot(sample), wishes(**wanted), table, "gpu01")


def test_the_planner_chooses_its_driver_and_its_rocm(table: support.Table) -> None:
    roles = plan(table, XTX, amdgpu_driver="dkms", rocm_stream="core").roles
    assert (roles["amdgpu"]["driver"], roles["amdgpu"]["version"]) == ("dkms", "31.70.0")
    assert roles["amdgpu"]["repositories"][0]["url"] == "https://repo.radeon.com/amdgpu/31.70/ubuntu"
    assert (roles["rocm"]["version"], roles["rocm"]["prefix"]) == ("10.2.0", "/opt/rocm/core-10.2")
    assert "amdrocm10.2-gfx1100" in roles["rocm"]["packages"]


def test_the_planner_chooses_its_wheel_and_its_image(table: support.Table) -> None:
    chosen = plan(table, RX6600)
    assert chosen.roles["pytorch"]["requirements"][0] == "torch[device-gfx1032]==2.15.0+rocm10.2.0"
    (build,) = [one["build"] for one in chosen.roles["services"]["images"] if one.get("build")]
    assert build["args"]["BASE"] == "rocm/pytorch:rocm10.2_ubuntu24.04_py3.12_pytorch_release_2.15.0"
    assert container(chosen, "jupyter")["override"] is None


def test_a_gpu_that_the_new_release_lacks_stays_with_the_one_before(table: support.Table) -> None:
    host = snapshot(RX6600, lambda host: host["gpus"][0].update(device_id="73df", gfx="gfx1031"))
    chosen = planner.plan(host, wishes(), table, "gpu01")
    assert chosen.roles["pytorch"]["requirements"][0] == "torch[device-gfx1031]==2.14.0+rocm10.1.0"


@pytest.mark.parametrize(
    ("forgotten", "said"),
    [
        ("support/drivers.yml", "'core-10.2.0': driver: includes 31.60.0, whose own range does the opposite"),
        ("support/rocm.yml", "'core-10.1.0': driver: leaves out 31.70.0, whose own range does the opposite"),
        ("under sources", "source 'rocm-10.2' is not among the file's sources"),
        ("after rocm-pytorch-py3.14", "no row 'rocm-pytorch-10.2' in images"),
    ],
)
def test_a_step_that_was_forgotten_is_told_by_its_row(tmp_path: Path, forgotten: str, said: str) -> None:
    shutil.copytree(support.SUPPORT_DIR, tmp_path / "support")
    edit(tmp_path, without=forgotten)
    with pytest.raises(support.SupportError, match=re.escape(said)):
        support.load(tmp_path / "support")
